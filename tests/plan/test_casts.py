"""Casts among numbers in kernels, against DuckDB."""

from __future__ import annotations

from tests.plan.sides import Sides

STRICT = [
    "x::bigint",
    "x::hugeint",
    "x::decimal(18,3)",
    "x::decimal(14,1)",
    "x::decimal(38,6)",
    "f::decimal(18,3)",
    "f::bigint",
    "y::ubigint",
    "(x/1e12)::tinyint",
    "(x/1e12)::decimal(9,8)",
    "x::float",
    "sp::boolean",
    "fs::boolean",
    "d4::float",
    "d4::double",
    "de::double",
    "dw::double",
    "df::float",
    "de::boolean",
    "i::boolean",
    "b::integer",
    "b::double",
    "b::float",
    "b::decimal(5,2)",
    "b::utinyint",
    "i::double",
    "i::float",
    "u64::double",
    "big::hugeint::double",
    "big::double",
    "de::bigint",
    "de::decimal(18,2)",
    "de::decimal(18,0)",
    "d4::decimal(18,8)",
    "i::decimal(18,4)",
    "k::decimal(9,2)",
    "k::decimal(38,2)",
    "i::hugeint",
    "u64::bigint",
    "u32::integer",
    "big::double::float",
    "f::double",
    "big::hugeint::double",
    "big::decimal(38,0)::double",
    "dw::decimal(38,0)::double",
    "de::decimal(19,4)::double",
]
LENIENT = [
    "try_cast(sp as integer)",
    "try_cast(sp as tinyint)",
    "try_cast(sp as utinyint)",
    "try_cast(sp as bigint)",
    "try_cast(sp as decimal(9,2))",
    "try_cast(sp as decimal(18,2))",
    "try_cast(sp as float)",
    "try_cast(x as usmallint)",
    "try_cast(i as integer)",
    "try_cast(i as smallint)",
    "try_cast(k as utinyint)",
    "try_cast(de as integer)",
    "try_cast(de as decimal(5,1))",
    "try_cast(i as decimal(8,2))",
    "try_cast(f as integer)",
    "try_cast(fs as smallint)",
]


def test_casts(numbers: Sides) -> None:
    numbers.check(STRICT)


def test_lenient_casts_give_null(numbers: Sides) -> None:
    numbers.check(LENIENT)
