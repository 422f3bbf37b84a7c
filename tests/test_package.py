"""What importing and installing Locality brings along, and what it does not."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import locality
from locality import errors

ROOT = Path(__file__).resolve().parents[1]

HEAVY = [
    "llvmlite",
    "pandas",
    "polars",
    "rich",
    "click",
    "pyarrow.dataset",
    "pyarrow.compute",
    "pyarrow.parquet",
]


def modules_after(statement: str) -> set[str]:
    """The modules that a new interpreter has loaded after ``statement``."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.split())


@pytest.mark.parametrize("statement", ["import locality", "from locality import connect, Connection, Result"])
def test_importing_leaves_heavy_modules_alone(statement: str) -> None:
    loaded = modules_after(statement)
    assert "locality" in loaded
    assert loaded & set(HEAVY) == set()


def test_the_command_shows_its_help_without_the_engine() -> None:
    loaded = modules_after("from locality.cli.main import run\nassert run(['--help']) == 0")
    assert loaded.isdisjoint({"llvmlite", "pyarrow", "duckdb", "pandas", "rich", "locality.connection"})


def test_attaching_leaves_the_engine_alone() -> None:
    loaded = modules_after("import duckdb, locality\ncon = locality.attach(duckdb.connect())\ncon.execute('select 1')")
    assert loaded.isdisjoint({"llvmlite", "pyarrow", "numpy", "pandas", "locality.connection", "locality.types"})


def test_every_public_name_is_there() -> None:
    assert set(locality.__all__) <= set(dir(locality))
    for name in locality.__all__:
        assert getattr(locality, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = locality.nothing_like_it


def test_every_exception_is_exported_documented_and_of_one_family() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    public = defined - {"Unsupported"}
    assert public == {name for name in locality.__all__ if isinstance(getattr(locality, name), type)} & defined
    documented = set(
        re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert documented == public
    assert all(issubclass(getattr(errors, name), errors.LocalityError) for name in defined)


def test_a_wheel_holds_one_package_only(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (path,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {name.split("/")[0] for name in names} == {"locality", f"locality-{locality.__version__}.dist-info"}
    assert f"Version: {locality.__version__}" in metadata
    wanted = {
        "locality/py.typed",
        "locality/connection.py",
        "locality/_suites/__init__.py",
        "locality/_suites/benchmarks/cli.py",
        "locality/_suites/datasets/tpch.py",
    }
    assert wanted <= set(names)
    assert not [name for name in names if "cache/" in name or name.endswith((".parquet", ".pyc"))]


def test_an_unpacked_wheel_finds_its_suites(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (path,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site'); import locality._suites.benchmarks.cli as cli, locality\n"
        "assert 'site' in locality.__file__, locality.__file__\n"
        "assert 'site' in cli.__file__, cli.__file__"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
