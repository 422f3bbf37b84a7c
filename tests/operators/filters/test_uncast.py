"""Comparisons of widened columns: the same rows as the cast would give, as sets of the column's own codes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.operators.filters.codesets import code_sets
from locality.operators.filters.uncast import uncast
from locality.plan.expressions import Call, Cast, ColumnRef, Constant, Expression
from locality.plan.intervals import Interval
from locality.types import BIGINT, BOOLEAN, DATE, INTEGER, TIMESTAMP, DataType, decimal
from tests.operators.relations import relation

_SMALL = DataType("SMALLINT")
_VALUES = {
    _SMALL: pa.array([-32768, -5, 0, 1, 7, None, 32767], pa.int16()),
    decimal(5, 1): pa.array(
        [Decimal("-999.9"), Decimal("0.0"), Decimal("1.5"), None, Decimal("2.0")], pa.decimal128(5, 1)
    ),
    DATE: pa.array([dt.date(1969, 12, 31), dt.date(1970, 1, 1), None, dt.date(2020, 5, 5)]),
}
_COMPARED = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@given(
    st.sampled_from(
        [
            (_SMALL, INTEGER, 1),
            (_SMALL, decimal(8, 3), 1000),
            (_SMALL, decimal(38, 2), 100),
            (decimal(5, 1), decimal(9, 4), 1000),
            (DATE, TIMESTAMP, 86_400_000_000),
        ]
    ),
    st.sampled_from(sorted(_COMPARED)),
    st.integers(-40, 40) | st.sampled_from([2**31 - 1, -(2**31), 2**63 - 1, 10**37]),
    st.sampled_from([1, 500, 1000, 43_200_000_000, 86_400_000_000]),
    st.booleans(),
)
def test_codes_are_those_of_the_rows_that_match(
    cast: tuple[DataType, DataType, int], name: str, number: int, step: int, mirrored: bool
) -> None:
    source, target, factor = cast
    value = number * step
    column: Expression = Cast(ColumnRef(0, source), target)
    sides = column, Constant(value, target)
    call = Call(_MIRRORED.get(name, name), sides[::-1], BOOLEAN) if mirrored else Call(name, sides, BOOLEAN)
    rows = relation([pa.table({"v": _VALUES[source]})])
    assert rows.intervals[0] is not None
    plain = uncast(call, rows.intervals[0])
    assert isinstance(plain, Call)
    assert not any(isinstance(part, Cast) for part in plain.args)
    found = code_sets(rows, call)
    assert found is not None
    (codes,) = found[1]
    stored = rows.segments[0].column(0)
    for known in _VALUES[source].drop_null():
        physical = _physical(known.as_py(), source)
        code = (physical - stored.base) // stored.factor if stored.encoding != "plain" else physical
        matches = any(low <= code <= high for low, high in codes.intervals)
        assert matches == _COMPARED[name](physical * factor, value)
    assert not codes.null


def _physical(value: object, dtype: DataType) -> int:
    match value:
        case dt.date():
            return value.toordinal() - 719163
        case Decimal():
            return int(value.scaleb(dtype.scale))
        case _:
            assert isinstance(value, int)
            return value


@pytest.mark.parametrize(
    ("source", "target", "interval"),
    [
        (BIGINT, INTEGER, Interval(0, 2**31)),
        (BIGINT, decimal(6, 4), Interval(0, 100)),
        (decimal(9, 3), decimal(9, 2), Interval(0, 5)),
        (DATE, TIMESTAMP, Interval(0, 2**31 - 1)),
        (TIMESTAMP, DATE, Interval(0, 1)),
    ],
)
def test_casts_that_round_or_overflow_stay(source: DataType, target: DataType, interval: Interval) -> None:
    call = Call("<", (Cast(ColumnRef(0, source), target), Constant(5, target)), BOOLEAN)
    assert uncast(call, interval) == call
