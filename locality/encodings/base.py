"""What an encoding is: an encoder, a reference decoder, a few row operations, and the loop that loads its codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings.arrow import to_arrow
from locality.encodings.canonical import canonical
from locality.encodings.column import Dictionary, EncodedColumn
from locality.kernel import ir
from locality.types import DataType

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EncodingSpec:
    """How a column is to be encoded: chosen once for a whole column, then used for each of its segments.

    encoding: the registry's name.
    base, factor: an INTEGER value is ``base + factor * code`` (``frame``, ``scaled``, ``rle``, ``constant``).
    code: the name of the codes' numpy dtype; unsigned except under ``plain``, where it is the values' own dtype or
        ``"limbs"`` for 128 bits; empty for encodings without codes.
    dictionary: of ``dictionary``, ``rle`` over strings, and ``constant`` strings (one entry).
    value: of a ``constant`` FLOAT.
    """

    type: DataType
    encoding: str
    base: int = 0
    factor: int = 1
    code: str = ""
    dictionary: Dictionary | None = None
    value: float | None = None

    @property
    def code_bytes(self) -> int:
        """Bytes per code; 0 for an encoding without codes."""
        if self.code == "limbs":
            return 16
        return np.dtype(self.code).itemsize if self.code else 0


class BlockContext(Protocol):
    """What the generator of a kernel offers to the load loop of one column, for one block of rows.

    ``field`` names an array or a number of :class:`EncodedColumn`: codes, run_ends, value, base, ...
    """

    @property
    def first_row(self) -> ir.Var:
        """I64: the block's first row, counted in the segment."""

    @property
    def count(self) -> ir.Var:
        """I64: rows in the block."""

    @property
    def codes(self) -> ir.Scalar:
        """The element type of the column's codes."""

    def buffer(self, field: str, element: ir.Scalar, /) -> ir.Var:
        """The block's slice of the column's array ``field``: element 0 belongs to the block's first row."""

    def array(self, field: str, element: ir.Scalar, /) -> ir.Var:
        """The column's whole array ``field``."""

    def scalar(self, field: str, element: ir.Scalar, /) -> ir.Var:
        """The column's number ``field``, a parameter of the segment."""

    def local(self, element: ir.Scalar, /) -> ir.Var:
        """A scratch array of the block's length."""

    def emit(self, statement: ir.Stmt, /) -> None:
        """Adds a statement in front of the block's loops."""


class Encoding(ABC):
    """One encoding. Instances have no state; :data:`locality.encodings.registry.ENCODINGS` holds one of each.

    Encodings meet in the *canonical* forms (``plain``, ``dictionary``, ``text``, ``opaque``): each one can be expanded
    to one of these and be made from it, so that none has to know the others.
    """

    name: str

    @abstractmethod
    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        """Encodes a canonical column; raises ValueError if a value is outside what ``spec`` can hold."""

    @abstractmethod
    def expand(self, column: EncodedColumn) -> EncodedColumn:
        """The same values in canonical form."""

    def encode(self, array: pa.Array | pa.ChunkedArray, spec: EncodingSpec) -> EncodedColumn:
        """Encodes Arrow values of ``spec.type``; raises ValueError if a value is outside what ``spec`` can hold."""
        return self.encode_canonical(canonical(array, spec.type), spec)

    def decode(self, column: EncodedColumn) -> pa.Array:
        """The values as ``types.to_arrow(column.type)``: the reference that every faster path must equal."""
        return to_arrow(self.expand(column))

    @abstractmethod
    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        """The rows at ``positions`` (each in range), maybe under a simpler encoding."""

    @abstractmethod
    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        """Rows ``start`` to ``stop`` (0 <= start <= stop <= length), as views where that can be done."""

    @abstractmethod
    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        """Columns of this encoding end to end; None if their parameters differ so that they must be recoded."""

    @abstractmethod
    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        """Emits what the block needs first, and returns the code (type ``context.codes``) at a row of the block.

        Raises Unsupported for encodings that have no scalar codes (``text``, ``opaque``).
        """

    def stored_bytes(self, column: EncodedColumn) -> int:
        """Bytes of the column's arrays (a dictionary is shared, and counted by whoever holds it)."""
        arrays = (column.codes, column.validity, column.run_ends, column.offsets, column.data)
        return sum(array.nbytes for array in arrays if array is not None)


def load_codes(context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
    """The load of encodings with one code a row: an element of the block's buffer."""
    codes = context.buffer("codes", context.codes)
    return lambda row: ir.Load(codes, (row,))
