"""Quantiles of few groups that have many rows: the rows at some places of each group, without sorting the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from locality.encodings import EncodedColumn, expand
from locality.kernel.loader import primitive
from locality.operators.aggregation.quantiles import QUANTILES, Placed
from locality.operators.ordering.fields import Field, Words, fields_of
from locality.operators.ordering.order import Positions, Run
from locality.operators.ordering.ranked import ranked
from locality.operators.ordering.words import Word, words_of
from locality.operators.windows.inputs import Mask, valid_rows
from locality.plan.expressions import AggregateCall, ColumnRef, Expression

#: Rows of a group on average from which on finding the rows of its quantiles takes less than sorting all.
_LARGE = 64
#: Bits of the groups' keys at most.
_MOST_BITS = 12


@dataclass(frozen=True, eq=False)
class FewGroups:
    """Rows by groups that are few.

    codes: each row's group, less than ``2 ** bits``. first: the first row of each group that there is, ascending by
    code; present: their codes.
    """

    owners: Sequence[Field]
    bits: int
    codes: Words
    present: Positions
    first: Positions
    run: Run
    _known: dict[tuple[Expression, Expression | None], Placed] = field(default_factory=dict)

    @property
    def numbers(self) -> Positions:
        """Each row's group by its place among those that there are."""
        places = np.zeros(1 << self.bits, np.int64)
        places[self.present] = np.arange(len(self.present))
        return places[self.codes]

    def quantiles(self, columns: Mapping[int, EncodedColumn], call: AggregateCall) -> EncodedColumn:
        """A call's values, a group each; raises Unsupported as :mod:`locality.operators.aggregation.quantiles` does."""
        argument = call.args[0]
        assert isinstance(argument, ColumnRef)
        return QUANTILES[call.name](columns[argument.index], call, self._placed(columns, argument, call.filter))

    def _placed(
        self, columns: Mapping[int, EncodedColumn], argument: ColumnRef, condition: Expression | None
    ) -> Placed:
        """The rows that count by their groups and an argument."""
        if (argument, condition) not in self._known:
            counted = _counted(columns, argument, condition)
            rows = len(self.codes) if counted is None else np.flatnonzero(counted)
            values = fields_of(replace(columns[argument.index], validity=None))
            known = ranked([*self.owners, *values], rows, self.bits, self.run)
            starts = known.starts(self.bits)
            first, counts = starts[self.present], np.diff(starts)[self.present]

            def at(places: Sequence[Positions]) -> list[Positions]:
                found = np.zeros((len(places), len(counts)), np.int64)
                there = counts > 0
                asked = np.concatenate([(first + place)[there] for place in places])
                chosen = known.at(asked, self.run) if len(asked) else asked
                found[:, there] = (chosen if isinstance(rows, int) else rows[chosen]).reshape(len(places), -1)
                return list(found)

            self._known[argument, condition] = Placed(counts, at)
        return self._known[argument, condition]


def few_groups(owners: Sequence[Field], rows: int, run: Run) -> FewGroups | None:
    """The rows by the fields of their groups; None if there may be so many that sorting all rows takes less."""
    bits = sum(each.bits for each in owners)
    if bits > _MOST_BITS or (_LARGE << bits) > rows:
        return None
    (word,) = words_of(owners) or [Word(())]
    codes = word.read(slice(0, rows))
    first = np.full(1 << bits, -1, np.int64)
    primitive("first_rows")(codes, first)
    present = np.flatnonzero(first >= 0)
    return FewGroups(owners, bits, codes, present, first[present], run)


def finds(call: AggregateCall) -> bool:
    """Whether a call asks for no more of a group than some places in the order of one of its columns."""
    return call.name in QUANTILES and isinstance(call.args[0], ColumnRef)


def _counted(columns: Mapping[int, EncodedColumn], argument: ColumnRef, condition: Expression | None) -> Mask | None:
    """The rows whose argument is not NULL and whose condition is true; None for all."""
    known = valid_rows(columns[argument.index])
    if condition is None:
        return known
    assert isinstance(condition, ColumnRef)
    flat, valid = expand(columns[condition.index]), valid_rows(columns[condition.index])
    assert flat.codes is not None
    holds: Mask = flat.codes != 0
    return holds & (True if valid is None else valid) & (True if known is None else known)
