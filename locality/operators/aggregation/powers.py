"""Skewness and kurtosis, from sums of powers as DuckDB computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.operators.aggregation.accumulators import Cells
from locality.operators.aggregation.aggregates import Input, Planned
from locality.operators.codegen.results import float_column
from locality.plan.expressions import Call, Expression
from locality.types import DOUBLE

#: Sums of powers cancel: terms that are so many times their difference leave it too few digits.
_MOST_CANCELLED = 1e6


def _power(argument: Expression, exponent: int) -> Expression:
    return argument if exponent == 1 else Call("*", (_power(argument, exponent - 1), argument), DOUBLE)


def _difference(*terms: Cells) -> Cells:
    """The sum of terms, shape (groups,); raises Unsupported where rounding decides about it."""
    total: Cells = sum(terms, np.zeros(len(terms[0])))
    most = np.max(np.abs(terms), axis=0)
    if not np.isfinite(total).all() or (most > _MOST_CANCELLED * np.abs(total)).any():
        raise Unsupported("a moment that rounding decides about")
    return total


def _skewness(n: Cells, s: Cells, s2: Cells, s3: Cells) -> Cells:
    spread = np.sqrt(_difference(s2 / n, -s * s / n / n) ** 3)
    third = _difference(s3, -3 * s2 * s / n, 2 * s**3 / n / n) / n
    return np.sqrt(n * (n - 1)) / (n - 2) * third / spread


def _excess(n: Cells, s: Cells, s2: Cells, s3: Cells, s4: Cells) -> tuple[Cells, Cells]:
    fourth = _difference(s4, -4 * s3 * s / n, 6 * s2 * s * s / n / n, -3 * s**4 / n**3) / n
    second = _difference(s2, -s * s / n) / n
    return fourth, second * second


def _kurtosis(n: Cells, *sums: Cells) -> Cells:
    fourth, square = _excess(n, *sums)
    return (n - 1) * ((n + 1) * fourth / square - 3 * (n - 1)) / ((n - 2) * (n - 3))


def _kurtosis_pop(n: Cells, *sums: Cells) -> Cells:
    fourth, square = _excess(n, *sums)
    return fourth / square - 3


#: The function of the number of values and of their sums of powers, how many powers, and the fewest values.
_FUNCTIONS: Mapping[str, tuple[Callable[..., Cells], int, int]] = {
    "skewness": (_skewness, 3, 3),
    "kurtosis": (_kurtosis, 4, 4),
    "kurtosis_pop": (_kurtosis_pop, 4, 2),
}


def _plan_powers(source: Input) -> Planned:
    compute, powers, least = _FUNCTIONS[source.call.name]
    count = source.count()
    sums = [source.slot("+", "real", _power(source.argument, exponent)) for exponent in range(1, powers + 1)]

    def finish(integers: Cells, floats: Cells) -> EncodedColumn:
        n = count(integers, floats)
        enough = n >= least
        values = np.zeros(len(n))
        if enough.any():
            read = [total(integers, floats)[enough] for total in sums]
            values[enough] = compute(n[enough].astype(np.float64), *read)
        return float_column(source.call.type, values, enough)

    return Planned(finish, may_fail=True)


AGGREGATES: Mapping[str, Callable[[Input], Planned]] = dict.fromkeys(_FUNCTIONS, _plan_powers)
