"""How a kernel under construction reaches one column of its source: codes, validity and values of a block's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from locality.encodings import ENCODINGS, EncodedColumn, merge_dictionaries
from locality.encodings.column import Dictionary
from locality.encodings.dictionaries import dictionary_of
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.relations.relation import Relation
from locality.operators.relations.shapes import ColumnShape
from locality.plan.functions.base import Value
from locality.plan.lanes import lane_of
from locality.types import Domain, to_arrow

if TYPE_CHECKING:
    from locality.operators.codegen.block import Block

_WIDTHS = {Scalar.U8: 8, Scalar.U16: 16, Scalar.U32: 32, Scalar.U64: 64}


@dataclass
class ColumnLoad:
    """One column in one block; the context that its encoding's load loop is written against."""

    block: Block
    index: int
    shape: ColumnShape
    _code_at: Callable[[ir.Expr], ir.Expr] | None = field(default=None, init=False)
    _valid: ir.Var | None = field(default=None, init=False)
    _prepared: bool = field(default=False, init=False)
    _fixed: tuple[ir.Expr, ir.Expr | None] | None = field(default=None, init=False)

    @property
    def first_row(self) -> ir.Var:
        return self.block.first_row

    @property
    def count(self) -> ir.Var:
        return self.block.count

    @property
    def codes(self) -> Scalar:
        if self.shape.codes is None:
            raise Unsupported(f"row-by-row access to a {self.shape.encoding} column of {self._type}")
        return self.shape.codes

    @property
    def _type(self) -> str:
        return str(self.block.relation.types[self.index])

    def buffer(self, field: str, element: Scalar) -> ir.Var:
        array = self.array(field, element)
        self.block.announce(array)
        return self.block.builder.slice(array, self.first_row, self.block.stop)

    def array(self, field: str, element: Scalar) -> ir.Var:
        index = self.index
        return self.block.parameters.array(
            ("column", index, field), Array(element), lambda segment: _array_of(segment.column(index), field)
        )

    def scalar(self, field: str, type: Scalar) -> ir.Var:
        index = self.index
        if type.is_float:
            value = self.block.parameters.float(("column", index, field), lambda s: getattr(s.column(index), field))
            return value if type is Scalar.F64 else self.block.builder.hoist(b.convert(value, type))
        return self.block.parameters.integer(
            ("column", index, field), lambda s: int(getattr(s.column(index), field)), type
        )

    def local(self, element: Scalar) -> ir.Var:
        return self.block.local(element)

    def emit(self, statement: ir.Stmt) -> None:
        self.block.builder.emit(statement)

    def prepare(self) -> None:
        """Emits, in front of the block's loops, what loads of codes and validity need."""
        if self._prepared:
            return
        self._prepared = True
        self._emit_codes()
        self._emit_validity()
        if self._code_at is not None and self.shape.encoding != "constant" and self.block.is_even(self.index):
            assign, first = self.block.builder.assign, b.const_i64(0)
            valid = self._validity_at(first)
            self._fixed = assign(self._coded_at(first)), None if valid is None else assign(valid)

    def _emit_codes(self) -> None:
        run = self.block.runs.get(self.index)
        if run is not None:
            code = b.load(self.array("codes", self.codes), run)
            self._code_at = lambda row: code
        elif self.shape.codes is not None:
            self._code_at = ENCODINGS[self.shape.encoding].emit_codes(self)

    def _emit_validity(self) -> None:
        if self.shape.nullable:
            self._valid = self.local(Scalar.BOOL)
            bitmap = self.array("validity", Scalar.U8)
            self.block.builder.evaluate("expand_validity", bitmap, self.first_row, self.count, self._valid)

    def code(self, row: ir.Expr) -> ir.Expr:
        """The code at a row of the block, as it is stored."""
        return self._coded_at(row) if self._fixed is None else self._fixed[0]

    def _coded_at(self, row: ir.Expr) -> ir.Expr:
        if self._code_at is None:
            raise Unsupported(f"row-by-row access to a {self.shape.encoding} column of {self._type}")
        return self._code_at(row)

    def place(self, row: ir.Expr) -> ir.Expr:
        """Where the value at a row of the block lies in the column's arrays, I64."""
        return b.add(self.first_row, row)

    @property
    def validity(self) -> ir.Var | None:
        """BOOL, which rows of the block are not NULL; None if none is."""
        return self._valid

    def valid(self, row: ir.Expr) -> ir.Expr | None:
        """Whether the value at a row is not NULL; None if none is."""
        return self._validity_at(row) if self._fixed is None else self._fixed[1]

    def _validity_at(self, row: ir.Expr) -> ir.Expr | None:
        return None if self._valid is None else b.load(self._valid, row)

    def value(self, row: ir.Expr) -> Value:
        """The value at a row."""
        code, valid = self.code(row), self.valid(row)
        if self.codes.is_float:
            return Value(code, valid)
        if self.shape.coded:
            return self._dictionary_code(code, valid)
        interval = self.block.relation.intervals[self.index]
        if interval is None:
            raise Unsupported(f"row-by-row access to values of {self._type}")
        value = code
        if self.shape.encoding != "plain":
            # modulo the lane's width, so that only the value itself has to fit
            lane = lane_of(interval)
            value = b.convert(code, lane)
            if self.shape.encoding in ("scaled", "rle"):
                value = b.mul(value, self.scalar("factor", lane))
            value = b.add(value, self.scalar("base", lane))
        value = b.convert(value, Scalar.I64)
        if self._type == "BOOLEAN":
            return Value(b.ne(value, b.const_i64(0)), valid)
        return Value(value, valid, interval)

    def _dictionary_code(self, code: ir.Expr, valid: ir.Expr | None) -> Value:
        """Codes of the whole relation's dictionary: a segment's own codes where all segments share one."""
        dictionary, remaps = relation_dictionary(self.block.relation, self.index)
        expr = b.convert(code, Scalar.I64)
        if remaps:
            index = self.index
            table = self.block.parameters.array(
                ("remap", index), Array(Scalar.I32), lambda s: remaps[_dictionary_key(s.column(index))]
            )
            expr = b.convert(b.load(table, expr), Scalar.I64)
        return Value(expr, valid, dictionary=dictionary)


