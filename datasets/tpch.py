"""TPC-H data at any scale as Parquet files, made by ``tpchgen-cli`` and cached by scale."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from locality.errors import SourceError

from .cache import data_directory, staging

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")

PRIMARY_KEYS = {
    "region": ("r_regionkey",),
    "nation": ("n_nationkey",),
    "supplier": ("s_suppkey",),
    "customer": ("c_custkey",),
    "part": ("p_partkey",),
    "partsupp": ("ps_partkey", "ps_suppkey"),
    "orders": ("o_orderkey",),
    "lineitem": ("l_orderkey", "l_linenumber"),
}

#: The tables that columns refer to, by their primary keys.
PARENTS = {
    "nation": {"n_regionkey": "region"},
    "supplier": {"s_nationkey": "nation"},
    "customer": {"c_nationkey": "nation"},
    "partsupp": {"ps_partkey": "part", "ps_suppkey": "supplier"},
    "orders": {"o_custkey": "customer"},
    "lineitem": {
        "l_orderkey": "orders",
        "l_partkey": "part",
        "l_suppkey": "supplier",
        "l_partkey, l_suppkey": "partsupp",
    },
}

#: What a table is sorted by for the engines that run on sorted data: most queries ask for a range of these dates.
SORTED_BY = {"lineitem": ("l_shipdate",), "orders": ("o_orderdate",)}

_MESSAGE_LINES = 5


def ensure_tables(scale: float, tables: Iterable[str] = TABLES) -> dict[str, Path]:
    """The Parquet file of each table at this scale factor, generated first where it isn't cached.

    Scale factor 1 has 6,001,215 lines (about 230 MB of Parquet, 4 s to generate); 0.001 is the smallest useful one. The
    generator shows its progress on standard error if that is a terminal.

    Raises:
        SourceError: the scale isn't positive, a table isn't one of TPC-H's, the generator is missing or fails.
    """
    if not scale > 0:
        raise SourceError(f"TPC-H scale factor {scale:g} is not positive; 1 is the usual one")
    wanted = tuple(tables)
    unknown = [table for table in wanted if table not in TABLES]
    if unknown:
        raise SourceError(f"TPC-H has no table {', '.join(unknown)}; it has {', '.join(TABLES)}")
    directory = data_directory() / "tpch" / f"sf{scale:g}"
    missing = [table for table in wanted if not _path(directory, table).exists()]
    if missing:
        with staging(directory) as scratch:
            _generate(scale, missing, scratch)
    return {table: _path(directory, table) for table in wanted}


def generator() -> Path | None:
    """The installed ``tpchgen-cli`` program: beside this interpreter, or on the PATH; None if there is neither."""
    beside = shutil.which("tpchgen-cli", path=sysconfig.get_path("scripts"))
    found = beside or shutil.which("tpchgen-cli")
    return Path(found) if found else None


def _path(directory: Path, table: str) -> Path:
    return directory / f"{table}.parquet"


def _generate(scale: float, tables: list[str], directory: Path) -> None:
    program = generator()
    if program is None:
        raise SourceError("tpchgen-cli, which makes the TPC-H data, is not installed: pip install 'locality[bench]'")
    on_terminal = sys.stderr.isatty()
    command = [str(program), "parquet", "--scale-factor", f"{scale:g}", "--output-dir", str(directory)]
    command += ["--tables", ",".join(tables)]
    if not on_terminal:
        command.append("--no-progress")
    # Progress goes straight to the terminal; elsewhere the messages are kept for the error.
    output = None if on_terminal else subprocess.PIPE
    finished = subprocess.run(command, stdout=output, stderr=output, text=True, check=False)
    lacking = [table for table in tables if not _path(directory, table).exists()]
    if finished.returncode == 0 and not lacking:
        return
    said = "\n".join(((finished.stderr or "") + (finished.stdout or "")).strip().splitlines()[-_MESSAGE_LINES:])
    problem = f"exit status {finished.returncode}" if finished.returncode else f"no file for {', '.join(lacking)}"
    raise SourceError(
        f"tpchgen-cli could not make TPC-H data at scale {scale:g} in {directory}: {problem}\n{said}".strip()
    )
