"""Names: what tables and columns may be called, and how they are found (letter case is kept, but does not matter)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from locality.errors import CatalogError, SchemaError


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def fold(name: str) -> str:
    """The form in which two spellings of one name are equal: as DuckDB, only ASCII letters lose their case."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


class NameMap(Mapping[str, T]):
    """Named things by name, whatever the letter case; in order, under the spelling that they were created with."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = {fold(item.name): item for item in items}

    def __getitem__(self, name: str) -> T:
        return self._items[fold(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold(name) in self._items

    def __iter__(self) -> Iterator[str]:
        return (item.name for item in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def table(self, name: str) -> T:
        """The table called ``name``; raises CatalogError naming those that there are."""
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self) or "none"
            raise CatalogError(f"there is no table {name!r} in the store; its tables: {known}") from None


def check_name(kind: str, name: object) -> None:
    """Raise SchemaError unless ``name`` can name a ``kind`` ("table" or "column"): text, not empty, proper Unicode."""
    if not isinstance(name, str):
        raise SchemaError(f"a {kind}'s name is text, not a {type(name).__name__}: {name!r}")
    if not name:
        raise SchemaError(f"a {kind}'s name must not be empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SchemaError(f"the {kind} name {name!r} is not valid Unicode") from None
    if "\0" in name:
        raise SchemaError(f"the {kind} name {name!r} contains a NUL character")


def check_columns(table: str, names: Sequence[str]) -> None:
    """Raise SchemaError unless ``names`` can be the columns of ``table``: at least one, proper, and all different."""
    if not names:
        raise SchemaError(f"table {table!r} would have no columns")
    seen: dict[str, str] = {}
    for name in names:
        check_name("column", name)
        if fold(name) in seen:
            raise SchemaError(f"table {table!r} would have two columns of one name: {seen[fold(name)]!r} and {name!r}")
        seen[fold(name)] = name


def column_positions(table: str, columns: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """The positions of the ``wanted`` columns; raises SchemaError for one that is not there."""
    positions = {fold(name): i for i, name in enumerate(columns)}
    found = []
    for name in wanted:
        if fold(name) not in positions:
            raise SchemaError(f"table {table!r} has no column {name!r}; its columns: {', '.join(columns)}")
        found.append(positions[fold(name)])
    return found


def listed(items: Iterable[str]) -> str:
    """One name as it is; several in parentheses."""
    names = list(items)
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
