"""What is known of texts on one connection, and how long."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locality.duckdb.session import Names
from locality.duckdb.stamp import Stamp
from locality.sql.shape import Shape

if TYPE_CHECKING:
    from locality.connection import Connection
    from locality.sql.parts import Split

#: Texts that are remembered.
TEXTS = 1024


@dataclass
class Division:
    """Parts of a text that ``connection`` answers as DuckDB would now.

    is_checked: whether DuckDB was seen to give the rest the columns of the whole.
    """

    connection: Connection
    split: Split
    is_checked: bool = False


@dataclass(frozen=True)
class Shapes:
    """Shapes of texts that are DuckDB's whatever happens to rows and settings.

    planless, partless: those that have no plan, with the reason, and no parts that are run here. lasting: those of them
    that name no view or macro, so that it takes other layouts to change it.
    """

    planless: dict[str, str] = field(default_factory=dict)
    partless: dict[str, str] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)

    def keep(self, found: dict[str, str], shape: Shape, reason: str, defined: Iterable[str]) -> None:
        """Put a shape into ``found``, one of the two; defined: the names of views and macros."""
        if len(found) >= TEXTS:
            found.clear()
        found[shape.text] = reason
        if shape.names.isdisjoint(defined):
            self.lasting.add(shape.text)

    def kept(self) -> Shapes:
        """Those that last."""
        planless, partless = (
            {shape: reason for shape, reason in found.items() if shape in self.lasting}
            for found in (self.planless, self.partless)
        )
        return Shapes(planless, partless, planless.keys() | partless.keys())


@dataclass
class Situation:
    """What is known as long as nobody commits, and nobody runs a statement other than a query on the database.

    content: what the layouts are. refused: the reason by text. accepted: texts that only name what is the same here and
    there. divisions: which parts of a text are run here, by text. checked: kinds of them whose columns were compared.
    views, names, settings: None until a text asks for them. barred: why no text is answered, empty if some may be; None
    until a text asks. in_transaction: whether the tables are as one sees them that is open.
    """

    version: int
    stamp: Stamp
    fresh: frozenset[str]
    content: object
    refused: dict[str, str] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    divisions: dict[Hashable, Division | None] = field(default_factory=dict)
    checked: set[Hashable] = field(default_factory=set)
    shapes: Shapes = field(default_factory=Shapes)
    views: Mapping[str, str] | None = None
    names: Names | None = None
    settings: Mapping[str, str] | None = None
    barred: str | None = None
    in_transaction: bool = False
    connection: Connection | None = None
