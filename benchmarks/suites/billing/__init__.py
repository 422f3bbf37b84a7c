"""A utility's year: every bill, one bill again, readings that are missing or spike, tariffs compared, forecasts.

``queries/`` has the texts. ``office`` and ``entities`` say the same as a loop over customers, which is how billing
systems are written: over rows in memory, and over objects that come out of a database.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...model import Query, Suite
from ...siblings import sibling
from . import entities, office

_data = sibling("datasets.billing")

_TITLES = {
    "every_bill": "every customer's bill of every month",
    "one_bill": "one customer's bill of one month, again",
    "missing_readings": "days on which a meter sent too little",
    "spiking_readings": "readings of 20 times a customer's mean",
    "compare_tariffs": "every customer's cost by two tariffs",
    "trend_forecast": "next month by each customer's trend",
    "peak_forecast": "each customer's usual peak of late",
    "load_profile": "load by month, kind of day and hour",
}


def _for_sqlite(sql: str) -> str:
    """Dates as text; and amounts with half a cent, which REAL may hold a little too low, are rounded up."""
    return re.sub(r"round\((.*), 2\)", r"round(\1 + 1e-9, 2)", sql.replace("date '", "'"))


def _query(name: str, title: str) -> Query:
    sql = Path(__file__).with_name("queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    read = set(re.findall(r"\b(?:from|join) (\w+)", sql))
    return Query(
        name=name,
        title=title,
        tables=tuple(table for table in _data.PRIMARY_KEYS if table in read),
        sql=sql,
        programs={
            "naive": getattr(office, name),
            **({"objects": entities.PROGRAMS[name]} if name in entities.PROGRAMS else {}),
        },
        # Hyper cuts sums of products to six digits after the point, which rounding to cents hides in the bills.
        dialects={"sqlite": _for_sqlite(sql), **({"hyper": None} if name == "compare_tariffs" else {})},
        indexed=name == "one_bill",
    )


SUITE = Suite(
    name="billing",
    title="a utility's year of meter readings and bills",
    queries=tuple(_query(name, title) for name, title in _TITLES.items()),
    keys=_data.PRIMARY_KEYS,
    prepare=_data.ensure_tables,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "sqlite", "naive", "objects"),
    default_scale=0.03,
)
