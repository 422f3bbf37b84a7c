"""Machine code in two tiers: both compute the same, and one takes the other's place while threads call it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.kernel import cache, loader, machinecode
from locality.kernel.builder import Builder, add, const_i64, load, mul
from locality.kernel.ir import Array, Function, Scalar
from locality.kernel.loader import Kernel, is_interpreted
from locality.kernel.loader import load as load_kernel
from locality.kernel.machinecode import OPTIMISE_VARIABLE
from locality.kernel.optimiser import Optimiser, optimiser
from locality.runtime import query
from tests.kernel.test_printer import KERNELS, data

pytestmark = pytest.mark.skipif(is_interpreted(), reason="nothing is compiled")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; nothing is optimised before it runs."""
    optimiser.wait()
    monkeypatch.setenv(cache.CACHE_DIR_VARIABLE, str(tmp_path))
    monkeypatch.delenv(OPTIMISE_VARIABLE)
    monkeypatch.setattr(loader, "_kernels", type(loader._kernels)())
    yield tmp_path
    optimiser.wait()


def polynomial() -> Function:
    """The sum of x * x + i over an array: vectorises, and takes wrong places if a call mixes two codes."""
    b = Builder()
    values, out = b.parameter(Array(Scalar.I64)), b.parameter(Array(Scalar.I64))
    total = b.assign(const_i64(0))
    with b.loop(b.parameter(Scalar.I64)) as i:
        x = load(values, i)
        b.store(out, i, mul(x, x))
        b.set(total, add(total, add(load(out, i), i)))
    return b.build(total)


def objects(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*.o"))


@pytest.mark.parametrize("name", KERNELS)
def test_both_tiers_give_the_same(name: str) -> None:
    kernel = load_kernel(KERNELS[name]())
    runs = []
    for is_optimised in (False, True):
        if is_optimised:
            kernel.optimise()
        args = data()[name]()
        runs.append((kernel.compiled(*args), [arg for arg in args if isinstance(arg, np.ndarray)]))
        assert kernel.is_optimised is is_optimised
    assert runs[0][0] == runs[1][0]
    for quick, best in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(quick, best)


def test_optimised_code_takes_over_while_threads_call_it() -> None:
    kernel = load_kernel(polynomial())
    values = np.arange(10_000)
    expected = int((values * values + values).sum())
    began, stop, wrong = threading.Barrier(4), threading.Event(), []

    def call() -> None:
        out = np.zeros_like(values)
        bound = kernel.bind((values, out, None))
        bound(len(values))
        began.wait()
        while not stop.is_set():
            out[:] = 0
            if bound(len(values)) != expected or not np.array_equal(out, values * values):
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    began.wait()
    kernel.optimise()
    stop.wait(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert kernel.is_optimised
    assert not wrong


def test_what_runs_for_long_is_optimised_by_itself_and_found_by_others(directory: Path) -> None:
    kernel, values = load_kernel(polynomial()), np.arange(400_000)
    kernel.compiled(values[:1], np.zeros(1, np.int64), 1)
    optimiser.wait()
    assert not kernel.is_optimised
    [quick] = objects(directory)
    kernel.compiled(values, np.zeros_like(values), len(values))
    optimiser.wait()
    assert kernel.is_optimised
    [best] = objects(directory)
    assert (quick, best) == (best.replace(".o", "_quick.o"), best)

    other = _anew(kernel)
    assert other.compiled(values, np.zeros_like(values), 3) == 8
    assert other.is_optimised


def test_damaged_code_is_compiled_again(directory: Path) -> None:
    kernel, out = load_kernel(polynomial()), np.zeros(3, np.int64)
    kernel.optimise()
    for path in directory.rglob("*.o"):
        path.write_bytes(path.read_bytes()[:-1])
    other = _anew(kernel)
    assert other.compiled(np.arange(3), out, 3) == 8
    assert not other.is_optimised


def test_quick_code_does_when_it_was_kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, out = load_kernel(polynomial()), np.zeros(3, np.int64)
    assert kernel.compiled(np.arange(3), out, 3) == 8

    def fail(*_: Any) -> bytes:
        raise AssertionError("it is in the cache")

    monkeypatch.setattr(machinecode.MachineCode, "_compiled", fail)
    assert _anew(kernel).compiled(np.arange(3), out, 3) == 8


class _Step:
    """Code that is optimised when it is let, and says so."""

    def __init__(self, done: list[_Step]) -> None:
        self.begun, self.let, self._done = threading.Event(), threading.Event(), done

    def optimise(self, _: Any) -> None:
        self.begun.set()
        self.let.wait()
        self._done.append(self)


def test_what_is_hastened_comes_first_and_is_not_waited_for_too_long() -> None:
    done: list[_Step] = []
    first, second, third = (_Step(done) for _ in range(3))
    line = Optimiser()
    line.add(first)
    first.begun.wait()
    line.add(second)
    line.add(third)
    assert line.waiting == {first, second, third}
    assert line.hasten({third}, 0.01, lambda: None) >= 0.01
    assert not done
    third.let.set()
    second.let.set()
    line.hasten({third}, 60.0, first.let.set)
    line.wait()
    assert done == [first, third, second]
    with pytest.raises(InterruptedError):
        _interrupted(line)


def _interrupted(line: Optimiser) -> None:
    code = _Step([])
    line.add(code)
    try:
        line.hasten({code}, 60.0, _stop)
    finally:
        code.let.set()
        line.wait()


def _stop() -> None:
    raise InterruptedError


def test_a_query_that_is_asked_again_waits_for_its_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_PATIENCE", 60.0)
    with locality.connect() as con:
        con.ingest("t", pa.table({"a": np.arange(500_000) * 7919 % 1000}))
        monkeypatch.setattr(optimiser, "_give_way", lambda: time.sleep(0.05))
        again = "select sum(a * a), max(a % 7) from t where a > ?"
        con.sql(again, params=[100])
        assert optimiser.waiting
        result = con.sql(again, params=[200])
        assert not optimiser.waiting
        assert result.fetchall() == [(sum(a * a for a in range(201, 1000)) * 500, 6)]
        assert result.profile.engine == "locality"
        assert result.profile.compile_seconds > 0


def _anew(kernel: Kernel) -> Kernel:
    """The same kernel as another process loads it."""
    loader._kernels.clear()
    other = load_kernel(polynomial())
    assert other is not kernel
    assert other.key == kernel.key
    return other
