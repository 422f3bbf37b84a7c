"""Zones that computed predicates can't match: comparisons of floats and of raw strings with constants.

Such predicates have no set of codes, but the zones keep bounds of the values: ordered keys of floats, and for strings
the beginnings of the least and the greatest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from locality.operators.filters.codesets import CodeSet, compared
from locality.operators.filters.uncast import MIRRORED
from locality.operators.relations.meanings import Bounds, bounds_of, first_zones
from locality.operators.relations.relation import Relation, Segment
from locality.plan.expressions import Call, Cast, ColumnRef, Constant, Expression
from locality.storage.zones import ordered_keys
from locality.types import DataType

Bits = npt.NDArray[np.bool_]


def zones_reached(relation: Relation, known: Sequence[tuple[CodeSet, Bounds]]) -> Bits | None:
    """Which zones may hold codes of a set, by bounds; None where nothing is known."""
    match known:
        case []:
            return None
        case [(codes, Bounds(places=slice()) as bounds)]:
            return codes.zones_possible(bounds.zones)
        case _:
            possible = np.ones(first_zones(relation)[-1], dtype=np.bool_)
            for codes, bounds in known:
                possible[bounds.places] = codes.zones_possible(bounds.zones)
            return possible


def zones_possible(relation: Relation, predicate: Expression) -> Bits | None:
    """Which zones may hold rows for which ``predicate`` is true; None where nothing is known."""
    known = float_bounds(relation, predicate)
    if known:
        return zones_reached(relation, known)
    match predicate:
        case Call(name, (ColumnRef(index), Constant(str(text)))) if name in _TEXT_PROOFS:
            parts = [_strings(segment, index, _TEXT_PROOFS[name], text.encode()) for segment in relation.segments]
            told = [part for part in parts if part is not None]
            return np.concatenate(told) if told and len(told) == len(parts) else None
        case _:
            return None


def float_bounds(relation: Relation, predicate: Expression) -> list[tuple[CodeSet, Bounds]]:
    """The ordered keys of the floats for which a comparison is true, and the zones' bounds of such; none for others."""
    match predicate:
        case Call(name, (column, Constant(float(value)))) if name in MIRRORED:
            index = _float_column(column)
        case Call(name, (Constant(float(value)), column)) if name in MIRRORED:
            name, index = MIRRORED[name], _float_column(column)
        case _:
            return []
    if index is None or not relation.types[index].is_float:
        return []
    keys = _keys_that(name, value)
    return [(keys, bounds) for bounds in bounds_of(relation, index) if bounds.meaning.column.encoding == "plain"]


def _float_column(expression: Expression) -> int | None:
    """The column whose floats an expression gives, widened perhaps: both widths have the same keys."""
    match expression:
        case ColumnRef(index) | Cast(ColumnRef(index, DataType("FLOAT")), DataType("DOUBLE")):
            return index
        case _:
            return None


def _keys_that(name: str, value: float) -> CodeSet:
    """The ordered keys of the floats that compare so with ``value``."""
    return compared(name, int(ordered_keys(np.array([value]))[0]))


Proof = Callable[[bytes, bytes, "bytes | None"], bool]
"""Whether a string between a least beginning and a greatest one (None: no bound) may match a constant."""

_TEXT_PROOFS: dict[str, Proof] = {
    "=": lambda text, low, high: low <= text and (high is None or text <= high),
    "<": lambda text, low, high: low <= text,
    "<=": lambda text, low, high: low <= text,
    ">": lambda text, low, high: high is None or text <= high,
    ">=": lambda text, low, high: high is None or text <= high,
    "prefix": lambda text, low, high: low[: len(text)] <= text and (high is None or text <= high),
    "starts_with": lambda text, low, high: low[: len(text)] <= text and (high is None or text <= high),
}


def _strings(segment: Segment, index: int, proof: Proof, text: bytes) -> Bits | None:
    zones = segment.zones(index)
    if zones is None or zones.prefix_minimum is None or zones.prefix_maximum is None:
        return None
    bounds = zip(zones.prefix_minimum, zones.prefix_maximum, strict=True)
    return np.array([low is not None and proof(text, low, high) for low, high in bounds], dtype=np.bool_)
