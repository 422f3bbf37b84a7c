"""A kernel under construction: the loop over blocks, the rows of a block that are still active, values at a row.

A kernel runs over a morsel of one segment, ``start`` to ``stop``. Inside it, short loops run over blocks of ``BLOCK``
rows, each simple enough for LLVM to vectorise; what passes between them lies in small arrays that never leave L1.
While many rows survive the filters, a mask tells which (``dense``); where few are expected to, their positions are
collected once and later loops run over these alone (``selected``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.columns import ColumnLoad
from locality.operators.codegen.linked import LinkedLoad
from locality.operators.codegen.lookup import LookupLoad
from locality.operators.codegen.parameters import Late, Parameters
from locality.operators.codegen.text import (
    emit_block_function,
    emit_packed_substring,
    emit_text_comparison,
    emit_text_number,
    is_block_function,
    is_packed_substring,
    is_text_comparison,
    is_text_number,
)
from locality.operators.codegen.words import string_constant, unify_strings
from locality.operators.relations.relation import Relation
from locality.operators.relations.shapes import ColumnShape
from locality.plan import lanes
from locality.plan.expressions import (
    Call,
    Case,
    Cast,
    ColumnRef,
    Constant,
    Expression,
    Held,
    Lambda,
    Lookup,
    children,
    columns_of,
)
from locality.plan.functions import FUNCTIONS
from locality.plan.functions.base import Value, both, null_of
from locality.plan.functions.casts import emit_cast
from locality.plan.functions.logic import emit_case
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import Domain

_INT64 = Interval(INT64_MIN, INT64_MAX)

#: Rows of a block: its arrays and the columns that it reads stay in the first-level cache, and a loop over one column
#: is soon back at the others, so that memory is busy with all of them.
BLOCK = 1024
_LINE_BYTES = 64


@dataclass
class Block:
    """The current block of a kernel.

    mask: BOOL a row, or None while every row is active (``dense``).
    survivors: how many rows are active under the mask, once all tests are emitted (``dense``).
    selection, selected: positions of the active rows and how many they are (``selected``).
    links: the position of each row's match or -1, by the link's position among the relation's: I32 a row, or a scalar
        where it is the same for all rows.
    runs: columns whose rows in this block are all of one run, and the number of that run.
    ahead: the first of the rows that the next block will have, and how many these are; None where nobody asks for them.
    awaited: columns of which loops to come read so few rows that each is a cache line of its own; None for more rows.
    """

    builder: b.Builder
    parameters: Parameters
    relation: Relation
    shapes: dict[int, ColumnShape]
    first_row: ir.Var
    stop: ir.Var
    count: ir.Var
    faults: ir.Var
    mask: ir.Var | None = None
    survivors: ir.Var | None = None
    selection: ir.Var | None = None
    selected: ir.Var | None = None
    links: dict[int, ir.Var] = field(default_factory=dict)
    runs: dict[int, ir.Var] = field(default_factory=dict)
    ahead: tuple[ir.Expr, ir.Expr] | None = None
    awaited: frozenset[int] | None = None
    _columns: dict[int, ColumnLoad] = field(default_factory=dict)
    _lookups: dict[Lookup, LookupLoad] = field(default_factory=dict)
    materialised: dict[Expression, tuple[ir.Var, ir.Var | None, Value]] = field(default_factory=dict)

    def local(self, element: Scalar) -> ir.Var:
        """A scratch array of a block's length."""
        return self.builder.local_array(element, BLOCK)

    @property
    def active(self) -> ir.Var:
        """How many turns a loop over the rows makes (:meth:`rows`)."""
        return self.count if self.selected is None else self.selected

    @property
    def remaining(self) -> ir.Var:
        """How many rows are active, once all tests are emitted."""
        return self.selected or self.survivors or self.count

    def is_even(self, index: int) -> bool:
        """Whether a column certainly has one value in all rows of the block."""
        shape = self.shapes[index]
        if shape.link is not None:
            return shape.link in self.links and isinstance(self.links[shape.link].type, Scalar)
        return index in self.runs or (shape.encoding == "constant" and not shape.nullable)

    def are_even(self, expressions: Iterable[Expression]) -> bool:
        """Whether expressions certainly have one value in all rows of the block."""
        return all(self.is_even(index) for expression in expressions for index in columns_of(expression))

    def column(self, index: int) -> ColumnLoad:
        """A column of the source, prepared for use in the block's loops."""
        if index not in self._columns:
            shape = self.shapes[index]
            self._columns[index] = (ColumnLoad if shape.link is None else LinkedLoad)(self, index, shape)
        self._columns[index].prepare()
        return self._columns[index]

    def lookup(self, lookup: Lookup) -> LookupLoad:
        """A lookup by a column's code, prepared for use in the block's loops."""
        if lookup not in self._lookups:
            self._lookups[lookup] = LookupLoad(self.column(lookup.column), lookup)
            self._lookups[lookup].prepare()
        return self._lookups[lookup]

    def prepare(self, expressions: Iterable[Expression]) -> None:
        """Emits, in front of a loop, what the expressions need at every row."""
        for expression in expressions:
            self._prepare(expression)

    def _prepare(self, expression: Expression) -> None:
        if expression in self.materialised:
            return
        match expression:
            case ColumnRef(index):
                self.column(index)
            case Lookup():
                self.lookup(expression)
            case Call() if is_block_function(expression, self):
                self.materialised[expression] = emit_block_function(self, expression)
            case _:
                self.prepare(children(expression))

    @contextmanager
    def rows(self, expressions: Iterable[Expression]) -> Iterator[Row]:
        """A loop over the active rows (``selected``), or over all rows of the block (``dense``)."""
        self.prepare(expressions)
        if self.selection is not None and self.selected is not None:
            with self.builder.loop(self.selected) as k:
                index = self.builder.assign(b.convert(b.load(self.selection, k), Scalar.I64))
                yield Row(self, index, None, k)
        else:
            with self.builder.loop(self.count) as i:
                yield Row(self, i, None if self.mask is None else b.load(self.mask, i), i)

    def fault(self, condition: ir.Expr) -> None:
        """Leaves the query to DuckDB if ``condition`` is true."""
        self.builder.set(self.faults, b.or_(self.faults, b.convert(condition, Scalar.I64)))

    def compact(self) -> None:
        """Goes from ``dense`` to ``selected``: collects the positions of the active rows."""
        if self.mask is None:
            return
        self.selection = self.builder.local_array(Scalar.I32, BLOCK + 4)
        self.selected = self.builder.assign(b.call("compact", self.mask, self.count, self.selection))
        self.mask = None
        self.wait_for(self.awaited)

    def wait_for(self, awaited: frozenset[int] | None) -> None:
        """Asks for what is awaited of selected rows at once: a loop for each column waits for memory in turn."""
        self.awaited = awaited
        if awaited is None or self.selection is None:
            return
        fresh = [self.column(i) for i in sorted(awaited.difference(self._columns)) if self._is_strewn(i)]
        if not fresh:
            return
        with self.rows(()) as row:
            for column in fresh:
                code = column.code(row.index)
                assert isinstance(code, ir.Load)
                self.builder.evaluate("prefetch", code.array, row.index)

    def announce(self, array: ir.Var) -> None:
        """Asks for the next block's part of an array most of which is read: processors see no further than a page."""
        if self.ahead is not None and (self.selection is None or self.awaited is None):
            assert isinstance(array.type, Array)
            step = _LINE_BYTES // np.dtype(array.type.element.value).itemsize
            self.builder.evaluate("prefetch_lines", array, *self.ahead, b.const_i64(step))

    def _is_strewn(self, index: int) -> bool:
        """Whether each row has a code of its own in a column."""
        shape = self.shapes[index]
        own = shape.link is None and shape.codes is not None and index not in self.runs
        return own and shape.encoding not in ("constant", "rle")

    def skip_unless(self, expressions: Iterable[Expression], holds: Callable[[Row], ir.Expr]) -> None:
        """Goes on with the next block unless a condition holds that is the same for all rows of this one."""
        self.prepare(expressions)
        condition = holds(self.any_row)
        if condition != ir.Const(True, Scalar.BOOL):
            with self.builder.when(b.not_(condition)):
                self.builder.skip()

    @property
    def any_row(self) -> Row:
        """The scope of what is the same for all rows of the block."""
        return Row(self, b.const_i64(0), None, b.const_i64(0))

    def keep(self, expressions: Iterable[Expression], matches: Callable[[Row], ir.Expr]) -> None:
        """Narrows the active rows to those for which a condition holds."""
        if self.selection is None:
            mask = self.mask or self.local(Scalar.BOOL)
            with self.rows(expressions) as row:
                condition = matches(row)
                condition = condition if row.active is None else b.and_(row.active, condition)
                self.builder.store(mask, row.index, condition)
            self.mask = mask
            return
        kept = self.builder.assign(b.const_i64(0), "kept")
        with self.rows(expressions) as row:
            condition = matches(row)
            self.builder.store(self.selection, kept, b.convert(row.index, Scalar.I32))
            self.builder.set(kept, b.add(kept, b.convert(condition, Scalar.I64)))
        self.selected = kept


