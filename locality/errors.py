"""The exceptions that Locality raises; every one derives from :class:`LocalityError`.

Messages name the place (file, table, column, row or position) and, where there is one, the next step to take.
"""

from __future__ import annotations


class LocalityError(Exception):
    """Base of everything that Locality raises on purpose."""


class SourceError(LocalityError):
    """A file or object to ingest is missing, truncated, of the wrong format, or holds a bad row."""


class SchemaError(LocalityError):
    """Columns or types do not fit: an append to another schema, a column that is not there, an unknown type."""


class KeyViolation(LocalityError):
    """A declared primary key has duplicates or NULLs, or a declared foreign key does not hold."""


class CatalogError(LocalityError):
    """A table that is not in the store, or one that already is."""


class StoreError(LocalityError):
    """The directory is not a store, or can't be used as one."""


class CorruptStoreError(StoreError):
    """A manifest, segment or dictionary is damaged: missing, truncated, or its checksum differs."""


class StoreVersionError(StoreError):
    """The store was written by a newer format than this version reads."""


class StoreLockedError(StoreError):
    """Another process or connection is writing to the store."""


class StoreFullError(StoreError):
    """The disk or quota is full; the last commit is whole."""


class QueryError(LocalityError):
    """The query can't be answered: syntax, unknown tables or columns, a type error, an overflow."""


class MemoryLimitError(LocalityError):
    """The query would need more memory than the limit that the user set."""


class InterruptError(LocalityError):
    """The query was stopped by ``Connection.interrupt``."""


class ConnectionClosedError(LocalityError):
    """The connection or result was closed before this call."""


class Unsupported(LocalityError):
    """Raised while planning for what the kernels can't do yet; the query then goes to DuckDB, with this reason.

    Users never see it: it becomes ``profile.reason``.
    """


class NoFallbackError(QueryError, Unsupported):
    """The kernels can't answer the query, and the setting ``fallback`` keeps it from DuckDB."""
