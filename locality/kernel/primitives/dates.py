"""The proleptic Gregorian calendar, over days since 1970-01-01.

The conversions to days are those of Howard Hinnant's "chrono-compatible low-level date algorithms": years begin in
March, so that leap days come last, and 400-year eras repeat exactly. Those of days to years, which queries group
millions of rows by, have one division (Neri and Schneider, "Euclidean affine functions and their application to
calendar algorithms", 2022).
"""

from __future__ import annotations

from . import jit
from .types import Integer

DAYS_TO_MARCH_0000 = 719_468
DAYS_PER_ERA = 146_097
YEARS_PER_ERA = 400
#: Years of 2**-32 in a quarter of a day, the lower 32 bits, and what these are from the first of January on.
_YEAR_OF_QUARTERS, _PART = 2_939_745, 0xFFFFFFFF
_JANUARY = 306 * 4 * _YEAR_OF_QUARTERS


@jit
def place_in_century(days: Integer) -> Integer:
    """The year of a century of years from March in the upper 32 bits, and the part of it that has passed below them.

    Both come of one multiplication: 4 * 2**32 / 1461 is next to a whole number, and the numbers are small enough.
    """
    quarters = 4 * (days + DAYS_TO_MARCH_0000) + 3
    return (quarters - quarters // DAYS_PER_ERA * DAYS_PER_ERA | 3) * _YEAR_OF_QUARTERS


@jit
def day_from_march(days: Integer) -> Integer:
    """Days since the first of March at or before ``days``, 0 to 365."""
    return (place_in_century(days) & _PART) // (4 * _YEAR_OF_QUARTERS)


@jit
def date_year(days: Integer) -> Integer:
    """The year; year 0 is 1 BC."""
    century = (4 * (days + DAYS_TO_MARCH_0000) + 3) // DAYS_PER_ERA
    place = place_in_century(days)
    return 100 * century + (place >> 32) + (1 if place & _PART >= _JANUARY else 0)


@jit
def date_month(days: Integer) -> Integer:
    """The month, 1 to 12."""
    month = (5 * day_from_march(days) + 2) // 153
    return month + 3 if month < 10 else month - 9


@jit
def date_day(days: Integer) -> Integer:
    """The day of the month, 1 to 31."""
    day = day_from_march(days)
    month = (5 * day + 2) // 153
    return day - (153 * month + 2) // 5 + 1


@jit
def date_quarter(days: Integer) -> Integer:
    """The quarter, 1 to 4."""
    return (date_month(days) + 2) // 3


@jit
def date_day_of_week(days: Integer) -> Integer:
    """The day of the week, Sunday 0 to Saturday 6."""
    return (days + 4) % 7


@jit
def date_iso_day_of_week(days: Integer) -> Integer:
    """The day of the week, Monday 1 to Sunday 7."""
    return (days + 3) % 7 + 1


@jit
def date_day_of_year(days: Integer) -> Integer:
    """The day of the year, 1 to 366."""
    return days - date_from_civil(date_year(days), 1, 1) + 1


@jit
def date_iso_year(days: Integer) -> Integer:
    """The year of the ISO week: the year of the week's Thursday."""
    return date_year(days - (days + 3) % 7 + 3)


@jit
def date_iso_week(days: Integer) -> Integer:
    """The ISO week, 1 to 53."""
    return (date_day_of_year(days - (days + 3) % 7 + 3) - 1) // 7 + 1


@jit
def date_year_week(days: Integer) -> Integer:
    """The ISO year times 100 and, away from 0, the ISO week."""
    year = date_iso_year(days)
    week = date_iso_week(days)
    return year * 100 + (week if year > 0 else -week)


@jit
def date_decade(days: Integer) -> Integer:
    """The year divided by 10, toward 0."""
    year = date_year(days)
    return year // 10 if year >= 0 else -(-year // 10)


@jit
def date_hundreds(days: Integer, years: Integer) -> Integer:
    """The century (``years`` 100) or millennium (1000), counted from 1 forward and from -1 backward."""
    year = date_year(days)
    return (year - 1) // years + 1 if year > 0 else -(-year // years) - 1


@jit
def date_from_civil(year: Integer, month: Integer, day: Integer) -> Integer:
    """Days since 1970-01-01 of a date; ``month`` is 1 to 12."""
    from_march = month - 3 if month > 2 else month + 9
    shifted = year - 1 if month <= 2 else year
    era = shifted // YEARS_PER_ERA
    year_of_era = shifted - era * YEARS_PER_ERA
    day_of_year = (153 * from_march + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_MARCH_0000


@jit
def days_in_month(year: Integer, month: Integer) -> Integer:
    """The length of a month, 28 to 31."""
    if month == 2:
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        return 29 if leap else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@jit
def date_add_months(days: Integer, months: Integer) -> Integer:
    """The same day some months later (or earlier), or that month's last day if it is shorter."""
    total = date_year(days) * 12 + date_month(days) - 1 + months
    year = total // 12
    month = total - year * 12 + 1
    return date_from_civil(year, month, min(date_day(days), days_in_month(year, month)))


@jit
def date_trunc_week(days: Integer) -> Integer:
    """The Monday of the week."""
    return days - (days + 3) % 7


@jit
def date_trunc_month(days: Integer) -> Integer:
    """The first day of the month."""
    return days - date_day(days) + 1


@jit
def date_trunc_quarter(days: Integer) -> Integer:
    """The first day of the quarter."""
    return date_from_civil(date_year(days), date_quarter(days) * 3 - 2, 1)


@jit
def date_trunc_years(days: Integer, years: Integer) -> Integer:
    """The first of January of the last year divisible by ``years``: 1, 10, 100 or 1000; rounds toward year 0."""
    year = date_year(days)
    multiple = year // years
    if multiple < 0 and multiple * years != year:
        multiple += 1
    return date_from_civil(multiple * years, 1, 1)


@jit
def date_trunc_iso_year(days: Integer) -> Integer:
    """The Monday of the first week of the ISO year."""
    return date_trunc_week(date_from_civil(date_iso_year(days), 1, 4))
