"""The engines by name; a new one is a module here and an entry in ``ENGINES``."""

from __future__ import annotations

from collections.abc import Mapping

from .arrays import NumbaColumnsEngine, NumbaNarrowEngine, NumbaRowsEngine
from .base import Engine, Extrapolation, Ledger, Resources
from .chdb import ChDBEngine
from .datafusion import DataFusionEngine
from .duckdb import DuckDBEngine
from .duckdb_sorted import SortedDuckDBEngine
from .hyper import HyperEngine
from .locality import LocalityEngine
from .locality_advised import AdvisedLocalityEngine
from .locality_clustered import ClusteredLocalityEngine
from .locality_rollups import RollupLocalityEngine
from .naive import NaiveEngine
from .objects import ObjectsEngine
from .pandas import PandasEngine
from .polars import PolarsEngine
from .postgres import PostgresEngine
from .sqlite import SQLiteEngine

ENGINES: Mapping[str, type[Engine]] = {
    engine.name: engine
    for engine in (
        LocalityEngine,
        AdvisedLocalityEngine,
        ClusteredLocalityEngine,
        RollupLocalityEngine,
        DuckDBEngine,
        SortedDuckDBEngine,
        PolarsEngine,
        DataFusionEngine,
        ChDBEngine,
        HyperEngine,
        PandasEngine,
        SQLiteEngine,
        PostgresEngine,
        NumbaNarrowEngine,
        NumbaColumnsEngine,
        NumbaRowsEngine,
        NaiveEngine,
        ObjectsEngine,
    )
}

__all__ = ["ENGINES", "Engine", "Extrapolation", "Ledger", "Resources"]
