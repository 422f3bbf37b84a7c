"""TPC-H for tests: the queries' texts, and a DuckDB and a planner over little data of all tables."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import duckdb
import pytest

from locality._suites.datasets import tpch
from locality.sql.planner import Planner
from locality.types import parse

_TEXTS = Path(__file__).parents[2] / "benchmarks" / "suites" / "tpch" / "queries"

#: The standard's queries by name, ``q01`` to ``q22``.
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(_TEXTS.glob("q*.sql"))}


class Benchmark:
    """The eight tables at a scale at which every query has an answer; their files are made in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.duckdb = duckdb.connect(config={"threads": 2})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LOCALITY_DATA_DIR", str(directory))
            self.files = tpch.ensure_tables(0.01)
        for name, path in self.files.items():
            self.duckdb.execute(f"create table {name} as select * from '{path}'")
        tables = {name: self.duckdb.table(name) for name in self.files}
        self.planner = Planner()
        self.planner.sync(
            {
                name: [(column, parse(str(dtype))) for column, dtype in zip(table.columns, table.types, strict=True)]
                for name, table in tables.items()
            }
        )

    def __enter__(self) -> Benchmark:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.planner.close()
        self.duckdb.close()
