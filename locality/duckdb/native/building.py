"""Compiling the extension against the headers of the DuckDB that is installed, and where it is kept.

An extension of C++ fits one version of DuckDB alone, whose classes it uses as they lie in memory. So it is kept by the
version and by its own text, and compiled only against headers of that version. The functions that it calls are those
of the Python client, which exports them.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import _duckdb
import duckdb

from locality.errors import StoreError
from locality.kernel.cache import cache_directory, private_directory

#: DuckDB finds the functions of an extension by the name of its file.
NAME = "locality_hook"
_SOURCE = Path(__file__).with_name("hook.cpp")
_HEADERS = Path("external", "duckdb", "src", "include")
_COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-DNDEBUG", "-DDUCKDB_BUILD_LOADABLE_EXTENSION")
#: What DuckDB reads at the end of an extension: texts of 32 bytes, and the place of a signature.
_FIELD, _SIGNATURE = 32, 256


def build(sources: Path) -> Path:
    """Compile the extension, some 10 seconds, and keep it in the user's cache directory.

    Args:
        sources: the source package of the DuckDB that is installed, as ``pip download --no-binary duckdb --no-deps
            duckdb==VERSION`` fetches it, or the directory that it was unpacked to.

    Raises:
        StoreError: there is no compiler, these are not the sources of this version, or they don't compile.
    """
    if sys.platform != "linux" or duckdb.__version__ < "2":
        raise StoreError("the extension is for DuckDB 2.0 and newer on Linux, whose client exports what it calls")
    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise StoreError(f"there is no C++ compiler: neither of {', '.join(_COMPILERS)} was found, and CXX is not set")
    client = Path(str(_duckdb.__file__))
    target = _path()
    with _unpacked(sources) as root, tempfile.TemporaryDirectory() as folder:
        _check_version(root)
        library = Path(folder, "library.so")
        call = [*shlex.split(compiler), *_FLAGS, "-isystem", str(root / _HEADERS), "-o", str(library), str(_SOURCE)]
        done = subprocess.run(
            [*call, str(client), f"-Wl,-rpath,{client.parent}"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StoreError(f"the extension doesn't compile:\n{done.stderr}")
        target.parent.mkdir(mode=0o700, exist_ok=True)
        written = target.with_suffix(f".{os.getpid()}")
        written.write_bytes(library.read_bytes() + _footer())
        written.replace(target)
    return target


def is_built() -> bool:
    """Whether the extension was compiled for the DuckDB that is installed; LocalityError if others may have done it."""
    return _path().exists()


def built() -> Path:
    """The extension for the DuckDB that is installed; raises StoreError if it was not compiled."""
    path = _path()
    if not is_built():
        raise StoreError(
            f"the extension was not compiled for DuckDB {duckdb.__version__}: fetch its source package (pip download"
            f" --no-binary duckdb --no-deps duckdb=={duckdb.__version__}) and compile the extension (python -m"
            f" locality.duckdb.native duckdb-{duckdb.__version__}.tar.gz)"
        )
    return path


def _path() -> Path:
    digest = hashlib.sha256("\n".join((*_client(), _duckdb.__file__, _SOURCE.read_text())).encode()).hexdigest()
    return private_directory(cache_directory() / "native") / digest[:32] / f"{NAME}.duckdb_extension"


@cache
def _client() -> tuple[str, str]:
    """The version and the platform, as DuckDB writes them."""
    with duckdb.connect(":memory:") as connection:
        version = connection.sql("select library_version from pragma_version()").fetchall()
        platform = connection.sql("select platform from pragma_platform()").fetchall()
    return str(version[0][0]), str(platform[0][0])


def _footer() -> bytes:
    """What DuckDB's ``src/include/duckdb/main/extension.hpp`` calls ParsedExtensionMetaData, from the last field on."""
    version, platform = _client()
    fields = ("", "", "", "CPP", "1", version, platform, "4")
    return b"".join(field.encode().ljust(_FIELD, b"\0") for field in fields) + bytes(_SIGNATURE)


@contextmanager
def _unpacked(sources: Path) -> Iterator[Path]:
    if sources.is_dir():
        yield sources
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(sources) as package:
                members = [each for each in package if _is_needed(each.name)]
                package.extractall(folder, members, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise StoreError(f"{sources} can't be read as DuckDB's source package: {error}") from None
        yield next(Path(folder).iterdir(), Path(folder))


def _is_needed(name: str) -> bool:
    inner = Path(*Path(name).parts[1:])
    return inner.is_relative_to(_HEADERS) or inner == Path("PKG-INFO")


def _check_version(root: Path) -> None:
    try:
        lines = (root / "PKG-INFO").read_text().splitlines()
    except OSError:
        raise StoreError(f"{root} is not DuckDB's source package: PKG-INFO is not there") from None
    if f"Version: {duckdb.__version__}" not in lines:
        raise StoreError(f"these are the sources of another version than {duckdb.__version__}, which is installed")
