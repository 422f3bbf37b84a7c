"""Three-valued logic, comparisons and choices in kernels, against DuckDB."""

from __future__ import annotations

import pytest

from tests.plan.sides import Sides
from tests.versions import is_its_own

LOGIC = [
    "b and c",
    "b or c",
    "not b",
    "b and not c or b is null",
    "b is not null and c",
    "b = c",
    "b < c",
    "b is distinct from c",
    "b is not distinct from c",
]
CHOICES = [
    "case when i > j then i when x > y then null else k end",
    "case when b then c end",
    "case when b then null else c end",
    "case when b then f else null end",
    "case when b then f else g end",
    "case when i>j then s8 else t8 end",
    "coalesce(i, k, j)",
    "coalesce(x, f)",
    "coalesce(b, c)",
    "coalesce(b, c, i > j)",
    "nullif(k, l)",
    "nullif(sp, sq)",
    "nullif(f, g)",
    "ifnull(de, df)",
    "if(i>j, x, f)",
    "greatest(k, l, s8)",
    "least(i, k, null)",
    "greatest(f, g)",
    "greatest(b, c)",
    "greatest(i, j)",
    "least(sp, sq)",
    "greatest(sp, sq, x, y)",
    "least(f, g)",
]
MEMBERSHIP = [
    "i in (1, j, k)",
    "k in (1, 2, l, null)",
    "sp in (sq, 'nan'::double)",
    "sp in (1.0, y, null)",
    "k not in (l, s8)",
    "k between s8 and l",
    "x between -1 and y",
    "i between j and null",
]
COMPARISONS = [
    "i < j",
    "i >= x",
    "sp = sq",
    "sp < sq",
    "sp <= sq",
    "sp <> sq",
    "sp > sq",
    "sp >= sq",
    "f < x",
    "sp is distinct from sq",
    "sp is not distinct from sq",
    "i is not distinct from j",
    "de < df",
    "u64 < big",
    "u64 + u32",
    "u64 > i",
]
#: What only some rows evaluate can't fail for the others.
GUARDED = [
    "case when sh <> 0 then i // sh end",
    "case when sh <> 0 and sh <> 7 then i // sh when sh = 7 then i * 2 else sh::tinyint end",
    "case when sh <> 0 then round(x / sh, 3)::decimal(18,4) else de end",
    "coalesce(i, j, l // 0)",
    "case when abs(x) < 1000 then x::integer end",
]
#: Strings lie in dictionaries, which differ between the columns.
STRINGS = [
    "case when i > j then 'a' when x > y then 'b' else 'c' end",
    "case when i > j then 'a' when x > y then null else '' end",
    "case when i > j then 'a' when x > y then 'b' end",
    "coalesce(case when i > j then 'a' end, 'x')",
    "case when i > j then st else 'other' end",
    "case when i > j then st else su end",
    "coalesce(st, su)",
    "coalesce(st, su, 'none')",
    "coalesce(case when i>j then st end, su)",
    "st = su",
    "st < su",
    "st is distinct from su",
    "st in ('w4', su)",
    "greatest(st, su)",
    "least(st, su, 'w5')",
    "nullif(st, su)",
    "case when i>j then st end = 'w4'",
    "st >= 'w5' or i > j",
]
#: Filters drop rows where they are NULL, and errors of dropped rows do not count.
FILTERS = [
    "i > j or x > y",
    "not (i > j and x > y)",
    "sqrt(abs(sp)) > 3 and sign(i) <> 0",
    "round(x, 1) = trunc(x, 1)",
    "l > 10000 and i // (l - 10000) > 5",
    "coalesce(k, l) in (1, 2, 3, l - 1)",
    "(case when b then st else su end) = 'w5'",
    "b is distinct from c and (st > su or k is null)",
    "isnan(sp) or isinf(sq)",
]


@pytest.mark.parametrize(
    "expressions",
    [LOGIC, COMPARISONS, MEMBERSHIP, CHOICES, GUARDED, STRINGS],
    ids=["logic", "comparisons", "membership", "choices", "guarded", "strings"],
)
def test_conditions(numbers: Sides, expressions: list[str]) -> None:
    numbers.check(expressions)


@pytest.mark.parametrize("condition", FILTERS)
def test_filters(numbers: Sides, condition: str) -> None:
    query = f"select count(*), sum(j), min(l) from t where {condition}"
    result = numbers.ours.sql(query)
    assert result.profile.engine == "locality" or is_its_own(result.profile.reason), result.profile.reason
    assert result.fetchall() == numbers.theirs.sql(query).fetchall()
