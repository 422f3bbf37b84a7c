"""A dbt project builds the same database with the plugin as without, and Locality runs its models' queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from locality.duckdb import AttachedConnection
from locality.runtime import parts

pytest.importorskip("dbt.adapters.duckdb")

SOURCES = """
create table sales as select range as id, range % 50 as buyer, (range % 97)::decimal(10, 2) as amount,
date '2024-01-01' + (range % 100)::int as day from range(3000);
create table buyers as select range as id, 'name ' || range % 30 as name from range(50);
"""
PROJECT = {
    "dbt_project.yml": """
name: shop
profile: shop
models: {shop: {+materialized: table}}
""",
    "models/sources.yml": """
sources: [{name: raw, schema: main, tables: [{name: sales}, {name: buyers}]}]
models: [{name: by_buyer, columns: [{name: name, data_tests: [unique, not_null]}]}]
""",
    "models/recent.sql": """
{{ config(materialized='view') }} select * from {{ source('raw', 'sales') }} where day >= date '2024-02-01'
""",
    "models/by_buyer.sql": """
select b.name, count(*) as n, sum(s.amount) as total
from {{ ref('recent') }} s join {{ source('raw', 'buyers') }} b on s.buyer = b.id group by b.name
""",
    "models/by_day.sql": """
{{ config(materialized='incremental', unique_key='day') }}
select day, sum(amount) as total from {{ source('raw', 'sales') }}
{% if is_incremental() %} where day >= (select max(day) from {{ this }}) {% endif %} group by day
""",
    "models/top.sql": "select * from {{ ref('by_buyer') }} order by total desc, name limit 3",
    "models/shown.py": """
def model(dbt, session):
    return dbt.ref("by_buyer").filter("n > 50")
""",
}
PLUGIN = "plugins: [{module: locality.duckdb.dbt, config: {accelerate: [sales, buyers]}}]"


def build(folder: Path, plugin: str) -> dict[str, Any]:
    """The tables that two builds make, the second of which is incremental."""
    from dbt.cli.main import dbtRunner

    (folder / "models").mkdir(parents=True)
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    database = folder / "shop.duckdb"
    output = f"{{type: duckdb, path: '{database}', threads: 2, {plugin}}}"
    (folder / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{dev: {output}}}}}")
    with duckdb.connect(database) as connection:
        connection.execute(SOURCES)
    for _ in range(2):
        done = dbtRunner().invoke(["build", "--project-dir", str(folder), "--profiles-dir", str(folder), "--quiet"])
        assert done.success, done.exception
        with duckdb.connect(database) as connection:
            connection.execute("insert into sales select 1, 1, 5, date '2024-04-20' from range(10)")
    with duckdb.connect(database) as connection:
        names = [name for (name,) in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        tables = {name: connection.table(name) for name in [*names, "recent"]}
        return {name: (table.columns, table.types, sorted(table.fetchall())) for name, table in tables.items()}


def test_a_project_builds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 0)
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    plain = build(tmp_path / "plain", "")
    ran: list[str] = []
    execute = AttachedConnection.execute

    def noted(self: AttachedConnection, query: Any, *args: Any, **kwargs: Any) -> AttachedConnection:
        found = execute(self, query, *args, **kwargs)
        ran.extend(part.sql for part in (self.last_profile.parts if self.last_profile is not None else ()))
        return found

    monkeypatch.setattr(AttachedConnection, "execute", noted)
    assert build(tmp_path / "attached", PLUGIN) == plain
    assert any("group by b.name" in sql for sql in ran) and set(plain) >= {"by_buyer", "by_day", "top", "shown"}
