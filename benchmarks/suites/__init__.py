"""The suites by name; a new one is a module or package here and an entry in ``SUITES``."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Suite
from . import billing, dashboard, h2o, rows, scan, tpch

SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        tpch.SUITE,
        scan.SUITE,
        rows.SUITE,
        billing.SUITE,
        dashboard.SUITE,
        h2o.GROUPBY,
        h2o.JOIN,
    )
}
