"""Sets of codes: exact for every code of every encoding, and never excluding a zone that holds a match."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.encodings import EncodedColumn, decode, expand
from locality.encodings.bitmaps import to_mask
from locality.operators.filters.codesets import CodeSet, code_sets
from locality.operators.relations.meanings import meanings_of
from locality.operators.relations.relation import Relation
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.storage.zones import Zones, ordered_keys
from locality.types import BIGINT, BOOLEAN, DOUBLE, VARCHAR, DataType
from tests.operators import naive
from tests.operators.relations import relation

_INTEGERS: list[int | None] = [-9, None, 4, 4, 0, 25, 100, None, 1000, -9]
_WORDS: list[str | None] = ["b", None, "", "é", "ab", "zebra", "b", "a"]


def _relations(values: list[int | None] | list[str | None], arrow: pa.DataType) -> list[Relation]:
    """Relations of two segments, one for each pair of encodings; the second segment has other values, and no NULL."""
    other = [value for value in values if value is not None][2:5]
    parts = [pa.table({"v": pa.array(part, arrow)}) for part in (values, other)]

    def paired(turn: int) -> Relation:
        return relation(parts, lambda number, found: found[(turn // 4 if number else turn % 4) % len(found)])

    return [paired(turn) for turn in range(16)]


RELATIONS = {"integers": _relations(_INTEGERS, pa.int64()), "words": _relations(_WORDS, pa.string())}


def _matches(column: EncodedColumn, chosen: CodeSet) -> list[bool]:
    """Which rows a segment's set of codes selects."""
    flat = expand(column)
    valid = np.ones(flat.length, np.bool_) if flat.validity is None else to_mask(flat.validity, flat.length)
    if column.all_null:
        valid = np.zeros(column.length, np.bool_)
    codes = [0] * flat.length if column.encoding == "constant" or flat.codes is None else _own_codes(column)
    return [
        (any(low <= code <= high for low, high in chosen.intervals) if known else chosen.null)
        for code, known in zip(codes, valid.tolist(), strict=True)
    ]


def _fits(column: EncodedColumn, chosen: CodeSet) -> bool:
    """Whether the bounds of all intervals are of the codes' own type, since kernels compare in it."""
    if column.codes is None:
        return True
    limits = np.iinfo(column.codes.dtype)
    return all(limits.min <= low <= high <= limits.max for low, high in chosen.intervals)


def _own_codes(column: EncodedColumn) -> list[int]:
    assert column.codes is not None
    if column.run_ends is None:
        return [int(code) for code in column.codes]
    lengths = np.diff(np.concatenate(([0], column.run_ends)))
    return [int(code) for code in np.repeat(column.codes, lengths)]


def _call(name: str, *args: Expression) -> Call:
    return Call(name, args, BOOLEAN)


def _constant(value: int | str | None, dtype: DataType) -> Constant:
    return Constant(value, dtype)


def _predicates(dtype: DataType, constants: Sequence[int | str]) -> list[Expression]:
    column = ColumnRef(0, dtype)
    found: list[Expression] = [_call("is null", column), _call("is not null", column)]
    for number, value in enumerate(constants):
        constant, other = _constant(value, dtype), _constant(constants[-number], dtype)
        for name in ("=", "<>", "<", "<=", ">", ">=", "is distinct from"):
            found += [_call(name, column, constant), _call("not", _call(name, column, constant))]
        found += [
            _call("<", constant, column),
            _call("in", column, constant, other),
            _call("not", _call("in", column, constant, other)),
            _call("in", column, constant, _constant(None, dtype)),
            _call("not", _call("in", column, constant, _constant(None, dtype))),
            _call("and", _call(">=", column, constant), _call("<", column, other)),
            _call("or", _call("<", column, constant), _call("=", column, other), _call("is null", column)),
            _call("not", _call("or", _call("<", column, constant), _call("is null", column))),
            _call("not", _call("and", _call("<=", column, constant), _call("<>", column, other))),
        ]
    return found


@pytest.mark.parametrize(
    ("name", "dtype", "constants"),
    [
        ("integers", BIGINT, [4, -9, 1000, 5, -(2**63), 2**63 - 1, 26]),
        ("words", VARCHAR, ["b", "", "aa"]),
    ],
)
def test_sets_hold_the_codes_for_which_the_predicate_is_true(
    name: str, dtype: DataType, constants: Sequence[int | str]
) -> None:
    found = 0
    for source in RELATIONS[name]:
        for predicate in _predicates(dtype, constants):
            sets = code_sets(source, predicate)
            if sets is None:
                continue
            found += 1
            pairs = zip(meanings_of(source, 0), sets[1], strict=True)
            by_segment = {number: chosen for meaning, chosen in pairs for number in meaning.segments}
            for number, segment in enumerate(source.segments):
                column, chosen = segment.column(0), by_segment[number]
                wanted = [naive.value(predicate, (value,)) is True for value in _values(column)]
                assert _matches(column, chosen) == wanted, f"{predicate} over {column.encoding}: {chosen}"
                assert _fits(column, chosen), f"{predicate} over {column.encoding}: {chosen}"
    assert found > 300


