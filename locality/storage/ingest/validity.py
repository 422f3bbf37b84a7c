"""Values that are not what their Arrow type says: found by Arrow's own check, and named by column and row."""

from __future__ import annotations

import pyarrow as pa

from locality.errors import SourceError
from locality.storage.ingest.source import Piece, Place

NOT_UNICODE = "a string is not valid UTF-8"


class InvalidValue(SourceError):
    """A value that can't be stored.

    row: counted from 0 in the rows that were looked at; whoever knows how many came before them says :meth:`at`.
    """

    def __init__(self, column: str, row: int, reason: str, place: str = "") -> None:
        super().__init__(f"{place}column {column!r}, row {row} (counted from 0): {reason}")
        self.column = column
        self.row = row
        self.reason = reason
        self.place = place

    def at(self, start: int) -> InvalidValue:
        """The same, in rows that begin at row ``start`` of the source."""
        return InvalidValue(self.column, start + self.row, self.reason, self.place)


def checked(table: pa.Table, place: Place) -> Piece:
    """The piece of rows that were read from ``place``, and may hold anything: it raises InvalidValue for a bad value.

    Streams of other libraries, and files in which bytes were flipped, may have offsets and indices that lead anywhere.
    """

    def check() -> pa.Table:
        for name, column in zip(table.column_names, table.columns, strict=True):
            start = 0
            for chunk in column.chunks:
                if (reason := invalid(chunk)) is not None:
                    raise InvalidValue(name, start + first_invalid(chunk), reason, f"{place.name}: ")
                start += len(chunk)
        return table

    return check


def invalid(array: pa.Array) -> str | None:
    """What is wrong with an array; None if nothing is."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        return NOT_UNICODE if "UTF8" in str(error) else str(error)
    return None


def first_invalid(array: pa.Array) -> int:
    """The row of the first bad value of an array that has one: by halving, for its rows up to there are valid."""
    if pa.types.is_dictionary(array.type) and invalid(array.dictionary) is not None:
        return _first_of_invalid_entries(array)
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        if invalid(array.slice(0, middle)) is None:
            low = middle
        else:
            high = middle
    return low


def _first_of_invalid_entries(array: pa.DictionaryArray) -> int:
    """The first row with an entry that is bad, or 0 if none has one: the array is bad as a whole then."""
    import pyarrow.compute as pc

    entries = array.dictionary
    bad = [code for code in range(len(entries)) if invalid(entries.slice(code, 1)) is not None]
    rows = pc.indices_nonzero(pc.is_in(array.indices, pa.array(bad, array.indices.type)))
    return int(rows[0].as_py()) if len(rows) else 0
