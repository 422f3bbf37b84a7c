"""Predicates over one column as sets of codes: exact, compared without decoding, and a proof for every zone.

A conjunct over a single column is true for certain codes and perhaps for NULL. The kernel tests codes, and a zone whose
codes (by its minimum and maximum) miss the set is skipped. Nothing is approximated, so the proof is sound for whatever
the predicate was: comparisons, IN, LIKE over a dictionary, functions of dates.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial, reduce
from operator import and_, or_
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn
from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.operators.codegen.lookup import as_lookup, tables_of
from locality.operators.filters.uncast import MIRRORED, divided, multiplied, uncast
from locality.operators.relations.domain import domain_of
from locality.operators.relations.meanings import has_dictionaries, meanings_of
from locality.operators.relations.relation import Relation, ZoneBounds
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, Parameter, PhysicalValue, columns_of, walk
from locality.plan.intervals import Interval
from locality.sql.evaluate import is_deterministic

Bits = npt.NDArray[np.bool_]
_EVERYTHING = (-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class CodeSet:
    """Codes in any of the disjoint, ascending, inclusive ``intervals``, and NULL if ``null``."""

    intervals: tuple[tuple[int, int], ...]
    null: bool = False

    def __and__(self, other: CodeSet) -> CodeSet:
        common: list[tuple[int, int]] = []
        ours, theirs = deque(self.intervals), deque(other.intervals)
        while ours and theirs:
            low, high = max(ours[0][0], theirs[0][0]), min(ours[0][1], theirs[0][1])
            if low <= high:
                common.append((low, high))
            (ours if ours[0][1] < theirs[0][1] else theirs).popleft()
        return CodeSet(tuple(common), self.null and other.null)

    def __or__(self, other: CodeSet) -> CodeSet:
        return union((self, other))

    def complement(self) -> CodeSet:
        """All other codes, without NULL."""
        edges = [_EVERYTHING[0] - 1, *(edge for interval in self.intervals for edge in interval), _EVERYTHING[1] + 1]
        gaps = ((low + 1, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True))
        return CodeSet(tuple(gap for gap in gaps if gap[0] <= gap[1]))

    def clamp(self, low: int, high: int) -> CodeSet:
        """The part of the set within ``low`` to ``high``."""
        inside = [(max(a, low), min(z, high)) for a, z in self.intervals if a <= high and z >= low]
        return CodeSet(tuple(inside), self.null)

    def zones_possible(self, zones: ZoneBounds) -> Bits:
        """Which zones may hold a match."""
        if zones.minimum is None or zones.maximum is None:
            return np.ones(len(zones.nulls), dtype=np.bool_)
        possible: Bits = zones.nulls > 0 if self.null else np.zeros(len(zones.nulls), dtype=np.bool_)
        if self.intervals:
            has_values = zones.minimum <= zones.maximum
        for low, high in self.intervals:
            reached = (zones.maximum >= min(low, 2**63 - 1)) & (zones.minimum <= min(high, 2**63 - 1))
            possible |= reached & has_values
        return possible

    def zones_certain(self, zones: ZoneBounds) -> Bits:
        """Which zones hold nothing but matches."""
        if zones.minimum is None or zones.maximum is None:
            return np.zeros(len(zones.nulls), dtype=np.bool_)
        inside = zones.minimum > zones.maximum
        for low, high in self.intervals:
            inside |= (zones.minimum >= max(low, -(2**63))) & (zones.maximum <= min(high, 2**63 - 1))
        certain: Bits = inside if self.null else inside & (zones.nulls == 0)
        return certain


NO_CODES = CodeSet(())


def union(sets: Sequence[CodeSet]) -> CodeSet:
    """What is in any of the sets."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(interval for part in sets for interval in part.intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return CodeSet(tuple(joined), any(part.null for part in sets))


def code_sets(relation: Relation, predicate: Expression) -> tuple[int, list[CodeSet]] | None:
    """The column that ``predicate`` reads and its set of codes by each of their meanings, in the order of
    :func:`~locality.operators.relations.meanings.meanings_of`; None if it is no predicate on codes.
    """
    columns = columns_of(predicate)
    if len(columns) != 1:
        return None
    index = next(iter(columns))
    if (interval := relation.intervals[index]) is not None:
        direct = values_that(predicate, interval)
        if direct is not None:
            return index, [_codes_of_values(each.column, direct) for each in meanings_of(relation, index)]
    else:
        found = _sets_by_dictionary(relation, index, predicate)
        if found is not None:
            return index, found
    if not is_deterministic(predicate):
        return None
    try:
        return index, _sets_by_table(relation, index, predicate)
    except Unsupported:
        return None


