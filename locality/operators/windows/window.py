"""Window functions: the physical operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from locality.encodings import EncodedColumn, stored_bytes
from locality.errors import Unsupported
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES
from locality.operators.physical import Execution, Explanation, Physical, Traffic
from locality.operators.relations.batch import Batch, interval_of
from locality.operators.windows.inputs import Input, by_shards, columns_at
from locality.operators.windows.leading import leading_rows, wanted_rows
from locality.operators.windows.neighbours import NEIGHBOURS
from locality.operators.windows.ordered import Ordered, put_in_order
from locality.operators.windows.ranks import RANKS
from locality.operators.windows.scatter import scattered
from locality.operators.windows.totals import TOTALS
from locality.plan.expressions import ColumnRef, Expression, SortKey
from locality.plan.windows import WindowCall
from locality.types import DataType, Domain

_FUNCTIONS: Mapping[str, Callable[[Input, WindowCall], EncodedColumn]] = {**RANKS, **NEIGHBOURS, **TOTALS}
#: Aggregates that repeated values do not change.
IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or", "any_value"})
_Order = tuple[tuple[Expression, ...], tuple[SortKey, ...]]


class Window:
    """The first ``width`` columns of the child, then one a call; all that calls read are columns or constants.

    first: how many rows of each partition are wanted; None for all. Calls are then row numbers and ranks in one order.
    """

    def __init__(self, child: Physical, width: int, calls: Sequence[WindowCall], first: int | None = None) -> None:
        for call in calls:
            if call.name not in _FUNCTIONS:
                raise Unsupported(f"window function {call.name}")
            if call.name in TOTALS and call.type.domain is Domain.NESTED:
                raise Unsupported(f"window function {call.name} over {call.type}")
            if call.distinct and call.name not in IDEMPOTENT:
                raise Unsupported(f"{call.name}(DISTINCT ...) over a window")
        self._child, self._width, self._calls, self._first = child, width, tuple(calls), first

    def filtered(self, conjuncts: Sequence[Expression]) -> Window:
        """The same for a reader that tests ``conjuncts`` of its columns: rows that fail may be missing."""
        first = wanted_rows(self._calls, conjuncts, self._width)
        return self if first is None else Window(self._child, self._width, self._calls, first)

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*self._child.types[: self._width], *(call.type for call in self._calls))

    def execute(self, execution: Execution) -> Batch:
        batch = self._child.execute(execution)
        with execution.measure("window") as traffic:
            if self._first is not None:
                batch = self._leading(batch, self._first, execution)
            rows = batch.select(range(self._width))
            traffic.rows = batch.row_count
            if batch.row_count == 0:
                results = [EncodedColumn(call.type, "constant", 0, all_null=True) for call in self._calls]
            else:
                results = self._results(batch, execution, traffic)
        bounds = (interval_of(result) for result in results)
        return Batch((*rows.columns, *results), batch.row_count, (*rows.intervals, *bounds))

    def _leading(self, batch: Batch, first: int, execution: Execution) -> Batch:
        """Without most rows that come after the first ones of their partition."""
        columns = columns_at(batch, (e.index for e in _read(self._calls[0])), execution.run)
        fields = _fields(columns, _order_of(self._calls[0]))
        rows = leading_rows(*fields, batch.row_count, first, execution)
        return batch if rows is None else batch.take(rows)

    def _results(self, batch: Batch, execution: Execution, traffic: Traffic) -> list[EncodedColumn]:
        traffic.add_reads(batch.reads())
        columns = columns_at(batch, (e.index for call in self._calls for e in _read(call)), execution.run)
        results: dict[int, EncodedColumn] = {}
        for wanted in dict.fromkeys(map(_order_of, self._calls)):
            execution.reserve((SORT_BYTES + 10) * batch.row_count, "the order of a window")
            ordered = put_in_order(batch.row_count, *_fields(columns, wanted), execution.run)
            traffic.state += 2 * ordered.nbytes
            numbers = [i for i, call in enumerate(self._calls) if _order_of(call) == wanted]
            calls = [self._calls[i] for i in numbers]
            results |= zip(numbers, _columns(columns, ordered, calls, execution), strict=True)
        for result in results.values():
            execution.reserve(stored_bytes(result), "the results of window functions")
            traffic.written += stored_bytes(result)
        return [results[i] for i in range(len(self._calls))]

    def explain(self) -> Explanation:
        names = ", ".join(call.name for call in self._calls)
        orders = {_order_of(call): None for call in self._calls}
        wanted = () if self._first is None else (f"of the first {self._first} rows of each partition",)
        details = (f"{names} in {len(orders)} orders", *wanted, *(_describe(order) for order in orders))
        return Explanation("window", details, (self._child.explain(),))


def window_column(source: Input, call: WindowCall) -> EncodedColumn:
    """The values of one call, in the window's order."""
    return _FUNCTIONS[call.name](source, call)


def _columns(
    columns: Mapping[int, EncodedColumn], ordered: Ordered, calls: Sequence[WindowCall], execution: Execution
) -> list[EncodedColumn]:
    """The values of calls over one order as the rows came, computed of several shards side by side."""
    shards = ordered.shards()
    parts = by_shards(columns, shards, lambda source: [window_column(source, call) for call in calls], execution.run)
    orders = [shard.order for shard in shards]
    return [scattered(results, orders, execution.run) for results in zip(*parts, strict=True)]


def _read(call: WindowCall) -> Iterator[ColumnRef]:
    """The columns that a call reads."""
    offsets = (call.frame.start.offset, call.frame.end.offset)
    keys = (key.expression for key in call.keys)
    for expression in (*call.args, *call.partitions, *keys, call.filter, *offsets):
        if isinstance(expression, ColumnRef):
            yield expression


def _order_of(call: WindowCall) -> _Order:
    """The columns that put the rows of a call in order: constants do not."""
    partitions = tuple(e for e in call.partitions if isinstance(e, ColumnRef))
    return partitions, tuple(key for key in call.keys if isinstance(key.expression, ColumnRef))


def _fields(columns: Mapping[int, EncodedColumn], wanted: _Order) -> tuple[list[Field], list[Field]]:
    """The fields of the partitions, and of the keys within them."""

    def column(expression: Expression) -> EncodedColumn:
        assert isinstance(expression, ColumnRef)
        return columns[expression.index]

    partitions, keys = wanted
    owners = [field for e in partitions for field in fields_of(column(e))]
    within = [field for k in keys for field in fields_of(column(k.expression), k.descending, k.nulls_first)]
    return owners, within


def _describe(order: _Order) -> str:
    partitions, keys = order
    directions = ["descending" if key.descending else "ascending" for key in keys]
    return f"partitions by {len(partitions)} keys, within by {len(keys)}" + (
        f": {', '.join(directions)}" if directions else ""
    )
