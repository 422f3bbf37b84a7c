"""What an expression's value will be at a row, found by emitting it into a kernel that is thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.codegen.block import Block
from locality.operators.codegen.parameters import Parameters
from locality.operators.relations.relation import Relation
from locality.operators.relations.shapes import ColumnShape, shape_of
from locality.plan.expressions import Expression, columns_of
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.plan.structure import structure


def probe(relation: Relation, expression: Expression) -> Value:
    """The physical type, nullability, bounds and dictionary of ``expression`` over any segment of ``relation``.

    Raises Unsupported for what kernels can't compute.
    """
    return relation.memo.once(("probe", structure(expression)), lambda: _probe(relation, expression))


def _probe(relation: Relation, expression: Expression) -> Value:
    columns = sorted(columns_of(expression))
    shapes = {tuple(shape_of(relation, segment, i) for i in columns) for segment in relation.segments}
    if not shapes:
        raise Unsupported("a relation without segments")
    values = [_emit(relation, dict(zip(columns, shape, strict=True)), expression) for shape in shapes]
    return _join(values)


def _emit(relation: Relation, shapes: dict[int, ColumnShape], expression: Expression) -> Value:
    builder = b.Builder()
    first, stop, count = (builder.parameter(Scalar.I64) for _ in range(3))
    faults = builder.hoist(b.const_i64(0))
    block = Block(builder, Parameters(builder), relation, shapes, first, stop, count, faults)
    block.links = {number: block.local(Scalar.I32) for number in range(len(relation.links))}
    with bounded_depth(), block.rows([expression]) as row:
        return row.emit(expression)


@contextmanager
def bounded_depth() -> Iterator[None]:
    """Raises Unsupported for expressions that Python can't descend: what their kernels would do is nested as deeply."""
    try:
        yield
    except RecursionError as error:
        raise Unsupported("an expression nested too deeply for a kernel") from error


def _join(values: list[Value]) -> Value:
    """What holds for the values of all shapes."""
    computed = [v for v in values if v.valid is not None] or [v for v in values if not isinstance(v.expr, ir.Const)]
    first = (computed or values)[0]
    if len({v.expr.type for v in values}) > 1:
        raise Unsupported("a column whose segments differ in physical type")
    bounds = first.bounds
    for value in values:
        if bounds is not None and value.bounds is not None:
            bounds = bounds | value.bounds
    return Value(
        first.expr, first.valid, bounds if isinstance(bounds, Interval) else None, first.dictionary, first.packed
    )
