"""What the documents under docs/ show still happens, and the files that they name are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import locality

ROOT = Path(__file__).resolve().parents[1]
LIFE = (ROOT / "docs" / "life-of-a-query.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def block(marker: str) -> str:
    match = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", LIFE, re.DOTALL)
    assert match is not None
    return match[1]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("life")
    subprocess.run([sys.executable, "-c", block("setup")], check=True, cwd=path)
    return path


def test_the_query_lives_as_told(directory: Path) -> None:
    with locality.connect(directory / "sales.locality", read_only=True) as con:
        result = con.sql(block("query"))
        assert result.profile.engine == "locality"
        assert result.to_text().strip() in LIFE
        plan = str(con.explain(block("query"))).partition("\n\n")[2]
        assert plan in LIFE
        described = str(con.info())
        shown = re.findall(r"^(?:day|region|quantity|price) +\S+ +\S+ +\S+ +\S+", LIFE, re.MULTILINE)
        assert len(shown) == 4
        assert all(line in described for line in shown)


def test_the_trace_prints_every_room(directory: Path) -> None:
    command = [sys.executable, str(ROOT / "docs" / "trace.py"), "sales.locality", block("query")]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=directory, encoding="utf-8")
    titles = ["the plan, decoded", "the plan, optimized", "the operators", "a kernel", "the answer", "the ledger"]
    positions = [run.stdout.find(f"--- {title}") for title in titles]
    assert -1 not in positions
    assert positions == sorted(positions)
    shown = re.search(r"```python\n(@jit\n.*?)```", LIFE, re.DOTALL)
    assert shown is not None
    assert shown[1] in run.stdout, "the kernel changed: paste what docs/trace.py prints into docs/life-of-a-query.md"


def test_the_fallback_gives_the_reason_that_is_shown(directory: Path) -> None:
    code = f"import locality\ncon = locality.connect('sales.locality')\n{block('fallback')}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=directory)
    assert run.stdout.strip() in LIFE
    assert run.stdout.startswith("duckdb | ")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_links_that_are_named_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target
    for name in re.findall(r"`((?:locality|benchmarks|datasets|docs)/[\w/.-]+)`", text):
        assert (ROOT / name).exists(), name


def test_registries_that_are_named_exist() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name, path in re.findall(r"`(\w+)` in `((?:locality|benchmarks)/[\w/.]+)`", text):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), (name, path)