def _values(column: EncodedColumn) -> list[int | str | None]:
    values: list[int | str | None] = decode(column).to_pylist()
    return values


def test_predicates_over_two_columns_or_unstable_functions_are_none() -> None:
    source = relation([pa.table({"a": [1, 2], "b": [3, 4]})])
    a, b = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
    assert code_sets(source, _call("<", a, b)) is None
    assert code_sets(source, _call("<", Constant(1, BIGINT), Constant(2, BIGINT))) is None
    random_value = Call("random", (), DOUBLE)
    assert code_sets(source, _call("and", _call("<", a, b), _call("<", random_value, Constant(0.5, DOUBLE)))) is None


# --- the algebra of sets, and zones

_EDGES = st.integers(-30, 30)
_SETS = st.lists(st.tuples(_EDGES, _EDGES).map(lambda pair: (min(pair), max(pair))), max_size=4)
_CODES = range(-40, 41)


def _set(intervals: list[tuple[int, int]], null: bool = False) -> CodeSet:
    result = CodeSet((), null)
    for interval in intervals:
        result = result | CodeSet((interval,))
    return result


def _members(chosen: CodeSet) -> set[int]:
    return {code for code in _CODES if any(low <= code <= high for low, high in chosen.intervals)}


@given(_SETS, _SETS, st.booleans(), st.booleans())
def test_sets_intersect_unite_and_complement(
    left: list[tuple[int, int]], right: list[tuple[int, int]], null: bool, other_null: bool
) -> None:
    a, b = _set(left, null), _set(right, other_null)
    assert _members(a & b) == _members(a) & _members(b)
    assert _members(a | b) == _members(a) | _members(b)
    assert _members(a.complement()) == set(_CODES) - _members(a)
    assert ((a & b).null, (a | b).null, a.complement().null) == (null and other_null, null or other_null, False)
    for joined in (a & b, a | b, a.complement()):
        assert all(low <= high for low, high in joined.intervals)
        assert all(one[1] < next_one[0] for one, next_one in zip(joined.intervals, joined.intervals[1:], strict=False))


@given(_SETS, st.booleans(), st.lists(st.lists(st.none() | _EDGES, min_size=1, max_size=5), min_size=1, max_size=6))
def test_a_zone_with_a_match_is_possible(
    intervals: list[tuple[int, int]], null: bool, zones: list[list[int | None]]
) -> None:
    chosen = _set(intervals, null)
    members = _members(chosen)
    possible = chosen.zones_possible(_zones(zones)).tolist()
    for values, allowed in zip(zones, possible, strict=True):
        has_match = any(null if value is None else value in members for value in values)
        assert allowed or not has_match
        present = [value for value in values if value is not None]
        spans = present and any(low <= max(present) and high >= min(present) for low, high in chosen.intervals)
        assert allowed == bool(spans or (null and None in values))


def _zones(zones: list[list[int | None]]) -> Zones:
    present = [[value for value in values if value is not None] for values in zones]
    return Zones(
        np.array([values.count(None) for values in zones]),
        np.array([min(values, default=2**63 - 1) for values in present], dtype=np.int64),
        np.array([max(values, default=-(2**63)) for values in present], dtype=np.int64),
    )


def test_sets_that_reach_beyond_64_bits_keep_the_last_codes() -> None:
    everything = CodeSet(((-(2**63), 2**64),))
    ends = Zones(np.array([0, 0]), np.array([-(2**63), 2**63 - 1]), np.array([-(2**63), 2**63 - 1]))
    assert everything.zones_possible(ends).tolist() == [True, True]
    assert CodeSet(((2**63, 2**64),)).clamp(0, 2**64 - 1).intervals == ((2**63, 2**64 - 1),)


def test_ordered_keys_order_as_sql_does() -> None:
    source = random.Random(1)
    special = [0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324, -5e-324, 1.7e308]
    values = special + [source.uniform(-1e3, 1e3) for _ in range(20)]
    keys: npt.NDArray[np.int64] = ordered_keys(np.array(values))
    for a, left in zip(keys.tolist(), values, strict=True):
        for b, right in zip(keys.tolist(), values, strict=True):
            assert (a > b) - (a < b) == naive.compare(left, right)
