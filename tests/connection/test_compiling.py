"""Kernels that are not compiled yet: what the profile tells, a program that ends meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from locality.kernel.cache import CACHE_DIR_VARIABLE
from locality.kernel.loader import is_interpreted

pytestmark = pytest.mark.skipif(is_interpreted(), reason="nothing is compiled")

SETUP = """
import time
import pyarrow as pa
import locality
con = locality.connect()
numbers = pa.array(range(1000))
con.ingest("t", pa.table({"a": numbers, "b": pa.array([n * n % 7 for n in range(1000)])}))
sql = "select b, sum(a) from t where a > 10 group by b order by b"
"""

IN_FRONT = """
first, second = con.sql(sql), con.sql(sql)
assert first.profile.engine == "locality", first.profile
assert first.profile.kernels_compiled >= 1
assert first.profile.compile_seconds > 0
assert second.profile.kernels_compiled == second.profile.compile_seconds == 0
"""

OPTIMISED = """
con.ingest("u", pa.table({"a": pa.array(range(500_000))}))
for least in (1, 2):
    for query in ("sum(a * 3)", "sum(a) + min(a)"):
        assert con.sql(f"select {query} from u where a > {least}").profile.engine == "locality"
    time.sleep(0.15)
"""


@pytest.mark.parametrize("script", [IN_FRONT, OPTIMISED], ids=["in front", "optimised"])
def test_a_program_with_an_empty_cache(tmp_path: Path, script: str) -> None:
    environment = {**os.environ, CACHE_DIR_VARIABLE: str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SETUP + script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.rglob("*.tmp"))
