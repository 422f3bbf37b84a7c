"""The README's example prints what it says, and its figures and those of docs/figures.md are the stored records'."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def figures_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    match = re.search(r"<!-- example -->\n```python\n(.*?)```.*?```text\n(.*?)```", README, re.DOTALL)
    assert match is not None
    run = subprocess.run([sys.executable, "-c", match[1]], capture_output=True, text=True, cwd=tmp_path)
    assert run.stderr == ""
    assert run.stdout == match[2]


def test_the_figures_are_those_of_the_stored_records() -> None:
    assert figures_script().main(["--check"]) == 0


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert set(re.findall(r"\bmake (\w+)", text)) <= targets, document