def _dictionary_key(column: EncodedColumn) -> str:
    return "" if column.dictionary is None else column.dictionary.key


def relation_dictionary(relation: Relation, index: int) -> tuple[Dictionary, dict[str, Any]]:
    """One dictionary of a column's strings in all segments, and each segment dictionary's codes in it (int32).

    No codes are given where all segments have the same dictionary. Raises Unsupported if a segment has none.
    """
    columns = []
    for segment in relation.segments:  # one after the other: raw strings are not all read only to be refused
        columns.append(segment.column(index))
        is_raw = columns[-1].dictionary is None and not columns[-1].all_null
        if is_raw or relation.types[index].domain is not Domain.STRING:
            raise Unsupported(f"row-by-row access to raw strings of {relation.types[index]}")
    found = {c.dictionary.key: c.dictionary for c in columns if c.dictionary is not None}
    if not found:
        return dictionary_of((), to_arrow(relation.types[index])), {"": np.zeros(1, dtype=np.int32)}
    uniform = len(found) == 1 and all(c.dictionary is not None for c in columns)
    merged, remaps = merge_dictionaries(list(found.values()))
    if uniform:
        return merged, {}
    return merged, {"": np.zeros(1, dtype=np.int32), **dict(zip(found, remaps, strict=True))}


def _array_of(column: EncodedColumn, field: str) -> Any:
    array = getattr(column, field)
    if array is None and field == "validity":  # a segment that has nothing but NULLs keeps no bitmap
        return np.zeros((column.length + 7) // 8, dtype=np.uint8)
    return array
