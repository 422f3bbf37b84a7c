"""Machine code of small functions against Python's own answer, and what is refused with the line that has it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.kernel.compiler import object_code, optimised_text
from locality.kernel.ir import Array, Scalar, Type, Var
from locality.kernel.lowering.module import module_text
from locality.kernel.lowering.types import LoweringError
from locality.kernel.native import NativeKernel

I64, U64, F64 = Scalar.I64, Scalar.U64, Scalar.F64
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = [math.nan, -math.inf, -0.0, 0.0, 1.5, math.inf]


def compiled(function: Callable[..., Any], *types: Type, result: Scalar | None = I64) -> NativeKernel:
    names = function.__code__.co_varnames
    parameters = [Var(name, kind) for name, kind in zip(names, types, strict=False)]
    code = object_code(optimised_text(module_text(function, types, ())))
    return NativeKernel(code, parameters, frozenset(names), result, 0)


def quotient_and_rest(a: Any, b: Any) -> Any:
    quotient, rest = a // b, a % b
    return quotient * 1000 + rest


def compare_all(a: Any, b: Any) -> Any:
    return (a < b) + 2 * (a <= b) + 4 * (a > b) + 8 * (a >= b) + 16 * (a == b) + 32 * (a != b)


def classify(values: Any, low: Any, high: Any) -> Any:
    found = -1
    for i in range(len(values) - 1, -1, -1):
        if values[i] == 0:
            continue
        if low <= values[i] <= high or (values[i] < 0 and values[-1] > 5):
            found = i
        elif not values[i] < 100:
            break
    return found


def widened(values: Any) -> Any:
    total = 0
    for value in range(len(values)):
        total += values[value] / 2
    return total if total > 1 else values[0]


def squares(n: Any) -> Any:
    room = np.empty(8, np.int32)
    done = False
    i = 0
    while True:
        room[i] = i * i
        i += 1
        if i == 8:
            done = i > 7 and n > 0
            break
    total = np.int64(0)
    for value in range(0, min(n, 8), 2):
        total += room[2:][value] if value < 6 and done else -room[value]
    return abs(total)


def bits(value: Any) -> Any:
    return np.float64(value).view(np.int64)


def shift_both(a: Any, b: Any) -> Any:
    return (a << b) ^ (a >> b)


def wrap(a: Any, b: Any) -> Any:
    total = np.int64(np.uint64(a) * np.uint64(b) - np.uint64(b))
    return np.int64(np.int8(total & 255)) + np.int64(np.uint16(total))


def mix_widths(a: Any, b: Any) -> Any:
    return a * b - (a ^ b) + (a | b) % 7


def count_booleans(a: Any, b: Any) -> Any:
    return a + (a & b) + 2 * (a | b) + 4 * (a ^ b) + 8 * (not b) + 16 * min(a, b)


def drop_fraction(a: Any) -> Any:
    return np.int64(a) // 2 + int(a) // 2


def keep_first(a: Any, b: Any) -> Any:
    return min(a, b) - max(a, b)


SHIFT = {kind: compiled(shift_both, kind, kind, result=kind) for kind in (I64, U64)}
WRAP = compiled(wrap, I64, I64)
MIX = compiled(mix_widths, Scalar.I8, Scalar.U8)
QUOTIENT = compiled(quotient_and_rest, I64, I64)
COMPARE = {
    kinds: compiled(compare_all, *kinds) for kinds in [(I64, U64), (U64, I64), (I64, I64), (F64, I64), (F64, F64)]
}
CLASSIFY = compiled(classify, Array(I64), I64, I64)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**4), 10**4).filter(bool))
def test_integers_are_divided_as_pythons(a: int, b: int) -> None:
    assert QUOTIENT(a, b) == quotient_and_rest(a, b)


def test_what_has_no_quotient_gives_zero() -> None:
    assert QUOTIENT(5, 0) == QUOTIENT(-(2**63), -1) == 0


@pytest.mark.parametrize("kinds", [kinds for kinds in COMPARE if kinds != (F64, F64)])
@given(a=INTS, b=INTS)
def test_numbers_of_any_types_compare_by_value(kinds: tuple[Scalar, Scalar], a: int, b: int) -> None:
    a, b = (value % 2**64 if kind is U64 else value for value, kind in zip((a, b), kinds, strict=True))
    if F64 in kinds:
        a, b = a % 2**53, b % 2**53
    assert COMPARE[kinds](a, b) == compare_all(a, b)


@pytest.mark.parametrize("a", FLOATS)
@pytest.mark.parametrize("b", FLOATS)
def test_floats_compare_as_pythons(a: float, b: float) -> None:
    assert COMPARE[F64, F64](a, b) == compare_all(a, b)
    np.testing.assert_equal(compiled(keep_first, F64, F64, result=F64)(a, b), keep_first(a, b))


@pytest.mark.parametrize("kind", SHIFT)
@given(a=INTS, b=st.integers(0, 70))
def test_shifts_by_any_number_of_bits_are_numpys(kind: Scalar, a: int, b: int) -> None:
    number = getattr(np, kind.value)
    a %= 2**64 if kind is U64 else 2**63
    assert SHIFT[kind](a, b) == shift_both(number(a), number(b))


@given(INTS, INTS)
def test_unsigned_arithmetic_and_casts_wrap(a: int, b: int) -> None:
    with np.errstate(over="ignore"):
        assert WRAP(a, b) == wrap(np.int64(a), np.int64(b))


@given(st.integers(-128, 127), st.integers(0, 255))
def test_narrow_integers_of_both_signs_are_computed_in_64_bits(a: int, b: int) -> None:
    assert MIX(a, b) == mix_widths(a, b)


@pytest.mark.parametrize("a", [False, True])
@pytest.mark.parametrize("b", [False, True])
def test_booleans_count(a: bool, b: bool) -> None:
    assert compiled(count_booleans, Scalar.BOOL, Scalar.BOOL)(a, b) == count_booleans(a, b)


@pytest.mark.parametrize("value", [0.9, -0.9, 2.0**62, -(2.0**53) - 1, 1e-300])
def test_floats_become_integers_toward_zero(value: float) -> None:
    assert compiled(drop_fraction, F64)(value) == drop_fraction(value)


@given(st.lists(st.integers(-3, 120), min_size=1, max_size=6), st.integers(-2, 4), st.integers(0, 9))
def test_loops_and_conditions_go_as_pythons(values: list[int], low: int, high: int) -> None:
    assert CLASSIFY(np.array(values), low, high) == classify(values, low, high)


def test_a_name_has_one_type_that_holds_all_its_values() -> None:
    run = compiled(widened, Array(I64), result=F64)
    for values in ([1, 2, 4], [1, 0]):
        assert run(np.array(values)) == widened(values)


@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_arrays_of_a_functions_own(n: int) -> None:
    assert compiled(squares, I64)(n) == squares(n)


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, 5e-324])
def test_bits_of_floats(value: float) -> None:
    assert compiled(bits, F64)(value) == int(np.float64(value).view(np.int64))


def joins_signs(a: Any, b: Any) -> Any:
    value = np.int64(a)
    if a > b:
        value = np.uint64(b)
    return value


def makes_a_list(a: Any) -> Any:
    return [a]


def prints(a: Any) -> Any:
    print(a)
    return a


def allocates(n: Any) -> Any:
    return np.empty(n, np.int64)[0]


def truncates(values: Any) -> Any:
    values[0] = 0.5
    return 0


@pytest.mark.parametrize(
    ("function", "types", "reason"),
    [
        (joins_signs, (I64, I64), "line 3: one name for int64 and uint64"),
        (makes_a_list, (I64,), "line 1: a List"),
        (prints, (I64,), "line 1: print has no counterpart"),
        (allocates, (I64,), "line 1: n is not known here"),
        (truncates, (Array(I64),), "line 1: a float stored as an integer"),
    ],
)
def test_what_is_beyond_the_subset_is_refused_with_its_line(
    function: Callable[..., Any], types: tuple[Type, ...], reason: str
) -> None:
    line, _, text = reason.removeprefix("line ").partition(":")
    place = f"{Path(__file__).name}, line {function.__code__.co_firstlineno + int(line)}"
    with pytest.raises(LoweringError, match=f"{place}:{text}"):
        module_text(function, types, ())
