"""What the extension (``hook.cpp``) calls: Locality answers queries of DuckDB connections that nobody wrapped.

DuckDB calls on the thread that runs the statement, once it has bound the query and before it optimizes it. That thread
has let the GIL go; ``ctypes`` takes it. Whatever is not answered, or goes wrong here, DuckDB runs by itself.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import threading
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import duckdb

from locality.duckdb.native.building import NAME, built
from locality.duckdb.native.values import value_of
from locality.duckdb.routing import Router
from locality.errors import InterruptError, LocalityError, StoreError, Unsupported
from locality.runtime.interrupts import stopped_by
from locality.runtime.profile import Profile
from locality.sql.parameters import places, substitute
from locality.sql.quoting import string
from locality.sql.versions import statement_counter
from locality.storage.catalog import fold

if TYPE_CHECKING:
    from locality.duckdb.connection import AttachedConnection
    from locality.duckdb.layouts import Layouts
    from locality.runtime.result import Result
    from locality.sql.given import Parameters

_DECLINED, _ANSWERED, _INTERRUPTED = range(3)
#: Sessions whose names and settings are remembered.
_SESSIONS = 64


class _Offer(ctypes.Structure):
    """See ``Offer`` in ``hook.cpp``."""

    _fields_ = (
        ("session", ctypes.c_void_p),
        ("session_id", ctypes.c_uint64),
        ("in_transaction", ctypes.c_uint8),
        ("snapshot", ctypes.c_uint64),
        ("database", ctypes.c_void_p),
        ("text", ctypes.c_char_p),
        ("table_texts", ctypes.c_uint64),
        ("tables", ctypes.POINTER(ctypes.c_char_p)),
        ("parameter_texts", ctypes.c_uint64),
        ("parameters", ctypes.POINTER(ctypes.c_char_p)),
        ("columns", ctypes.c_uint64),
        ("types", ctypes.POINTER(ctypes.c_char_p)),
        ("answer", ctypes.c_void_p),
    )


class _Rows(ctypes.Structure):
    """See ``Rows`` in ``hook.cpp``."""

    _fields_ = (
        ("error", ctypes.c_char_p),
        ("session_id", ctypes.c_uint64),
        ("columns", ctypes.c_uint64),
        ("values", ctypes.c_uint64),
        ("texts", ctypes.POINTER(ctypes.c_char_p)),
    )


_hooks: WeakValueDictionary[int, Hook] = WeakValueDictionary()
_numbers = count(1)


def _answer(number: int, offer: Any) -> int:
    """An exception that nobody expects is reported by ``ctypes``, and DuckDB goes on by itself."""
    hook = _hooks.get(number)
    return _DECLINED if hook is None else hook.answer(offer.contents)


_callee = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint64, ctypes.POINTER(_Offer))(_answer)


@cache
def _library(path: Path) -> ctypes.CDLL:
    """The extension as DuckDB has loaded it, calling here until the interpreter ends."""
    library = ctypes.CDLL(str(path))
    library.locality_hook_ask.restype = _Rows
    library.locality_hook_interrupted.restype = ctypes.c_bool
    library.locality_hook_last_commit.restype = ctypes.c_uint64
    library.locality_hook_set(_callee)
    atexit.register(library.locality_hook_set, None)
    return library


def install(connection: AttachedConnection) -> Hook:
    """Answer queries of all connections to the database of an attached connection, over its layouts.

    Returns what has to be kept for as long: without it, and once the attached connection is closed, DuckDB answers.

    Raises:
        StoreError: the extension was not compiled, see :func:`build`; DuckDB was not opened with ``config={
            "allow_unsigned_extensions": True}``; or the database is in memory.
    """
    return Hook(*connection.parts())


class Hook:
    """Answers for one database. ``last_profile`` says who answered the last query that was offered, and why."""

    last_profile: Profile | None = None

    def __init__(self, raw: duckdb.DuckDBPyConnection, layouts: Layouts) -> None:
        """See :func:`install`."""
        counter = statement_counter(raw)
        if layouts.watch is not None or counter is None:
            raise StoreError("plain connections are answered over databases in files, with DuckDB 2.0 and newer")
        self._raw, self._layouts, self._counter = raw, layouts, counter
        self._routers: dict[int, Router] = {}
        self._last_session = 0, 0
        self._seen: tuple[object, int] = None, 0
        self._lock = threading.Lock()
        path = built()
        try:
            raw.execute(f"load {string(str(path))}")
        except duckdb.Error as error:
            raise StoreError(
                "DuckDB refuses the extension; it has to be opened with config={'allow_unsigned_extensions': True}:"
                f" {error}"
            ) from None
        self._library = _library(path)
        self._number = next(_numbers)
        _hooks[self._number] = self
        raw.execute(f"set global {NAME} = {self._number}")

    def close(self) -> None:
        """Leave all queries to DuckDB again."""
        _hooks.pop(self._number, None)
        with contextlib.suppress(duckdb.ConnectionException):  # the attached connection was closed
            self._raw.execute(f"reset global {NAME}")

    def answer(self, offer: Any) -> int:
        """Answer a query that DuckDB offers, an ``_Offer``, or say that it is DuckDB's."""
        try:
            result = self._result(offer)
            result.numbered().to_reader()._export_to_c(offer.answer)
        except (InterruptError, KeyboardInterrupt):
            return _INTERRUPTED
        except LocalityError as reason:
            self.last_profile = Profile(engine="duckdb", reason=str(reason).split("\n", 1)[0])
            return _DECLINED
        self.last_profile = result.profile
        return _ANSWERED

    def _result(self, offer: Any) -> Result:
        layouts = self._check_transaction(offer)
        held = {fold(name) for name in self._layouts.tables}
        for database, schema, table in _rows(_texts(offer.tables, offer.table_texts), 3):
            if (database, schema) != (self._layouts.catalog, "main") or fold(str(table)) not in held:
                raise Unsupported(f"table {table!r} has no layout")
        try:
            router = self._router(offer.session_id)
            text, params = _bound(offer)
            with stopped_by(partial(self._library.locality_hook_interrupted, ctypes.byref(offer))):
                result = router.answer(text, params, partial(self._ask, offer))
        except duckdb.ConnectionException:
            raise Unsupported("the attached connection was closed") from None
        if offer.in_transaction and layouts is not self._layouts.content:
            raise Unsupported("layouts were made after a transaction that is open")
        types = _texts(offer.types, offer.columns)
        if result.types != types or "BIT" in types:
            raise Unsupported("DuckDB gives the columns other types")
        return result

    def _check_transaction(self, offer: Any) -> object:
        """What tells the present layouts from others; raises Unsupported if a transaction may see other rows.

        A layout that is fresh holds what the database does, and did at any moment since it was made. So does the
        transaction's snapshot, if that isn't older: if it sees the last commit that was there when these layouts were
        first seen here.
        """
        with self._lock:
            layouts = self._layouts.content
            if layouts is not self._seen[0]:
                self._seen = layouts, self._library.locality_hook_last_commit(ctypes.byref(offer))
            if offer.in_transaction and offer.snapshot <= self._seen[1]:
                raise Unsupported("a transaction is open that has changed something, or is older than the layouts")
            return layouts

    def _router(self, session: int) -> Router:
        with self._lock:
            statements, last = self._last_session
            is_new = session > last > 0 and statements == self._counter()
            router = self._routers.pop(session, None) or Router(self._layouts, self._counter, is_new=is_new)
            self._routers[session] = router  # the last one used is the last one
            if len(self._routers) > _SESSIONS:
                del self._routers[next(iter(self._routers))]
            return router

    def _ask(self, offer: Any, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query in the session that offers one, all values as text."""
        statements = self._counter()
        rows = self._library.locality_hook_ask(ctypes.byref(offer), sql.encode())
        if rows.error is not None:
            raise duckdb.Error(rows.error.decode())
        self._last_session = statements, rows.session_id  # those after it have run queries alone, if nobody else did
        return list(_rows(_texts(rows.texts, rows.values), rows.columns))


def _texts(pointer: Any, number: int) -> list[str | None]:
    return [None if text is None else text.decode() for text in pointer[:number]]


def _rows(texts: Sequence[Any], columns: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(texts)] * columns, strict=True)


def _bound(offer: Any) -> tuple[str, Parameters | None]:
    """The text and the values of its parameters, as the client takes them; Unsupported if it wouldn't give these.

    EXECUTE passes whole numbers as they are written: they have the type of what they meet, as in the text itself.
    """
    text = offer.text.decode()
    given = list(_rows(_texts(offer.parameters, offer.parameter_texts), 3))
    written = {name: value for name, dtype, value in given if dtype == "INTEGER_LITERAL" and value.isdecimal()}
    if written:
        names = {name: written.get(name, f"${name}") for name, _, _ in given}
        text = substitute(text, places(text, names), names)
    return text, {name: value_of(dtype, value) for name, dtype, value in given if name not in written} or None
