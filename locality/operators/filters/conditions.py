"""The tests that a conjunction is made of, planned once and again for other values of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial, reduce
from operator import and_
from weakref import ref

from locality.operators.byvalues import Values, bound_all, values_of
from locality.operators.codegen.held import Holder
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.filters.codesets import CodeSet, Opened, code_sets, opened
from locality.operators.filters.filter import CodeTest, Test, ValueTest
from locality.operators.filters.shares import share_of_codes, share_of_values
from locality.operators.relations.meanings import SetKey, meanings_of
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef, Expression, Lookup, walk
from locality.plan.parameters import bound_expression
from locality.types import Domain

#: The column that a conjunct reads and the codes for which it is true, by their meanings; or its test, if it suits.
_Told = tuple[int, list[CodeSet]] | ValueTest | None


class Conditions:
    """A conjunction over a relation, with the values that its parameters have.

    tests: codes first (one test a column), the most selective first, then computed values. others: the conjuncts whose
    tests of computed values do not suit.
    """

    def __init__(
        self,
        relation: Relation,
        conjuncts: Sequence[Expression],
        suits: Callable[[Relation, ValueTest], bool] | None = None,
    ) -> None:
        self._relation = ref(relation)  # an intermediate result is let go of while its preparation is kept
        self._conjuncts, self._suits = tuple(conjuncts), suits
        self._values: Values | None = None  # but those that the conjuncts have
        self._told = [self._told_of(relation, conjunct) for conjunct in conjuncts]
        columns: dict[int, list[int]] = {}
        values: list[int] = []
        for number, told in enumerate(self._told):
            if isinstance(told, ValueTest):
                values.append(number)
            elif told is not None:
                columns.setdefault(told[0], []).append(number)
        found = [(self._test_of(relation, numbers), numbers) for numbers in columns.values()]
        found.sort(key=lambda pair: pair[0].share)
        computed = [(self._test_of(relation, [number]), [number]) for number in values]
        found += sorted(computed, key=lambda pair: _cost(self._conjuncts[pair[1][0]]))
        self.tests: list[Test] = [test for test, _ in found]
        self._numbers = [numbers for _, numbers in found]

    @property
    def others(self) -> list[Expression]:
        pairs = zip(self._conjuncts, self._told, strict=True)
        left = tuple([conjunct for conjunct, told in pairs if told is None])
        return list(left if self._values is None else bound_all(left, self._values))

    def under(self, relation: Relation, values: Values) -> Conditions:
        """The same for other ``values`` of parameters; tests stay in their order."""
        if relation is not self._relation():
            return Conditions(relation, bound_all(self._conjuncts, values), self._suits)
        other = copy(self)
        other._told, other._values = list(self._told), values
        for number, opened_to in self._open.items():
            told = other._told[number] = self._told_under(relation, number, opened_to, values)
            if _column(told) != _column(self._told[number]):
                return Conditions(relation, bound_all(self._conjuncts, values), self._suits)
        other.tests = [
            test if self._open.keys().isdisjoint(numbers) else other._test_of(relation, numbers)
            for test, numbers in zip(self.tests, self._numbers, strict=True)
        ]
        return other

    @cached_property
    def _open(self) -> dict[int, tuple[int, Opened] | None]:
        """The conjuncts with parameters; of those that compare a column with one, by which it is told of what codes."""
        relation = self._relation()
        found: dict[int, tuple[int, Opened] | None] = {}
        for number, (conjunct, told) in enumerate(zip(self._conjuncts, self._told, strict=True)):
            parameters = values_of((conjunct,))
            if parameters:
                by_value = opened(relation, conjunct) if relation is not None and isinstance(told, tuple) else None
                found[number] = None if by_value is None else (next(iter(parameters)), by_value)
        return found

    def _told_under(
        self, relation: Relation, number: int, opened_to: tuple[int, Opened] | None, values: Values
    ) -> _Told:
        told = self._told[number]
        if opened_to is None or not isinstance(told, tuple):
            return self._told_of(relation, bound_expression(self._conjuncts[number], values))
        index, by_value = opened_to
        return told[0], by_value(values[index])

    def _told_of(self, relation: Relation, conjunct: Expression) -> _Told:
        found = code_sets(relation, conjunct)
        if found is not None:
            return found
        predicate, holder = introduce_lookups(conjunct, relation), Holder()
        share = share_of_values(conjunct, relation)
        test = ValueTest(predicate, holder.hold(predicate), share, holder.numbers)
        return test if self._suits is None or self._suits(relation, test) else None

    def _test_of(self, relation: Relation, numbers: Sequence[int]) -> Test:
        """The test of a value, or of all sets of codes of one column."""
        told = [self._told[number] for number in numbers]
        if isinstance(told[0], ValueTest):
            return told[0]
        pairs = [each for each in told if isinstance(each, tuple)]
        index = pairs[0][0]
        sets = [reduce(and_, each) for each in zip(*(sets for _, sets in pairs), strict=True)]
        by_key = {meaning.key: codes for meaning, codes in zip(meanings_of(relation, index), sets, strict=True)}
        return CodeTest(index, relation.types[index], by_key, partial(_share, self._relation, index, by_key))


def plan_tests(relation: Relation, conjuncts: Sequence[Expression]) -> list[Test]:
    """The tests of a conjunction, see :class:`Conditions`."""
    return Conditions(relation, conjuncts).tests


def _share(relation: ref[Relation], index: int, sets: Mapping[SetKey, CodeSet]) -> float:
    """The share of rows in sets of codes; of rows that are no more, none."""
    rows = relation()
    return 0.0 if rows is None else share_of_codes(rows, index, sets)


def _column(told: _Told) -> object:
    """What is the same of conjuncts that differ in values alone, and have the same tests."""
    return told[0] if isinstance(told, tuple) else type(told)


def _cost(expression: Expression) -> int:
    """A rank of how dear a computed predicate is: raw text last."""
    text = any(isinstance(e, ColumnRef | Lookup) and e.type.domain is Domain.STRING for e in walk(expression))
    return (1000 if text else 0) + sum(1 for _ in walk(expression))
