"""Expressions evaluated in DuckDB: constants and types exactly, failures as Unsupported."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from locality.errors import Unsupported
from locality.plan.expressions import Call, Case, Cast, ColumnRef, Constant, Expression
from locality.plan.zones import IN_ZONE, of_session
from locality.sql.evaluate import evaluate, is_deterministic
from locality.types import BIGINT, BOOLEAN, DATE, DOUBLE, HUGEINT, INTEGER, TIMESTAMP, VARCHAR, decimal, parse, to_arrow

S = ColumnRef(0, VARCHAR)
INTERVAL = parse("INTERVAL")
WORDS = pa.array(["abc", "", None, "x'y\"z", "ÄÖ%"])


def string(value: str | None) -> Constant:
    return Constant(value, VARCHAR)


@pytest.mark.parametrize(
    ("value", "type_text", "expected"),
    [
        (None, "DATE", None),
        (True, "BOOLEAN", True),
        (-128, "TINYINT", -128),
        (2**64 - 1, "UBIGINT", 2**64 - 1),
        (-(2**63), "BIGINT", -(2**63)),
        (10**37, "HUGEINT", Decimal(10**37)),
        (-150, "DECIMAL(15,2)", Decimal("-1.50")),
        (10**38 - 1, "DECIMAL(38,20)", Decimal(f"{10**18 - 1}.{10**20 - 1}")),
        (0.1, "DOUBLE", 0.1),
        (float("inf"), "FLOAT", float("inf")),
        ('it\'s \x00 "é" $1 ?', "VARCHAR", 'it\'s \x00 "é" $1 ?'),
        (b"\x00\xff'\\x41", "BLOB", b"\x00\xff'\\x41"),
        (-719162, "DATE", dt.date(1, 1, 1)),
        (86_399_999_999, "TIME", dt.time(23, 59, 59, 999999)),
        (-1, "TIMESTAMP", dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
        (-1, "TIMESTAMP_S", dt.datetime(1969, 12, 31, 23, 59, 59)),
        (1, "TIMESTAMP_MS", dt.datetime(1970, 1, 1, 0, 0, 0, 1000)),
        ((1, -2, 3), "INTERVAL", (1, -2, 3000)),
    ],
)
def test_constants_arrive_exactly(value: Any, type_text: str, expected: Any) -> None:
    dtype = parse(type_text)
    result = evaluate(Constant(value, dtype), [])
    assert result.type == to_arrow(dtype)
    (found,) = result.to_pylist()
    assert type(found) is type(expected) or isinstance(found, tuple)
    assert found == expected


def test_nan_and_nanoseconds_arrive_exactly() -> None:
    (nan,) = evaluate(Constant(float("nan"), DOUBLE), []).to_pylist()
    assert nan != nan
    nanoseconds = evaluate(Constant(-(2**62) - 1, parse("TIMESTAMP_NS")), [])
    assert nanoseconds.cast(pa.int64()).to_pylist() == [-(2**62) - 1]


CASES: list[tuple[Expression, list[Any]]] = [
    (S, ["abc", "", None, "x'y\"z", "ÄÖ%"]),
    (Call("upper", (S,), VARCHAR), ["ABC", "", None, "X'Y\"Z", "ÄÖ%"]),
    (Call("length", (S,), BIGINT), [3, 0, None, 5, 3]),
    (Call("~~", (S, string("%b%")), BOOLEAN), [True, False, None, False, False]),
    (Call("prefix", (S, string("x'")), BOOLEAN), [False, False, None, True, False]),
    (Call("||", (S, string("'; drop")), VARCHAR), ["abc'; drop", "'; drop", None, "x'y\"z'; drop", "ÄÖ%'; drop"]),
    (Call("in", (S, string("abc"), string("")), BOOLEAN), [True, True, None, False, False]),
    (Call("in", (S, string("abc"), string(None)), BOOLEAN), [True, None, None, None, None]),
    (Call("is null", (S,), BOOLEAN), [False, False, True, False, False]),
    (Call("is distinct from", (S, string(None)), BOOLEAN), [True, True, False, True, True]),
    (Call("not", (Call("=", (S, string("")), BOOLEAN),), BOOLEAN), [True, False, None, True, True]),
    (Call("coalesce", (S, string("none")), VARCHAR), ["abc", "", "none", "x'y\"z", "ÄÖ%"]),
    (
        Case(((Call("=", (S, string("")), BOOLEAN), string("empty")),), string(None), VARCHAR),
        [None, "empty", None, None, None],
    ),
    (Cast(S, INTEGER, lenient=True), [None, None, None, None, None]),
    (
        Call(
            "or",
            (Call("<", (S, string("b")), BOOLEAN), Call("is null", (S,), BOOLEAN), Constant(False, BOOLEAN)),
            BOOLEAN,
        ),
        [True, True, True, False, False],
    ),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=lambda case: getattr(case, "name", None))
def test_expressions_over_strings(expression: Expression, expected: list[Any]) -> None:
    result = evaluate(expression, [WORDS])
    assert result.type == to_arrow(expression.type)
    assert result.to_pylist() == expected


def test_inputs_are_found_by_index() -> None:
    product = Call("*", (ColumnRef(2, BIGINT), ColumnRef(0, BIGINT)), BIGINT)
    unused = pa.array(["never read"])
    assert evaluate(product, [pa.array([3, None]), unused, pa.array([5, 7])]).to_pylist() == [15, None]


def test_decimals_keep_the_planned_type() -> None:
    """DuckDB's plan gives m + 1 a width that binding the same operands again would not."""
    expression = Call("+", (ColumnRef(0, decimal(15, 2)), Constant(100, decimal(16, 2))), decimal(16, 2))
    values = pa.array([Decimal("1.50"), None], pa.decimal128(15, 2))
    result = evaluate(expression, [values])
    assert result.type == pa.decimal128(16, 2)
    assert result.to_pylist() == [Decimal("2.50"), None]


