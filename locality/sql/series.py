"""The values of DuckDB's ``range`` and ``generate_series`` over constants."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice

from locality.errors import Unsupported
from locality.plan.expressions import Constant

#: Longer series are left to DuckDB: a plan holds every value.
_MOST_VALUES = 100_000
_DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1)

Step = Callable[[int], int]


def series(name: str, bounds: Sequence[Constant]) -> list[int]:
    """Integers, or microseconds of timestamps: from the first bound by steps to the last, which ``range`` leaves out.

    Raises Unsupported for more values than a plan should hold, and for what may be an error.
    """
    if any(bound.value is None for bound in bounds):
        raise Unsupported(f"table function {name} of NULL")
    match [bound.value for bound in bounds]:
        case [int(stop)]:
            start, stop, step, is_rising = 0, stop, _by(1), True
        case [int(start), int(stop)] if bounds[0].type.is_integral:
            step, is_rising = _by(1), True
        case [int(start), int(stop), int(increment)] if increment:
            step, is_rising = _by(increment), increment > 0
        case [int(start), int(stop), (int(months), int(days), int(micros))] if bounds[0].type.name == "TIMESTAMP":
            if not (months or days or micros) or min(months, days, micros) < 0 < max(months, days, micros):
                raise Unsupported(f"table function {name} by an interval of several signs")
            step, is_rising = _by_interval(months, days, micros), max(months, days, micros) > 0
        case _:
            raise Unsupported(f"table function {name} of {', '.join(str(bound.type) for bound in bounds)}")
    values = _values(start, stop, step, is_rising, inclusive=name == "generate_series")
    found = list(islice(values, _MOST_VALUES + 1))
    if len(found) > _MOST_VALUES:
        raise Unsupported(f"table function {name} of more than {_MOST_VALUES:,} rows")
    return found


def _values(start: int, stop: int, step: Step, is_rising: bool, *, inclusive: bool) -> Iterator[int]:
    value = start
    while (value < stop if is_rising else value > stop) or (inclusive and value == stop):
        yield value
        value = step(value)


def _by(increment: int) -> Step:
    return lambda value: value + increment


def _by_interval(months: int, days: int, micros: int) -> Step:
    """A later or earlier time; a day that the month lacks is its last one."""

    def step(value: int) -> int:
        day, time = divmod(value, _DAY)
        try:
            found = _EPOCH + timedelta(days=day)
            year, month = divmod(12 * found.year + found.month - 1 + months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            found = date(year, month + 1, min(found.day, last))
        except (OverflowError, ValueError):
            raise Unsupported("series of timestamps beyond the years 1 to 9999") from None
        return ((found - _EPOCH).days + days) * _DAY + time + micros

    return step
