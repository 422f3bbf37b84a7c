"""Printed kernels: the text of typical ones, and what the text must not do.

``LOCALITY_UPDATE_GOLDEN=1 pytest tests/kernel/test_printer.py`` writes the expected texts anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from locality.kernel import ir
from locality.kernel.builder import (
    Builder,
    add,
    and_,
    call,
    const,
    const_i64,
    convert,
    ge,
    le,
    load,
    lt,
    maximum,
    minimum,
    mul,
    not_,
    or_,
    select,
    sub,
    trunc_div,
    trunc_mod,
)
from locality.kernel.ir import Array, Scalar
from locality.kernel.loader import is_interpreted
from locality.kernel.loader import load as load_kernel
from locality.kernel.printer import to_source

GOLDEN = Path(__file__).parent / "golden"
BLOCK = 2048


def masked_sum() -> ir.Function:
    """Filters of three columns over blocks, then a sum under the mask."""
    b = Builder()
    dates = b.parameter(Array(Scalar.U16), "column")
    discounts = b.parameter(Array(Scalar.U8), "column")
    prices = b.parameter(Array(Scalar.U32), "column")
    low, high = b.parameter(Scalar.U16, "bound"), b.parameter(Scalar.U16, "bound")
    most = b.parameter(Scalar.U8, "bound")
    first, stop = b.parameter(Scalar.I64, "row"), b.parameter(Scalar.I64, "row")
    mask = b.local_array(Scalar.BOOL, BLOCK, "mask")
    total = b.assign(const_i64(0), "total")
    with b.loop(first, stop, BLOCK) as row:
        end = b.assign(minimum(add(row, const_i64(BLOCK)), stop), "end")
        count = b.assign(sub(end, row), "count")
        b.comment("which rows pass")
        block = b.slice(dates, row, end)
        with b.loop(count) as i:
            b.store(mask, i, and_(ge(load(block, i), low), lt(load(block, i), high)))
        block = b.slice(discounts, row, end)
        with b.loop(count) as i:
            b.store(mask, i, and_(load(mask, i), le(load(block, i), most)))
        price = b.slice(prices, row, end)
        with b.loop(count) as i:
            value = mul(convert(load(price, i), Scalar.I64), convert(load(block, i), Scalar.I64))
            b.set(total, add(total, select(load(mask, i), value, const_i64(0))))
    return b.build(total)


def grouped_selection() -> ir.Function:
    """A selection vector, gathers, and updates of groups."""
    b = Builder()
    mask, groups = b.parameter(Array(Scalar.BOOL)), b.parameter(Array(Scalar.U8))
    values, totals = b.parameter(Array(Scalar.I32)), b.parameter(Array(Scalar.I64, 2))
    count = b.parameter(Scalar.I64)
    selection = b.local_array(Scalar.I32, BLOCK + 4)
    selected = b.assign(call("compact", mask, count, selection))
    with b.loop(selected) as j:
        row = b.assign(convert(load(selection, j), Scalar.I64))
        group = convert(load(groups, row), Scalar.I64)
        value = convert(load(values, row), Scalar.I64)
        b.update("+", totals, (group, const_i64(0)), value)
        b.update("max", totals, (group, const_i64(1)), value)
    return b.build()


def branches() -> ir.Function:
    """Control flow, narrow arithmetic and division."""
    b = Builder()
    values, out = b.parameter(Array(Scalar.I16)), b.parameter(Array(Scalar.I16))
    divisor, wide = b.parameter(Scalar.I16), b.parameter(Scalar.I64)
    with b.loop(values_count := b.parameter(Scalar.I64)) as i:
        value = b.assign(load(values, i))
        with b.when(lt(value, const(0, Scalar.I16))):
            b.skip()
        with b.when(not_(le(value, divisor))):
            b.store(out, i, trunc_div(add(add(value, divisor), const(-1, Scalar.I16)), divisor))
        with b.otherwise():
            b.store(out, i, trunc_mod(value, maximum(divisor, const(1, Scalar.I16))))
    return b.build(or_(mul(wide, values_count), const_i64(-(2**63))))


KERNELS = {"masked_sum": masked_sum, "grouped_selection": grouped_selection, "branches": branches}


@pytest.mark.parametrize("name", KERNELS)
def test_printed_text_is_as_expected(name: str) -> None:
    build = KERNELS[name]
    source = to_source(build(), build.__doc__ or "")
    path = GOLDEN / f"{name}.py.txt"
    if os.environ.get("LOCALITY_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    assert source == path.read_text()


def data() -> dict[str, Callable[[], tuple[object, ...]]]:
    rng = np.random.default_rng(11)
    n = 5000
    dates = rng.integers(0, 2500, n).astype(np.uint16)
    small = rng.integers(0, 11, n).astype(np.uint8)
    prices = rng.integers(0, 2**32, n).astype(np.uint32)
    mask = rng.random(BLOCK) < 0.3
    values = rng.integers(-(2**31), 2**31, BLOCK).astype(np.int32)
    shorts = rng.integers(-(2**15), 2**15, 300).astype(np.int16)
    return {
        "masked_sum": lambda: (dates, small, prices, 700, 1065, 7, 3, n),
        "grouped_selection": lambda: (mask, small, values, np.zeros((11, 2), np.int64), BLOCK),
        "branches": lambda: (shorts, np.zeros(300, np.int16), 31_000, 2**62, 300),
    }


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_mean_the_same_compiled_and_interpreted(name: str) -> None:
    kernel = load_kernel(KERNELS[name](), "under test")
    runs = []
    for function in (kernel.compiled, kernel.interpreted):
        args = data()[name]()
        result = function(*args)
        runs.append((result, [a.copy() for a in args if isinstance(a, np.ndarray)]))
    assert runs[0][0] == runs[1][0]
    for compiled, interpreted in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(compiled, interpreted)


def test_the_masked_sum_is_right() -> None:
    dates, discounts, prices, low, high, most, first, _ = data()["masked_sum"]()
    rows = zip(dates.tolist(), discounts.tolist(), prices.tolist(), strict=True)  # type: ignore[attr-defined]
    expected = sum(p * d for date, d, p in list(rows)[first:] if low <= date < high and d <= most)  # type: ignore[operator,misc]
    assert load_kernel(masked_sum()).compiled(*data()["masked_sum"]()) == expected


@pytest.mark.skipif(is_interpreted(), reason="nothing is compiled")
def test_inner_loops_are_vectorised() -> None:
    llvm = load_kernel(masked_sum()).inspect()
    assert re.search(r"icmp \w+ <\d+ x i16>", llvm)
    assert re.search(r"icmp \w+ <\d+ x i8>", llvm)
    assert re.search(r"add <\d+ x i64>", llvm)


def test_long_chains_and_cases_print_flat() -> None:
    b = Builder()
    value = b.parameter(Scalar.I64)
    chain: ir.Expr = const(False, Scalar.BOOL)
    case: ir.Expr = const_i64(-1)
    for n in range(400):
        chain = or_(chain, ir.Compare("==", value, const_i64(n)))
        case = select(ir.Compare("==", value, const_i64(n)), const_i64(2 * n), case)
    kernel = load_kernel(b.build(select(chain, case, const_i64(-2))))
    assert [kernel.interpreted(v) for v in (0, 399, 400)] == [0, 798, -2]


def test_narrow_products_never_grow_to_three_factors() -> None:
    """Narrow integers are multiplied in 64 signed bits, which the product of two fits and that of three may not."""
    b = Builder()
    x, y, z = (b.parameter(Scalar.I32) for _ in range(3))
    function = b.build(mul(mul(x, y), z))
    assert "int32(int32(p0 * p1) * p2)" in to_source(function, "")
    least = -(2**31)
    kernel = load_kernel(function)
    assert kernel.compiled(least, least + 1, 3) == kernel.interpreted(least, least + 1, 3) == least


def test_a_docstring_can_not_end_early() -> None:
    b = Builder()
    source = to_source(b.build(b.parameter(Scalar.I64)), 'a """ and a \\""" and an end"')
    scope: dict[str, object] = {}
    exec(source.replace("from . import jit", "def jit(f): return f"), scope)
    assert scope["kernel"](7) == 7  # type: ignore[operator]
