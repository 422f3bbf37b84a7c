"""Whatever the optimizer makes of a plan gives the same rows, and what it says of a plan's rows is true of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import assume, given, settings

from locality.optimizer import optimize
from locality.optimizer.facts import Prover
from locality.plan.nodes import Node
from tests.operators import naive
from tests.optimizer import random_plans
from tests.optimizer.known import Counted
from tests.properties.effort import EFFORT
from tests.sql.notation import plan_text

EXAMPLES = settings(max_examples=400 * EFFORT)


def rows_of(plan: Node, tables: random_plans.Tables) -> list[tuple[Any, ...]] | None:
    """The rows of ``plan``, or None where a subquery has two rows for one."""
    try:
        return naive.evaluate(plan, tables)
    except ValueError:
        return None


@EXAMPLES
@given(random_plans.tables(), random_plans.plans())
def test_optimized_plans_give_the_same_rows(tables: random_plans.Tables, plan: Node) -> None:
    wanted = rows_of(plan, tables)
    assume(wanted is None or len(wanted) < 2000)
    optimized = optimize(plan, Counted(tables))
    assert optimized.types == plan.types
    got = rows_of(optimized, tables)
    assume(wanted is not None)  # what nothing reads, an error too, may be dropped
    assert got is not None
    assert Counter(got) == Counter(wanted or ()), f"{plan_text(plan)}\n{plan_text(optimized)}"


@EXAMPLES
@given(random_plans.tables(), random_plans.plans())
def test_facts_are_true(tables: random_plans.Tables, plan: Node) -> None:
    rows = rows_of(plan, tables)
    assume(rows is not None and len(rows) < 2000)
    assert rows is not None
    facts = Prover(Counted(tables)).facts(plan)
    for key in facts.unique:
        assert len({tuple(row[i] for i in sorted(key)) for row in rows}) == len(rows)
    for column in facts.never_null:
        assert all(row[column] is not None for row in rows)
