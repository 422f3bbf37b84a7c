"""The private directory of kernels, as text and as machine code: names by content, atomic writes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import platformdirs

from locality.errors import LocalityError
from locality.kernel.eviction import keep_small, touch

CACHE_DIR_VARIABLE = "LOCALITY_CACHE_DIR"


def key(source: str) -> str:
    """The name of a kernel: a hash of its text and of all that it is compiled with."""
    return hashlib.sha256(f"{environment()}\n{source}".encode()).hexdigest()[:32]


@cache
def environment() -> str:
    """A hash of the primitives' text, of what makes machine code of it, and of the versions of all that it uses."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    makers = (here / "compiler.py", here / "native.py", *sorted((here / "lowering").glob("*.py")))
    for path in (*makers, *sorted((here / "primitives").glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = (sys.version, np.__version__, version("llvmlite"))
    digest.update("\n".join(versions).encode())
    return digest.hexdigest()


def write(key: str, source: str) -> Path:
    """The file of a kernel, written unless an intact one is there."""
    try:
        return _write(private_directory(configured_directory()), key, source)
    except OSError:
        return _write(_temporary_directory(), key, source)


def write_code(name: str, code: bytes) -> None:
    """Keeps an object file; where that can't be done, it will be compiled again."""
    with contextlib.suppress(OSError):
        directory = machine_code_directory()
        _replace(directory / name, hashlib.sha256(code).digest() + code)
        keep_small(directory.parent)


def read_code(name: str) -> bytes | None:
    """An object file that was kept, if it is there and whole: damaged code could do anything."""
    path = machine_code_directory() / name
    try:
        content = path.read_bytes()
    except OSError:
        return None
    touch(path)
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def drop_code(name: str) -> None:
    """Removes an object file that is not needed any more."""
    with contextlib.suppress(OSError):
        (machine_code_directory() / name).unlink()


def machine_code_directory() -> Path:
    """Where the machine code of this environment is kept, of primitives and of kernels."""
    name = _code_directory_name()
    try:
        directory = private_directory(configured_directory()) / name
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        directory = _temporary_directory() / name
        directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _code_directory_name() -> str:
    return f"machine_code_{environment()[:16]}"


def configured_directory() -> Path:
    """Where kernels are kept: ``$LOCALITY_CACHE_DIR/kernels``, by default in the user's cache directory."""
    return cache_directory() / "kernels"


def cache_directory() -> Path:
    """Where code is kept: ``$LOCALITY_CACHE_DIR``, by default in the user's cache directory."""
    return Path(os.environ.get(CACHE_DIR_VARIABLE) or platformdirs.user_cache_dir("locality", appauthor=False))


@cache
def _temporary_directory() -> Path:
    """A private directory for this process, where the configured one can't be written."""
    holder = tempfile.TemporaryDirectory(prefix="locality-kernels-")
    _holders.append(holder)
    return Path(holder.name)


_holders: list[tempfile.TemporaryDirectory[str]] = []


def private_directory(directory: Path) -> Path:
    """Makes the directory, for its owner only; raises LocalityError if other users can write to it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if hasattr(os, "getuid"):
        foreign = status.st_uid != os.getuid()
        if foreign or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise LocalityError(
                f"the cache {directory} can be written by other users, whose code would then be run; "
                f"make it private (chmod 700) or set {CACHE_DIR_VARIABLE} to a directory of your own"
            )
    return directory


def _write(directory: Path, key: str, source: str) -> Path:
    path = directory / f"kernel_{key}.py"
    content = source.encode()
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            touch(path)
            return path
    _replace(path, content)
    return path


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=".kernel_", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