@dataclass
class Row:
    """The current row of a loop: the scope in which expressions are emitted.

    index: I64, the row in the block. active: whether the row takes part, or None if it certainly does.
    ordinal: I64, how many turns the loop has made.
    """

    block: Block
    index: ir.Expr
    active: ir.Expr | None
    ordinal: ir.Expr

    def match(self, number: int) -> ir.Expr:
        """The position of the row's match by a link, I64; negative if it has none."""
        positions = self.block.links[number]
        if isinstance(positions.type, Scalar):
            return positions
        return b.convert(b.load(positions, self.index), Scalar.I64)

    def match_of(self, index: int) -> ir.Expr:
        """The position of the row's match by the link that column ``index`` belongs to, I64."""
        number = self.block.shapes[index].link
        assert number is not None
        return self.match(number)

    def emit(self, expression: Expression) -> Value:
        """The value of an expression at this row; raises Unsupported for what kernels can't compute."""
        if expression in self.block.materialised:
            return self._reload(expression)
        match expression:
            case ColumnRef(index):
                return self.block.column(index).value(self.index)
            case Lookup():
                return self.block.lookup(expression).value(self.index)
            case Constant():
                return self._constant(expression)
            case Held():
                return self._held(expression)
            case Cast():
                return emit_cast(self, expression)
            case Case():
                return emit_case(self, expression)
            case Call("is null" | "is not null" as name, (ColumnRef(index),)):
                return self._null_test(name, index)
            case Call() if is_packed_substring(expression, self.block):
                return emit_packed_substring(self, expression)
            case Call() if is_text_comparison(expression, self.block):
                return emit_text_comparison(self, expression)
            case Call() if is_text_number(expression, self.block):
                return emit_text_number(self, expression)
            case Call(name):
                if name not in FUNCTIONS:
                    raise Unsupported(f"function {name}")
                return FUNCTIONS[name].emit(self, expression)
            case Lambda():
                raise Unsupported("lambda")

    def _null_test(self, name: str, index: int) -> Value:
        """Whether a column is NULL: its validity tells, whatever its values are."""
        valid = self.block.column(index).valid(self.index) or ir.Const(True, Scalar.BOOL)
        return Value(valid if name == "is not null" else b.not_(valid))

    def fault(self, condition: ir.Expr, valid: ir.Expr | None) -> None:
        """See :meth:`locality.plan.functions.base.Scope.fault`; rows that are filtered out do not count."""
        marked = both(both(self.active, valid), condition)
        assert marked is not None
        self.block.fault(marked)

    def under(self, condition: ir.Expr) -> Row:
        """See :meth:`locality.plan.functions.base.Scope.under`."""
        return replace(self, active=both(self.active, condition))

    def share(self, expr: ir.Expr) -> ir.Expr:
        """See :meth:`locality.plan.functions.base.Scope.share`."""
        return expr if isinstance(expr, ir.Var | ir.Const) else self.block.builder.assign(expr)

    def unify(self, left: Value, right: Value) -> tuple[Value, Value]:
        """See :meth:`locality.plan.functions.base.Scope.unify`."""
        return unify_strings(self.block.parameters, left, right)

    def integer(self, value: int) -> ir.Expr:
        """A query's integer as a parameter of the kernel."""
        return self.block.parameters.integer(("constant", value), lambda segment: value)

    def among(self, number: ir.Expr, values: Sequence[int]) -> ir.Expr:
        """See :meth:`locality.plan.functions.base.Scope.among`."""
        distinct = np.unique(np.array(values, dtype=np.int64))
        table = self.block.parameters.array(("among", tuple(values)), Array(Scalar.I64), lambda segment: distinct)
        return b.call("in_intervals", table, table, b.convert(number, Scalar.I64))

    def _constant(self, constant: Constant) -> Value:
        value, dtype = constant.value, constant.type
        if dtype.domain is Domain.STRING:
            return string_constant(constant)
        if value is None:
            return null_of(dtype)
        if isinstance(value, bool):
            number = self.block.parameters.integer(("constant", int(value)), lambda segment: int(value))
            return Value(b.ne(number, b.const_i64(0)))
        if dtype.is_float and isinstance(value, int | float):
            real = float(value)
            key = ("constant", real.hex())
            scalar = self.block.parameters.float(key, lambda segment: real)
            return Value(b.convert(scalar, Scalar.F32 if dtype.name == "FLOAT" else Scalar.F64))
        if isinstance(value, int) and dtype.domain in (Domain.INTEGER, Domain.WIDE):
            interval = Interval(value, value)
            if not interval.fits_int64:
                raise Unsupported(f"a constant of {dtype} beyond 64 bits")
            return Value(self.integer(value), None, interval)
        raise Unsupported(f"a constant of {dtype} in a computation over several columns")

    def _held(self, held: Held) -> Value:
        parameters, late = self.block.parameters, Late(lambda given, segment: given.number(held))
        if held.type.is_float:
            scalar = parameters.float(held, late)
            return Value(b.convert(scalar, Scalar.F32 if held.type.name == "FLOAT" else Scalar.F64))
        return Value(parameters.integer(held, late), None, _INT64 if held.wide else lanes.INT32)

    def _reload(self, expression: Expression) -> Value:
        values, valid, original = self.block.materialised[expression]
        expr: ir.Expr = b.load(values, self.index)
        return Value(
            expr if original.bounds is None else lanes.wide(expr),
            None if valid is None else b.load(valid, self.index),
            original.bounds,
            original.dictionary,
            original.packed,
        )


def materialise(block: Block, expression: Expression) -> None:
    """Computes an expression once for every active row of the block, into scratch arrays that later loops load."""
    if expression in block.materialised or isinstance(expression, ColumnRef | Constant):
        return
    with block.rows([expression]) as row:
        value = row.emit(expression)
        result = value.expr if value.bounds is None else lanes.narrow(value.expr, value.bounds)
        assert isinstance(result.type, Scalar)
        values = block.local(result.type)
        block.builder.store(values, row.index, result)
        valid = None
        if value.valid is not None:
            valid = block.local(Scalar.BOOL)
            block.builder.store(valid, row.index, value.valid)
    block.materialised[expression] = (values, valid, value)