def test_empty_inputs_give_empty_results() -> None:
    result = evaluate(Call("upper", (S,), VARCHAR), [pa.array([], pa.string())])
    assert (len(result), result.type) == (0, pa.string())


def test_long_inputs_come_back_whole_and_in_order() -> None:
    numbers = pa.array(range(300_000), pa.int64())
    result = evaluate(Call("+", (ColumnRef(0, BIGINT), Constant(1, BIGINT)), BIGINT), [numbers])
    assert isinstance(result, pa.Array)
    assert result.equals(pa.array(range(1, 300_001), pa.int64()))


@pytest.mark.parametrize(
    "expression",
    [
        Cast(S, INTEGER),
        Call('no such "function', (S,), VARCHAR),
        Call("length", (S,), INTEGER),
        Call("upper", (S, S), VARCHAR),
        Call("round", (Constant(155, decimal(5, 2)),), decimal(5, 2)),
        Constant(86_400_000_000, parse("TIME")),
        Constant("no UUID", parse("UUID")),
        Constant(2**40, INTEGER),
        Constant("\ud800", VARCHAR),
        ColumnRef(0, parse("TIMESTAMP WITH TIME ZONE")),
        ColumnRef(0, parse("VARCHAR[]")),
        Call("+", (Constant(2**63 - 1, BIGINT), Constant(1, BIGINT)), BIGINT),
    ],
)
def test_what_fails_is_unsupported(expression: Expression) -> None:
    with pytest.raises(Unsupported):
        evaluate(expression, [WORDS])
    assert evaluate(S, [WORDS]).equals(WORDS)


def test_determinism() -> None:
    assert is_deterministic(
        Call("and", (Call("prefix", (S, string("a")), BOOLEAN), Call("is null", (S,), BOOLEAN)), BOOLEAN)
    )
    assert is_deterministic(Cast(Call("strptime", (S, string("%Y")), TIMESTAMP), DATE))
    assert not is_deterministic(Call("random", (), DOUBLE))
    assert not is_deterministic(Call("upper", (Call("current_setting", (S,), VARCHAR),), VARCHAR))
    assert not is_deterministic(Call("not a function", (S,), VARCHAR))
    assert not is_deterministic(Call("age", (Cast(S, TIMESTAMP),), INTERVAL))


def test_what_depends_on_the_time_zone_is_of_the_one_beside_it() -> None:
    zoned = parse("TIMESTAMP WITH TIME ZONE")
    moments = pa.array([0, None, 1_711_846_800_000_000], pa.timestamp("us", "UTC"))  # as clocks change
    hour = Call("hour", (Call("+", (ColumnRef(0, zoned), Constant((0, 0, 3_600_000_000), INTERVAL)), zoned),), BIGINT)
    for zone, hours in (
        ("Europe/Berlin", [2, None, 4]),
        ("Asia/Kolkata", [6, None, 7]),
        ("Europe/Berlin", [2, None, 4]),
    ):
        placed = Call(IN_ZONE, (hour, string(zone)), BIGINT)
        assert is_deterministic(placed)
        assert evaluate(placed, [moments]).to_pylist() == hours
    with pytest.raises(Unsupported, match="time zone"):
        evaluate(of_session(hour), [moments])


def test_threads_do_not_mix_their_constants() -> None:
    def work(number: int) -> list[Any]:
        expression = Call("||", (S, string(str(number))), VARCHAR)
        return [evaluate(expression, [pa.array(["n"])]).to_pylist() for _ in range(30)]

    with ThreadPoolExecutor(4) as pool:
        for number, results in enumerate(pool.map(work, range(8))):
            assert results == [[f"n{number}"]] * 30


def test_hugeint_arithmetic() -> None:
    values = pa.array([Decimal(10**30), None], pa.decimal128(38, 0))
    result = evaluate(Call("*", (ColumnRef(0, HUGEINT), Constant(-2, HUGEINT)), HUGEINT), [values])
    assert result.to_pylist() == [Decimal(-2 * 10**30), None]