Opened = Callable[[PhysicalValue], "list[CodeSet]"]
"""What :func:`code_sets` says of the codes, for values of the parameter with which a column is compared."""


def opened(relation: Relation, predicate: Expression) -> Opened | None:
    """The codes for which a comparison of a column with a parameter is true, by its value; None if it is no such."""
    match predicate:
        case Call(name, (column, Parameter(value))) if name in MIRRORED:
            pass
        case Call(name, (Parameter(value), column)) if name in MIRRORED:
            name = MIRRORED[name]
        case _:
            return None
    if len(columns_of(column)) != 1:
        return None
    index = next(iter(columns_of(column)))
    columns = [each.column for each in meanings_of(relation, index)]
    interval = relation.intervals[index]
    if interval is not None:
        found = multiplied(column, interval)
        if found is None or not isinstance(value, int):
            return None
        factor = found[1]
        return lambda value: _codes_that(columns, name, divided(name, factor, cast("int", value)))
    if not isinstance(column, ColumnRef) or not has_dictionaries(relation, index):
        return None
    entries = [cast("Dictionary", each.dictionary) for each in columns]
    if any(_compared_entries(each, name, value) is None for each in entries):
        return None

    def of_entries(value: PhysicalValue) -> list[CodeSet]:
        found = [_compared_entries(dictionary, name, value) or NO_CODES for dictionary in entries]
        return [_representable(each, codes) for each, codes in zip(columns, found, strict=True)]

    return of_entries


def _codes_that(columns: Sequence[EncodedColumn], name: str, value: int | None) -> list[CodeSet]:
    """The codes of the integers that compare so with a value; for None, of those that equal none, or differ from it."""
    values = compared(name, value) if value is not None else NO_CODES if name == "=" else CodeSet((_EVERYTHING,))
    return [_codes_of_values(column, values) for column in columns]


def values_that(predicate: Expression, interval: Interval) -> CodeSet | None:
    """The integers, of those in ``interval``, for which a predicate over one column is true; None if not known."""
    return _true_set(uncast(predicate, interval), _compared_integer)


Compare = Callable[[str, PhysicalValue], CodeSet | None]
"""The values, or codes, that compare so with a constant; None if that is not known."""


def _true_set(predicate: Expression, compare: Compare) -> CodeSet | None:
    """What ``predicate`` is true for, if it is made of comparisons of its column with constants; else None."""
    match predicate:
        case Call("and" | "or" as name, args):
            parts = [_true_set(arg, compare) for arg in args]
            known = [part for part in parts if part is not None]
            return reduce(and_ if name == "and" else or_, known) if len(known) == len(parts) else None
        case Call("not", (arg,)) if not any(_tests_null(e) for e in walk(arg)):
            negated = _true_set(arg, compare)
            return None if negated is None else negated.complement()
        case Call("is null", (ColumnRef(),)):
            return CodeSet((), True)
        case Call("is not null", (ColumnRef(),)):
            return CodeSet((_EVERYTHING,))
        case Call("in", (ColumnRef(), *candidates)):
            values = [c.value for c in candidates if isinstance(c, Constant)]
            equal = [compare("=", value) for value in values if value is not None]
            sets = [part for part in equal if part is not None]
            return union(sets) if len(values) == len(candidates) and len(sets) == len(equal) else None
        case Call(name, (ColumnRef(), Constant(value))) if value is not None:
            return compare(name, value)
        case Call(name, (Constant(value), ColumnRef())) if name in MIRRORED and value is not None:
            return compare(MIRRORED[name], value)
        case _:
            return None


def _compared_integer(name: str, value: PhysicalValue) -> CodeSet | None:
    return compared(name, int(value)) if name in MIRRORED and isinstance(value, int) else None


def _sets_by_dictionary(relation: Relation, index: int, predicate: Expression) -> list[CodeSet] | None:
    """The codes of each meaning where all segments have dictionaries, found by bisection: their entries ascend."""
    if not has_dictionaries(relation, index):
        return None
    sets: list[CodeSet] = []
    for meaning in meanings_of(relation, index):
        dictionary = meaning.column.dictionary
        found = None if dictionary is None else _true_set(predicate, partial(_compared_entries, dictionary))
        if found is None:
            return None
        sets.append(_representable(meaning.column, found))
    return sets


