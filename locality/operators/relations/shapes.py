"""The shape of an encoded column: all of it that a kernel's text depends on. Segments of equal shape share a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn
from locality.kernel.ir import Scalar
from locality.operators.relations.relation import Relation, Segment
from locality.types import Domain

_FLOATS = {"FLOAT": Scalar.F32, "DOUBLE": Scalar.F64}
_SCALARS = {np.dtype(scalar.value): scalar for scalar in Scalar}


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """codes: the element type of the codes; None where there are none, or where they are no scalars (128 bits).

    link: the position of the link that the column belongs to among the relation's; None for a column of its own.
    outer: whether a row of the link may be missing. nullable: whether a value may be NULL, a missing row's included.
    bitmap: whether the column has NULLs of its own.
    """

    encoding: str
    codes: Scalar | None
    nullable: bool
    coded: bool
    bitmap: bool
    link: int | None = None
    outer: bool = False

    @property
    def is_float(self) -> bool:
        return self.codes is not None and self.codes.is_float


def shape_of(relation: Relation, segment: Segment, index: int) -> ColumnShape:
    """The shape of a column of a segment; ``coded`` tells that its codes stand for a dictionary's entries."""
    column = segment.column(index)
    link = relation.link_of(index)
    bitmap = column.validity is not None or column.all_null
    outer = link is not None and link.is_outer
    coded = column.dictionary is not None or (column.all_null and column.type.domain is Domain.STRING)
    number = None if link is None else relation.links.index(link)
    return ColumnShape(column.encoding, _codes(column), bitmap or outer, coded, bitmap, number, outer)


def _codes(column: EncodedColumn) -> Scalar | None:
    if column.encoding == "constant":
        return _FLOATS.get(column.type.name, Scalar.U8)
    if column.codes is None or column.codes.ndim != 1:
        return None
    return _SCALARS[column.codes.dtype]
