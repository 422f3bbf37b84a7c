"""A plugin of dbt-duckdb: the statements of a dbt project run over an attached connection.

In ``profiles.yml``, below the output::

    plugins:
      - module: locality.duckdb.dbt
        config:
          accelerate: [lineitem, orders]

``accelerate`` names the tables that get layouts, or refreshed ones, when dbt connects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin

from locality.duckdb.connection import AttachedConnection
from locality.duckdb.opening import attach


class Plugin(BasePlugin):
    """Has dbt's later cursors come from an attached connection."""

    def initialize(self, plugin_config: Mapping[str, Any]) -> None:
        """``plugin_config``: see above."""
        self._tables: Sequence[str] = plugin_config.get("accelerate", ())

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Attach the connection: dbt has made a cursor of it, which is plain, and will make others."""
        environment = DuckDBConnectionManager.env()
        if isinstance(environment.conn, AttachedConnection):
            return
        environment.conn = attach(environment.conn)
        known = environment.conn.accelerated
        environment.conn.refresh()
        if missing := [name for name in self._tables if name not in known]:
            environment.conn.accelerate(*missing)
