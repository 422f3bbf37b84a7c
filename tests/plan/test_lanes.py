"""Arithmetic and comparisons in narrow lanes, around the bounds where 32 bits stop being enough, against Python."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.kernel.loader import Kernel, load
from locality.plan import lanes
from locality.plan.intervals import Interval

_EXACT = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_EDGES = [0, 1, -1, 2**15, -(2**15), 46340, 46341, 2**16, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 3 * 2**30]


def _kernel(op: str, ours: Interval, theirs: Interval) -> tuple[Kernel, ir.Expr]:
    """``out[i] = left[i] op right[i]``."""
    builder = b.Builder()
    left, right, out = (builder.parameter(Array(Scalar.I64)) for _ in range(3))
    rows = builder.parameter(Scalar.I64)
    with builder.loop(rows) as i:
        expr = lanes.arithmetic(op, b.load(left, i), b.load(right, i), ours, theirs)
        builder.store(out, i, expr)
    return load(builder.build()), expr


def _interval(ends: tuple[int, int]) -> Interval:
    return Interval(min(ends), max(ends))


_INTERVALS = st.tuples(st.sampled_from(_EDGES), st.sampled_from(_EDGES)).map(_interval)


@given(st.sampled_from(sorted(_EXACT)), _INTERVALS, _INTERVALS)
def test_the_corners_of_any_two_intervals_are_exact(op: str, ours: Interval, theirs: Interval) -> None:
    if not lanes.RESULT_BOUNDS[op](ours, theirs).fits_int64:
        return
    pairs = [(x, y) for x in (ours.low, ours.high) for y in (theirs.low, theirs.high)]
    left, right = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    out = np.zeros(len(pairs), dtype=np.int64)
    _kernel(op, ours, theirs)[0].interpreted(left, right, out, len(pairs))
    assert out.tolist() == [_EXACT[op](x, y) for x, y in pairs]


@pytest.mark.parametrize(
    ("op", "ours", "theirs", "narrow"),
    [
        ("+", (0, 2**31 - 2), (0, 1), True),
        ("+", (0, 2**31 - 1), (0, 1), False),
        ("-", (-(2**31) + 1, 0), (0, 1), True),
        ("-", (-(2**31), 0), (0, 1), False),
        ("*", (0, 46340), (0, 46341), True),
        ("*", (0, 46341), (0, 46341), False),
        ("*", (-(2**16), 0), (0, 2**15), True),
        ("*", (-(2**16), 0), (-(2**15), 0), False),
        ("*", (-(2**31), 2**31 - 1), (-(2**31), 2**31 - 1), False),
        ("+", (0, 2**31), (-1, 0), False),
    ],
)
def test_compiled_lanes_are_exact_at_their_ends(
    op: str, ours: tuple[int, int], theirs: tuple[int, int], narrow: bool
) -> None:
    kernel, expr = _kernel(op, Interval(*ours), Interval(*theirs))
    assert (isinstance(expr, ir.Convert) and expr.arg.type is Scalar.I32) == narrow
    pairs = [(x, y) for x in ours for y in theirs] * 9  # enough for vectors and what is left over
    left, right = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    out = np.zeros(len(pairs), dtype=np.int64)
    kernel.compiled(left, right, out, len(pairs))
    assert out.tolist() == [_EXACT[op](x, y) for x, y in pairs]


def test_a_narrow_result_is_not_widened_for_the_next_operation() -> None:
    x = ir.Var("x", Scalar.U8)
    small = Interval(0, 100)
    first = lanes.arithmetic("*", b.convert(x, Scalar.I64), b.convert(x, Scalar.I64), small, small)
    second = lanes.arithmetic("+", first, b.convert(x, Scalar.I64), small * small, small)
    narrow = b.convert(x, Scalar.I32)
    assert second == b.convert(b.add(b.mul(narrow, narrow), narrow), Scalar.I64)


@given(_INTERVALS, _INTERVALS, st.data())
def test_values_compare_in_their_lane_as_they_do(ours: Interval, theirs: Interval, data: st.DataObject) -> None:
    x, y = (data.draw(st.integers(interval.low, interval.high)) for interval in (ours, theirs))
    builder = b.Builder()
    left, right = builder.parameter(Scalar.I64), builder.parameter(Scalar.I64)
    less = b.lt(*lanes.comparable(left, right, ours, theirs))
    assert load(builder.build(less)).interpreted(x, y) == (x < y)
