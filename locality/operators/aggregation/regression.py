"""Covariance, correlation and linear regression of pairs, from their running moments.

DuckDB's arguments are ``(y, x)``. Where a moment is not finite, DuckDB decides between NaN, an infinity and an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.operators.aggregation.accumulators import Cells
from locality.operators.aggregation.aggregates import Input, Planned
from locality.operators.codegen.results import float_column, integer_column
from locality.plan.expressions import Expression
from locality.plan.intervals import Interval


@dataclass(frozen=True)
class _Pairs:
    """The moments of every group: shape (groups,) each."""

    n: Cells
    y: Cells
    x: Cells
    products: Cells
    y_squares: Cells
    x_squares: Cells

    @property
    def slope(self) -> Cells:
        return self.products / self.x_squares

    @property
    def correlation(self) -> Cells:
        n = self.n
        return self.products / n / (np.sqrt(self.x_squares / n) * np.sqrt(self.y_squares / n))


def _determination(pairs: _Pairs) -> Cells:
    return np.where(pairs.y_squares == 0, 1.0, pairs.correlation**2)


#: What each function makes of the moments, the fewest pairs that it needs, and whether ``x`` has to vary.
_FUNCTIONS: Mapping[str, tuple[Callable[[_Pairs], Cells], int, bool]] = {
    "covar_pop": (lambda p: p.products / p.n, 1, False),
    "covar_samp": (lambda p: p.products / (p.n - 1), 2, False),
    "corr": (lambda p: p.correlation, 1, False),
    "regr_avgx": (lambda p: p.x, 1, False),
    "regr_avgy": (lambda p: p.y, 1, False),
    "regr_sxx": (lambda p: p.x_squares, 1, False),
    "regr_syy": (lambda p: p.y_squares, 1, False),
    "regr_sxy": (lambda p: p.products, 1, False),
    "regr_slope": (lambda p: p.slope, 1, False),
    "regr_intercept": (lambda p: p.y - p.slope * p.x, 1, True),
    "regr_r2": (_determination, 1, True),
}


def _pair(source: Input) -> tuple[Expression, Expression]:
    y, x = source.call.args
    return y, x


def _plan_pairs(source: Input) -> Planned:
    compute, least, varies = _FUNCTIONS[source.call.name]
    dtype = source.call.type
    count, readers = source.slots.add_comoments(*_pair(source), source.call.filter)

    def finish(integers: Cells, floats: Cells) -> EncodedColumn:
        n = count(integers, floats)
        pairs = _Pairs(n, *(read(integers, floats) for read in readers))
        valid = n >= least
        if not all(np.isfinite(moment[valid]).all() for moment in (pairs.y_squares, pairs.x_squares, pairs.products)):
            raise Unsupported(f"{source.call.name} out of range")
        with np.errstate(invalid="ignore", divide="ignore"):
            values = compute(pairs)
        return float_column(dtype, values, valid & (pairs.x_squares != 0) if varies else valid)

    return Planned(finish, may_fail=True)


def _plan_count(source: Input) -> Planned:
    dtype = source.call.type
    count, _ = source.slots.add_comoments(*_pair(source), source.call.filter)
    return Planned(lambda i, f: integer_column(dtype, count(i, f), None), Interval(0, source.rows))


AGGREGATES: Mapping[str, Callable[[Input], Planned]] = {
    **dict.fromkeys(_FUNCTIONS, _plan_pairs),
    "regr_count": _plan_count,
}
