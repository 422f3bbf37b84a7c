"""PostgreSQL: a private cluster in the benchmark's directory, on a socket that nobody else can reach."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.csv

from ..model import AnswerRow, Source
from .base import Resources, SQLEngine, batches, directory_bytes, sql_name, with_quoted_intervals

_STARTUP_SECONDS = 30.0
_USER = "bench"


class PostgresEngine(SQLEngine):
    """Tables with primary keys, analyzed; memory settings as its documentation advises for one large user.

    A table is filled in the transaction that makes it, which the settings let go without a write-ahead log.
    """

    name: ClassVar[str] = "postgres"
    exact: ClassVar[bool] = False  # averages of decimals are decimals
    takes_parameters: ClassVar[bool] = False
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"
    has_helpers: ClassVar[bool] = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._directory = resources.directory / "postgres"
        self._keys: dict[str, tuple[str, ...]] = {}
        if not self._directory.exists():
            command = ["initdb", "-D", str(self._directory), "-U", _USER, "-E", "UTF8", "--locale=C", "--no-sync"]
            subprocess.run([*command, "--auth=trust"], check=True, capture_output=True)
        self._server = subprocess.Popen(
            ["postgres", "-D", str(self._directory), *self._settings()], stdout=subprocess.DEVNULL, stderr=None
        )
        self._connection = self._connected()

    @classmethod
    def missing(cls) -> str | None:
        if not (shutil.which("postgres") and shutil.which("initdb")):
            return "put PostgreSQL's initdb and postgres on the PATH"
        if sys.platform == "win32" or os.geteuid() == 0:
            return "run as a user that isn't root, whom PostgreSQL refuses, and not on Windows"
        return None if find_spec("psycopg") else "pip install 'psycopg[binary]'"

    @classmethod
    def version(cls) -> str:
        said = subprocess.run(["postgres", "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"\d+(\.\d+)*", said)
        return found[0] if found else said.strip()

    def load_table(self, name: str, source: Source) -> None:
        created = False
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for batch in batches(source, None, None):
                if not created:
                    columns = ", ".join(f"{sql_name(f.name)} {_declared(f.type)}" for f in batch.schema)
                    cursor.execute(f"create table {sql_name(name)} ({columns})")
                    created = True
                buffer = io.BytesIO()
                options = pa.csv.WriteOptions(include_header=False)
                pa.csv.write_csv(_writable(batch), buffer, options)
                with cursor.copy(f"copy {sql_name(name)} from stdin (format csv)") as copy:
                    copy.write(buffer.getvalue())
            if source.key:
                keys = ", ".join(map(sql_name, source.key))
                cursor.execute(f"alter table {sql_name(name)} add primary key ({keys})")

    def finish_loading(self) -> None:
        self._connection.execute("vacuum analyze")

    def open(self) -> None:
        """The cluster was started by the constructor."""

    def stored_bytes(self) -> int | None:
        return directory_bytes(self._directory)

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        return self._connection.execute(with_quoted_intervals(sql).encode()).fetchall()

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return list(result)

    def interrupt(self) -> None:
        self._connection.cancel()

    def close(self) -> None:
        self._connection.close()
        self._server.terminate()
        self._server.wait()

    def explain_configuration(self) -> str:
        workers = self.resources.threads - 1
        return f"primary keys, analyzed, a quarter of the memory as buffers, {workers} parallel workers"

    def _settings(self) -> list[str]:
        memory, workers = self.resources.memory_bytes // 2**20, self.resources.threads - 1
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._directory),
            "shared_buffers": f"{memory // 4}MB",
            "effective_cache_size": f"{memory // 2}MB",
            "work_mem": f"{memory // 16}MB",
            "max_parallel_workers_per_gather": str(workers),
            "max_parallel_workers": str(workers),
            "fsync": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "log_min_messages": "fatal",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _connected(self) -> Any:
        """A connection to the server once it is up."""
        import psycopg

        deadline = time.monotonic() + _STARTUP_SECONDS
        while True:
            try:
                return psycopg.connect(host=str(self._directory), user=_USER, dbname="postgres", autocommit=True)
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _writable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its texts in a type that Arrow writes as CSV."""
    fields = [f.with_type(pa.string()) if pa.types.is_string_view(f.type) else f for f in batch.schema]
    return batch.cast(pa.schema(fields))


def _declared(dtype: pa.DataType) -> str:
    """PostgreSQL's type for an Arrow one."""
    types = pa.types
    if types.is_decimal(dtype):
        return f"numeric({dtype.precision}, {dtype.scale})"
    if types.is_integer(dtype):
        return "integer" if dtype.bit_width <= 32 and dtype != pa.uint32() else "bigint"
    if types.is_floating(dtype):
        return "double precision"
    if types.is_boolean(dtype):
        return "boolean"
    if types.is_timestamp(dtype):
        return "timestamptz" if dtype.tz else "timestamp"
    return "date" if types.is_date(dtype) else "text"
