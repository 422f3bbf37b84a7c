"""Loading kernels: the cache of files, its privacy, and what is imported when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from locality.errors import LocalityError
from locality.kernel import cache
from locality.kernel.builder import Builder, add, load
from locality.kernel.ir import Array, Function, Scalar
from locality.kernel.loader import is_interpreted, primitive
from locality.kernel.loader import load as load_kernel

needs_compiler = pytest.mark.skipif(is_interpreted(), reason="nothing is compiled")


def identity(scalar: Scalar) -> Function:
    b = Builder()
    return b.build(b.parameter(scalar))


def increment(scalar: Scalar = Scalar.I64) -> Function:
    b = Builder()
    values, amount = b.parameter(Array(scalar)), b.parameter(scalar)
    with b.loop(b.parameter(Scalar.I64)) as i:
        b.store(values, i, add(load(values, i), amount))
    return b.build()


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def test_equal_kernels_are_loaded_once() -> None:
    assert load_kernel(increment()) is load_kernel(increment())
    assert load_kernel(increment()) is not load_kernel(increment(), "with another docstring")


def test_equal_text_over_other_types_is_another_kernel() -> None:
    wide, narrow = load_kernel(increment(Scalar.U64)), load_kernel(increment(Scalar.F64))
    assert wide.source == narrow.source
    assert wide.key != narrow.key


def test_files_are_private_and_written_once(private_cache: Path) -> None:
    path = cache.write("k1", "a = 1\n")
    assert path == private_cache / "kernel_k1.py"
    if os.name == "posix":
        assert private_cache.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_mode & 0o077 == 0
    number = path.stat().st_ino
    os.utime(path, (1, 1))
    assert cache.write("k1", "a = 1\n").stat().st_ino == number
    assert path.stat().st_mtime > 1, "files that are used are touched"
    assert [p.name for p in private_cache.iterdir()] == ["kernel_k1.py"]


def test_a_damaged_file_is_written_anew(private_cache: Path) -> None:
    path = cache.write("k2", "a = 1\n")
    path.write_text("a = ")
    assert cache.write("k2", "a = 1\n").read_text() == "a = 1\n"


@pytest.mark.skipif(os.name != "posix", reason="modes of directories are POSIX's")
def test_a_directory_that_others_can_write_to_is_refused(private_cache: Path) -> None:
    private_cache.mkdir(parents=True)
    private_cache.chmod(0o777)
    with pytest.raises(LocalityError, match="chmod 700"):
        cache.write("k3", "a = 1\n")


def test_a_place_that_can_not_be_written_falls_back_to_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.CACHE_DIR_VARIABLE, str(tmp_path / "file"))
    path = cache.write("k4", "a = 1\n")
    assert path.read_text() == "a = 1\n"
    assert tmp_path not in path.parents


def test_compiled_kernels_take_read_only_arrays_that_they_do_not_write() -> None:
    b = Builder()
    values, out = b.parameter(Array(Scalar.I16)), b.parameter(Array(Scalar.I16))
    part = b.slice(out, b.parameter(Scalar.I64), b.parameter(Scalar.I64))
    with b.loop(b.parameter(Scalar.I64)) as i:
        b.store(part, i, load(values, i))
    kernel = load_kernel(b.build())
    source = np.arange(4, dtype=np.int16)
    source.flags.writeable = False
    for function in (kernel.compiled, kernel.interpreted):
        target = np.zeros(6, np.int16)
        function(source, target, 1, 5, 4)
        assert target.tolist() == [0, 0, 1, 2, 3, 0]


@needs_compiler
def test_compiled_kernels_refuse_other_types() -> None:
    kernel = load_kernel(increment())
    read_only = np.zeros(3, np.int64)
    read_only.flags.writeable = False
    with pytest.raises(TypeError):
        kernel.compiled(read_only, 1, 3)
    with pytest.raises(TypeError):
        kernel.compiled(np.zeros(3, np.float64), 1, 3)
    with pytest.raises(TypeError):
        kernel.compiled(np.zeros(6, np.int64)[::2], 1, 3)


@needs_compiler
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (Scalar.BOOL, True),
        (Scalar.BOOL, False),
        (Scalar.I8, -128),
        (Scalar.U8, 255),
        (Scalar.I32, -(2**31)),
        (Scalar.U32, 2**32 - 1),
        (Scalar.I64, -(2**63)),
        (Scalar.U64, 2**64 - 1),
        (Scalar.F32, 0.5),
        (Scalar.F64, -1e300),
        (Scalar.F64, float("inf")),
    ],
)
def test_scalars_pass_through_machine_code_as_they_are(scalar: Scalar, value: float) -> None:
    kernel = load_kernel(identity(scalar))
    assert kernel.compiled(value) == value
    assert kernel.compiled(getattr(np, scalar.value)(value)) == value


def test_arguments_that_are_bound_need_not_be_passed() -> None:
    kernel = load_kernel(increment())
    values = np.zeros(3, np.int64)
    bound = kernel.bind((values, None, 2))
    for amount in (5, 7):
        bound(amount)
    assert values.tolist() == [12, 12, 0]
    with pytest.raises(TypeError):
        bound(5, 2)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_python_calls_primitives_for_the_types_of_its_arrays(dtype: type) -> None:
    cells = np.arange(12, dtype=dtype).reshape(4, 3)
    kept = np.zeros((3, 2), dtype)
    assert primitive("keep_rows")(cells, np.array([3, 1]), 2, kept) == 2
    assert kept.T.tolist() == cells[[3, 1]].tolist()


SCRIPT = """
import sys
from locality.kernel.builder import Builder, trunc_div
from locality.kernel.ir import Scalar
from locality.kernel.loader import load
b = Builder()
kernel = load(b.build(trunc_div(b.parameter(Scalar.I32), b.parameter(Scalar.I32))))
assert kernel.interpreted(-7, 2) == -3
assert "llvmlite" not in sys.modules, "interpreting imported LLVM"
assert kernel.compiled(-7, 2) == -3
print(type(kernel.compiled).__name__)
"""


@pytest.mark.parametrize(("disabled", "kind"), [("0", "NativeKernel"), ("1", "function")])
def test_interpreting_needs_no_compiler(tmp_path: Path, disabled: str, kind: str) -> None:
    environment = {**os.environ, "LOCALITY_INTERPRET": disabled, cache.CACHE_DIR_VARIABLE: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == kind


def test_machine_code_is_read_from_the_cache_by_another_process(tmp_path: Path) -> None:
    environment = {**os.environ, "LOCALITY_INTERPRET": "0", cache.CACHE_DIR_VARIABLE: str(tmp_path)}
    runs = []
    script = SCRIPT + "print('locality.kernel.compiler' in sys.modules)"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
        files = {path: path.stat().st_ino for path in (tmp_path / "kernels").glob("machine_code_*/*")}
        runs.append((done.stdout.split()[-1], files))
    assert {path.suffix for path in runs[0][1]} == {".o"}
    assert runs[0][1] == runs[1][1]
    assert (runs[0][0], runs[1][0]) == (b"True", b"False")


@needs_compiler
@pytest.mark.skipif(os.name != "posix", reason="modes of directories are POSIX's")
def test_damaged_machine_code_is_compiled_again(tmp_path: Path) -> None:
    environment = {**os.environ, cache.CACHE_DIR_VARIABLE: str(tmp_path)}
    for damage in (b"", b"not the hash of this"):
        subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True)
        for path in (tmp_path / "kernels").glob("machine_code_*/*.o"):
            path.write_bytes(damage)
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True)
