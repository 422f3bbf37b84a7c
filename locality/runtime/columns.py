"""What a plan comes to, column by column, for who goes on with it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pyarrow as pa

from locality.plan.nodes import Node, Query
from locality.runtime.execution import QueryExecution
from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery, prepare
from locality.settings import Settings
from locality.storage.table import Table


def prepare_plan(root: Node, tables: Mapping[str, Table], settings: Settings) -> PreparedQuery:
    """A plan whose columns need no names; raises Unsupported for what kernels can't do."""
    query = Query(root, tuple(f"c{i}" for i in range(len(root.types))), root.types)
    return prepare(query, tables, settings.threads, settings.memory_bytes, settings.disabled_optimizers)


def columns_of_plan(
    root: Node, tables: Mapping[str, Table], settings: Settings, execution: QueryExecution
) -> tuple[list[pa.ChunkedArray], Profile]:
    """The columns of a plan's result, and what it took; raises Unsupported for what kernels can't do."""
    result = prepare_plan(root, tables, settings).run(execution, time.perf_counter(), 0.0)
    return result.to_arrow_table().columns, result.profile
