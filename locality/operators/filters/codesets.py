"""Predicates over one column as sets of codes: exact, compared without decoding, and a proof for every zone.

A conjunct over a single column is true for certain codes and perhaps for NULL. The kernel tests codes, and a zone whose
codes (by its minimum and maximum) miss the set is skipped. Nothing is approximated, so the proof is sound for whatever
the predicate was: comparisons, IN, LIKE over a dictionary, functions of dates.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.operators.codegen.lookup import as_lookup, tables_of
from locality.operators.relations.domain import domain_of
from locality.operators.relations.relation import Relation, ZoneBounds
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, columns_of, walk
from locality.sql.evaluate import is_deterministic

Bits = npt.NDArray[np.bool_]
#: Comparisons, and what each becomes with its sides exchanged.
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
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
        joined: list[tuple[int, int]] = []
        for low, high in sorted(self.intervals + other.intervals):
            if joined and low <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
            else:
                joined.append((low, high))
        return CodeSet(tuple(joined), self.null or other.null)

    def complement(self) -> CodeSet:
        """All other codes, without NULL."""
        edges = [_EVERYTHING[0] - 1, *(edge for interval in self.intervals for edge in interval), _EVERYTHING[1] + 1]
        gaps = ((low + 1, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True))
        return CodeSet(tuple(gap for gap in gaps if gap[0] <= gap[1]))

    def clamp(self, low: int, high: int) -> CodeSet:
        """The part of the set within ``low`` to ``high``."""
        return self & CodeSet(((low, high),), True)

    def zones_possible(self, zones: ZoneBounds) -> Bits:
        """Which zones may hold a match."""
        possible = (zones.nulls > 0) & self.null
        if zones.minimum is None or zones.maximum is None:
            return np.ones(len(zones.nulls), dtype=np.bool_)
        for low, high in self.intervals:
            possible |= (
                (zones.maximum >= min(low, 2**63 - 1))
                & (zones.minimum <= min(high, 2**63 - 1))
                & (zones.minimum <= zones.maximum)
            )
        return possible


def code_sets(relation: Relation, predicate: Expression) -> tuple[int, list[CodeSet]] | None:
    """The column that ``predicate`` reads and its set of codes in each segment; None if it is no predicate on codes."""
    columns = columns_of(predicate)
    if len(columns) != 1:
        return None
    index = next(iter(columns))
    direct = _value_interval(predicate)
    if direct is not None and relation.intervals[index] is not None:
        return index, [_codes_of_values(segment.column(index), direct) for segment in relation.segments]
    if not is_deterministic(predicate):
        return None
    try:
        return index, _sets_by_table(relation, index, predicate)
    except Unsupported:
        return None


def _value_interval(predicate: Expression) -> CodeSet | None:
    """The values for which comparisons of an integer column with constants are true, in value space."""
    match predicate:
        case Call("and" | "or" as name, args):
            parts = [_value_interval(arg) for arg in args]
            known = [part for part in parts if part is not None]
            return reduce(and_ if name == "and" else or_, known) if len(known) == len(parts) else None
        case Call("not", (arg,)) if not any(_tests_null(e) for e in walk(arg)):
            negated = _value_interval(arg)
            return None if negated is None else negated.complement()
        case Call("is null", (ColumnRef(),)):
            return CodeSet((), True)
        case Call("is not null", (ColumnRef(),)):
            return CodeSet((_EVERYTHING,))
        case Call("in", (ColumnRef(), *candidates)):
            values = [c.value for c in candidates if isinstance(c, Constant)]
            numbers = sorted({v for v in values if isinstance(v, int)})
            if len(values) < len(candidates) or any(not isinstance(v, int) and v is not None for v in values):
                return None
            return CodeSet(tuple((v, v) for v in numbers))
        case Call(name, (ColumnRef(), Constant(value))) if name in MIRRORED and isinstance(value, int):
            return compared(name, int(value))
        case Call(name, (Constant(value), ColumnRef())) if name in MIRRORED and isinstance(value, int):
            return compared(MIRRORED[name], int(value))
        case _:
            return None


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
    bounds = np.iinfo(column.codes.dtype)
    return codes.clamp(int(bounds.min), int(bounds.max))


def _sets_by_table(relation: Relation, index: int, predicate: Expression) -> list[CodeSet]:
    tables = tables_of(relation, as_lookup(predicate, index))
    sets = {}
    for key, table in tables.by_domain.items():
        true = table.values if table.valid is None else table.values & table.valid
        first = table.domain.first_code
        sets[key] = CodeSet(tuple((first + a, first + z) for a, z in _runs(true[:-1])), bool(true[-1]))
    chosen = []
    for segment in relation.segments:
        column = segment.column(index)
        domain = domain_of(column, relation.intervals[index])
        assert domain is not None, "tables exist for every segment"
        chosen.append(_representable(column, sets[domain.key]))
    return chosen


def _runs(bits: Bits) -> list[tuple[int, int]]:
    """The inclusive bounds of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bits, [False])).astype(np.int8)))
    return [(int(a), int(z) - 1) for a, z in zip(edges[::2], edges[1::2], strict=True)]
