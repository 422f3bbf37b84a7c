"""How a kernel under construction reaches a column of a link: by the position that was found for each row."""

from __future__ import annotations

from dataclasses import dataclass

from locality.encodings import ENCODINGS
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.codegen.columns import ColumnLoad


@dataclass
class LinkedLoad(ColumnLoad):
    """One column of a link in one block: its arrays are the target's, and a row's place in them is its match."""

    def buffer(self, field: str, element: Scalar) -> ir.Var:
        return self.array(field, element)

    def _emit_codes(self) -> None:
        if self.shape.codes is not None:
            self._code_at = ENCODINGS[self.shape.encoding].emit_codes(self)

    def _emit_validity(self) -> None:
        """Nothing: the target's bits are looked up row by row."""

    @property
    def validity(self) -> ir.Var | None:
        raise Unsupported("functions of raw strings over the rows of a join")

    def _coded_at(self, row: ir.Expr) -> ir.Expr:
        return super()._coded_at(self.place(row))

    def _validity_at(self, row: ir.Expr) -> ir.Expr | None:
        found = None
        if self.shape.outer:
            found = b.ge(self._position(row), b.const_i64(0))
        if not self.shape.bitmap:
            return found
        place = self.place(row)
        bits = b.load(self.array("validity", Scalar.U8), b.shift_right(place, b.const_i64(3)))
        mask = b.const_i64(7)
        bit = b.and_(b.shift_right(b.convert(bits, Scalar.I64), b.and_(place, mask)), b.const_i64(1))
        own = b.ne(bit, b.const_i64(0))
        return own if found is None else b.and_(found, own)

    def _position(self, row: ir.Expr) -> ir.Expr:
        assert self.shape.link is not None
        positions = self.block.links[self.shape.link]
        return positions if isinstance(positions.type, Scalar) else b.convert(b.load(positions, row), Scalar.I64)

    def place(self, row: ir.Expr) -> ir.Expr:
        """The row of the target; any row of it where there is no match."""
        return b.maximum(self._position(row), b.const_i64(0))
