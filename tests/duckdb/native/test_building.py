"""Compiling the extension: what is asked for, where it is kept, and what is said where it can't be."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import duckdb
import pytest

import locality
from locality.duckdb import native
from locality.duckdb.native import building
from locality.errors import LocalityError, StoreError

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or duckdb.__version__ < "2", reason="the extension is for DuckDB 2.0 on Linux"
)
#: Writes a file that is no library to the path behind -o.
COMPILES = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho compiled > "$2"\n'
FAILS = "#!/bin/sh\necho 'no such header' >&2\nexit 1\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALITY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A source package of the installed version without headers."""
    root = tmp_path / f"duckdb-{duckdb.__version__}"
    root.mkdir()
    (root / "PKG-INFO").write_text(f"Name: duckdb\nVersion: {duckdb.__version__}\n")
    (root / "setup.py").write_text("not needed")
    package = tmp_path / f"{root.name}.tar.gz"
    with tarfile.open(package, "w:gz") as file:
        file.add(root, root.name)
    return package


def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "compiler"
    path.write_text(text)
    path.chmod(0o700)
    monkeypatch.setenv("CXX", str(path))


def test_what_was_compiled_is_kept_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, sources: Path
) -> None:
    compiler(tmp_path, monkeypatch, COMPILES)
    path = native.build(sources)
    assert path.is_relative_to(cache / "native") and path.read_bytes().startswith(b"compiled\n")
    assert path == building.built()
    assert path == native.build(tmp_path / f"duckdb-{duckdb.__version__}")  # unpacked
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_duckdb_reads_what_stands_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: Path) -> None:
    compiler(tmp_path, monkeypatch, COMPILES)
    path = native.build(sources)
    raw = duckdb.connect(config={"allow_unsigned_extensions": True})
    with raw, pytest.raises(duckdb.IOException, match="could not be loaded"):  # past its checks of version and platform
        raw.execute(f"load '{path}'")
    with locality.attach(duckdb.connect(tmp_path / "my.duckdb")) as con:
        with pytest.raises(StoreError, match="allow_unsigned_extensions"):
            native.install(con)
        assert con.execute("select 1").fetchall() == [(1,)]


def test_errors_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: Path) -> None:
    with pytest.raises(StoreError, match=f"pip download .* duckdb=={duckdb.__version__}"):
        building.built()
    compiler(tmp_path, monkeypatch, FAILS)
    with pytest.raises(StoreError, match="no such header"):
        native.build(sources)
    with pytest.raises(StoreError, match="can't be read"):
        native.build(tmp_path / "absent.tar.gz")
    with pytest.raises(StoreError, match="PKG-INFO is not there"):
        native.build(tmp_path)
    (tmp_path / "PKG-INFO").write_text("Version: 1.0.0\n")
    with pytest.raises(StoreError, match="another version"):
        native.build(tmp_path)
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StoreError, match="no C\\+\\+ compiler"):
        native.build(sources)


def test_what_others_may_have_written_is_not_loaded(cache: Path) -> None:
    (cache / "native").mkdir(parents=True)
    (cache / "native").chmod(0o777)
    with pytest.raises(LocalityError, match="other users"):
        building.built()


def test_databases_in_memory_have_none() -> None:
    with locality.attach() as con, pytest.raises(StoreError, match="in files"):
        native.install(con)
