"""A relation of an attached connection: DuckDB's own, whose rows Locality computes where it can.

Anything that isn't a way to ask for rows is DuckDB's: it is called on DuckDB's relation, and a relation that comes
back is wrapped again. DuckDB says what SQL a relation stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from locality.duckdb.connection import AttachedConnection
    from locality.duckdb.partial import PartialQuery

#: Methods of a relation that run it and give its rows.
_TERMINALS = frozenset(
    {
        *("fetchall", "df", "fetchdf", "to_df", "fetchnumpy", "pl", "to_arrow_table", "to_arrow_reader", "arrow"),
        *("fetch_arrow_table", "fetch_arrow_reader", "fetch_record_batch", "to_dicts", "iter_rows", "torch", "tf"),
        *("__arrow_c_stream__", "__len__"),
    }
)
#: Those that the result has, too, without a copy of it in DuckDB.
_OWN = frozenset({"fetchall", "to_arrow_table", "pl"})
#: Those that go on where the last one ended, on relations of DuckDB 1.5: from then on the rows are DuckDB's.
_BEGINNINGS = frozenset({"execute", "fetchone", "fetchmany", "fetch_df_chunk"})
#: Those that print the first rows: DuckDB asks for so many.
_DISPLAYS = frozenset({"show", "preview", "_repr_mimebundle_", "__str__", "__repr__"})
_SHOWN_ROWS = 10_000


class AttachedRelation:
    """Stands for a DuckDBPyRelation, in Python (``isinstance``) and, by the name of its variable, in SQL."""

    def __init__(
        self,
        connection: AttachedConnection,
        bind: Callable[[], duckdb.DuckDBPyRelation],
        params: object = None,
        text: str | None = None,
    ) -> None:
        """``bind`` makes DuckDB's relation; ``text`` is its SQL where that is known, with values ``params``."""
        self._attached = connection
        self._bind = bind
        self._given = params
        self._text = text
        self._is_begun = False
        self.by_parts: PartialQuery | None = None

    @cached_property
    def _raw(self) -> duckdb.DuckDBPyRelation:
        return self._bind()

    @property  # type: ignore[misc] # mypy takes the class of an object for fixed; isinstance asks this
    def __class__(self) -> type:
        """DuckDB's class: tools and DuckDB ask for it, and need no more of it than is delegated."""
        return duckdb.DuckDBPyRelation

    def __getattr__(self, name: str) -> Any:
        if name in _TERMINALS:
            return lambda *args, **kwargs: self._rows(name, args, kwargs)
        if name in _DISPLAYS:
            return lambda *args, **kwargs: self._display(name, args, kwargs)
        self._is_begun |= name in _BEGINNINGS
        return self._wrapped(getattr(self._raw, name), name)

    def __getitem__(self, name: str) -> Any:
        return self._wrapped(self._raw[name])

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def __len__(self) -> int:
        return int(self._rows("__len__", (), {}))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self._rows("__arrow_c_stream__", (requested_schema,), {})

    def __str__(self) -> str:
        return str(self._display("__str__", (), {}))

    def __repr__(self) -> str:
        return str(self._display("__repr__", (), {}))

    def _rows(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._is_begun:
            return getattr(self._raw, name)(*args, **kwargs)
        text = self._raw.sql_query() if self._text is None else self._text
        result = self._attached.answer(text, self._given)
        if result is None:
            return self._rows_of_duckdb(name, args, kwargs)
        if name in _OWN and not (args or kwargs):
            return getattr(result, name)()
        return getattr(result.to_relation(), name)(*args, **kwargs)

    def _rows_of_duckdb(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.by_parts is not None:
            finish = partial(_called_on_rest, name, args, kwargs)
            if (done := self._attached.answer_by_parts(self.by_parts, finish)) is not None:
                return done.value
        return getattr(self._raw, name)(*args, **kwargs)

    def _display(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = self._attached.answer(self._raw.limit(_SHOWN_ROWS).sql_query(), self._given)
        shown = self._raw if result is None else result.to_relation()
        return getattr(shown, name)(*args, **kwargs)

    def _wrapped(self, value: Any, name: str = "") -> Any:
        if isinstance(value, duckdb.DuckDBPyRelation):
            return AttachedRelation(self._attached, lambda: value, self._given)
        if callable(value):
            return self._called(value, name)
        return value

    def _called(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            given = {name: raw_of(value) for name, value in kwargs.items()}
            run = partial(method, *map(raw_of, args), **given)
            return self._wrapped(self._attached.told(name, (*args, *kwargs.values()), run))

        return call


def _called_on_rest(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[[str], Any]) -> Any:
    return getattr(call("sql"), name)(*args, **kwargs)


def raw_of(value: Any) -> Any:
    """DuckDB's own relation of an attached one; anything else as it is."""
    return value._raw if type(value) is AttachedRelation else value
