"""Literals of texts: which there are, which are values, and that those of one kind are bound alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.sql.literals import Literal, split, value_literals
from locality.sql.shadow import Shadow
from locality.types import parse

_COLUMNS = ("TINYINT", "BIGINT", "UTINYINT", "UBIGINT", "DECIMAL(9,2)", "DOUBLE")
_CONDITIONS = (
    *("{c} = {v}", "{c} between {v} and 3", "{c} in ({v}, 3.5)", "{c} + {v} > 3", "{v} - {c} > {c}", "{c} / {v} > 1"),
    *("case when a > 1 then {c} else {v} end > 3", "coalesce({c}, {v}) = 3", "{v} * 1.5 > {c}", "{v} + {v} > {c}"),
)
_NUMBERS = [0, 9, 10, 127, 128, 255, 256, 9999, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64]
_DECIMALS = ["0.05", "9.99", "10.0", "99.9", "0.1234", "9.0000"]
_UNKNOWN = re.compile(r'"value": (\{[^}]*\}|-?\d+)|"query_location(_length)?": \d+|"alias": "[^"]*"')


@pytest.fixture(scope="module")
def shadow() -> Iterator[Shadow]:
    made = Shadow({})
    made.sync({"t": [(chr(97 + number), parse(dtype)) for number, dtype in enumerate(_COLUMNS)]})
    yield made
    made.close()


@pytest.mark.parametrize("condition", _CONDITIONS)
def test_literals_of_one_kind_are_bound_alike(shadow: Shadow, condition: str) -> None:
    compared = 0
    for name in "abcdef"[: len(_COLUMNS)]:
        for one, other in pairwise([*map(str, _NUMBERS), *_DECIMALS]):
            if Literal(0, len(one), one).kind == Literal(0, len(other), other).kind:
                assert _bound(shadow, condition.format(c=name, v=one)) == _bound(
                    shadow, condition.format(c=name, v=other)
                )
                compared += 1
    assert compared > 6 * len(_COLUMNS)


def _bound(shadow: Shadow, condition: str) -> str:
    """The plan of a condition without its values, as it was bound."""
    return _UNKNOWN.sub("", json.dumps(shadow.unoptimized_plan(f"select count(*) from t where {condition}")))


@given(st.text("ab '\"-1.5é$/*\n,()=x", max_size=30))
def test_a_text_is_put_together_again(text: str) -> None:
    found = split(text)
    assert found.replaced({}) == text
    marked = found.replaced({number: f"<{number}>" for number in range(len(found.literals))})
    assert marked.count("<") == len(found.literals)


def test_values_are_those_of_conditions(shadow: Shadow) -> None:
    sql = """
    select 1 as "2", a + 3, 'é' /* 4 */ -- 5
    from t join (select b from t where b > 10 and c <> -6 limit 7) as u on t.b = u.b + 11
    where d in (12, 8.50) and t.a::varchar = 'x''y' and f < $$9$$ and round(f, 9) > 13 and t.b > 1_4 and t.b < 1e2
      and date '2020-01-01' - interval 3 day < '2021-01-01'::date and a % 15 > (select max(a) + 4 from t where e > 16)
    group by a % 5 having count(*) > 17 order by 1 limit 18
    """
    found = split(sql)
    values = value_literals(shadow.parse(sql), found.literals)
    texts = [each.text for number, each in enumerate(found.literals) if number in values]
    wanted = ["10", "11", "12", "8.50", "'x''y'", "13", "'2020-01-01'", "'2021-01-01'", "15", "16", "17"]
    assert texts == wanted
    assert [each.typed for each in found.literals if each.text == "'2020-01-01'"] == ["date"]
