"""Fields packed into words of 64 bits, the most significant first: what sorting compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locality.operators.ordering.fields import Field, Rows, Words

WORD_BITS = 64


@dataclass(frozen=True, eq=False)
class _Piece:
    """``bits`` bits of a field, those above its lowest ``shift``."""

    field: Field
    shift: int
    bits: int

    def read(self, rows: Rows) -> Words:
        digits = self.field.read(rows)
        if self.shift:
            digits >>= np.uint64(self.shift)
        if self.shift + self.bits < self.field.bits:
            digits &= np.uint64(2**self.bits - 1)
        return digits


@dataclass(frozen=True, eq=False)
class Word:
    """Pieces of fields side by side."""

    pieces: tuple[_Piece, ...]

    @property
    def bits(self) -> int:
        return sum(piece.bits for piece in self.pieces)

    def read(self, rows: Rows) -> Words:
        """The word of each of the rows; 0 without pieces."""
        if not self.pieces:
            count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            return np.zeros(count, np.uint64)
        first, *others = self.pieces
        word = first.read(rows)
        for piece in others:
            word <<= np.uint64(piece.bits)
            word |= piece.read(rows)
        return word


def words_of(fields: Sequence[Field]) -> list[Word]:
    """All bits of the fields in as few words as hold them; a field may begin in one word and end in the next."""
    words: list[Word] = []
    pieces: list[_Piece] = []
    room = WORD_BITS
    for field in fields:
        left = field.bits
        while left:
            taken = min(left, room)
            left -= taken
            room -= taken
            pieces.append(_Piece(field, left, taken))
            if not room:
                words.append(Word(tuple(pieces)))
                pieces, room = [], WORD_BITS
    return [*words, Word(tuple(pieces))] if pieces else words