def _compared_entries(dictionary: Dictionary, name: str, value: PhysicalValue) -> CodeSet | None:
    """The codes of the entries that compare so with a string; of those that begin with it for ``prefix``."""
    entries = dictionary.values
    is_text = pa.types.is_string(entries.type) or pa.types.is_large_string(entries.type)
    if not isinstance(value, str if is_text else bytes):
        return None

    def entry(code: int) -> str | bytes:
        found: str | bytes = entries[code].as_py()
        return found

    codes = range(len(entries))
    first = bisect_left(codes, value, key=entry)
    after = bisect_right(codes, value, key=entry)
    if name in ("prefix", "starts_with"):
        end = bisect_right(codes, value, key=lambda code: entry(code)[: len(value)])
        return CodeSet(((first, end - 1),) if end > first else ())
    if name not in MIRRORED:
        return None
    equal = CodeSet(((first, after - 1),) if after > first else ())
    match name:
        case "=":
            return equal
        case "<>":
            return equal.complement()
        case "<" | ">=":
            return compared(name, first)
        case _:
            return compared(name, after - 1)


def _tests_null(expression: Expression) -> bool:
    """Whether an expression is true or false of NULL, or NULL for a value: its complement is no complement of codes."""
    match expression:
        case Call("in", (_, *candidates)):
            return any(isinstance(c, Constant) and c.value is None for c in candidates)
        case Call(name):
            return name in ("is null", "is not null")
        case _:
            return False


def compared(name: str, value: int) -> CodeSet:
    """The integers that compare so with ``value``."""
    low, high = _EVERYTHING
    match name:
        case "=":
            return CodeSet(((value, value),))
        case "<>":
            return CodeSet(((low, value - 1), (value + 1, high)))
        case "<":
            return CodeSet(((low, value - 1),))
        case "<=":
            return CodeSet(((low, value),))
        case ">":
            return CodeSet(((value + 1, high),))
        case _:
            return CodeSet(((value, high),))


def _codes_of_values(column: EncodedColumn, values: CodeSet) -> CodeSet:
    if column.encoding == "constant" and not column.all_null:
        holds = any(low <= column.base <= high for low, high in values.intervals)
        return CodeSet(((0, 0),) if holds else (), values.null)
    if column.codes is None:
        return CodeSet((), values.null)
    base, factor = (0, 1) if column.encoding == "plain" else (column.base, column.factor)
    codes = CodeSet(tuple((-((base - low) // factor), (high - base) // factor) for low, high in values.intervals))
    return _representable(column, CodeSet(codes.intervals, values.null))


def _representable(column: EncodedColumn, codes: CodeSet) -> CodeSet:
    """The part of the set that the segment's own codes can be: bounds beyond their type would wrap."""
    if column.codes is None:
        return codes.clamp(0, 0)
    return codes.clamp(*ends_of(column.codes.dtype))


@cache
def ends_of(codes: np.dtype[Any] | None) -> tuple[int, int]:
    """The least and the greatest number of a type of codes; of columns without codes, kernels see bytes of 0."""
    ends = np.iinfo(np.uint8 if codes is None else codes)
    return int(ends.min), int(ends.max)


def _sets_by_table(relation: Relation, index: int, predicate: Expression) -> list[CodeSet]:
    tables = tables_of(relation, as_lookup(predicate, index))
    sets = {}
    for key, table in tables.by_domain.items():
        true = table.values if table.valid is None else table.values & table.valid
        first = table.domain.first_code
        sets[key] = CodeSet(tuple((first + a, first + z) for a, z in _runs(true[:-1])), bool(true[-1]))
    chosen = []
    for meaning in meanings_of(relation, index):
        domain = domain_of(meaning.column, relation.intervals[index])
        assert domain is not None, "tables exist for every segment"
        chosen.append(_representable(meaning.column, sets[domain.key]))
    return chosen


def _runs(bits: Bits) -> list[tuple[int, int]]:
    """The inclusive bounds of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bits, [False])).astype(np.int8)))
    return [(int(a), int(z) - 1) for a, z in zip(edges[::2], edges[1::2], strict=True)]
