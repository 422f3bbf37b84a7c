"""Expressions of one column with few possible values, computed once per value instead of once per row.

Any deterministic expression over a column whose codes come from a small domain (a dictionary's entries, the days of
some years, amounts from 0 to 100) is a table indexed by the code. DuckDB computes the table from the domain's values,
so every scalar function that it has works here, exactly; the kernel only loads.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand, from_arrow, merge_dictionaries
from locality.encodings.bitmaps import to_mask
from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.relations.domain import CodeDomain, domain_of, domains_of
from locality.operators.relations.relation import Relation, Segment, is_integer
from locality.plan.expressions import (
    Call,
    Case,
    Cast,
    ColumnRef,
    Constant,
    Expression,
    Lookup,
    children,
    columns_of,
    rewrite,
)
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.plan.structure import structure
from locality.sql.evaluate import evaluate, is_deterministic
from locality.types import DataType, Domain

if TYPE_CHECKING:
    from locality.operators.codegen.columns import ColumnLoad

_MOST = np.iinfo(np.int64).max
#: Operations that cost less over whole vectors of rows than a load from a table does.
_CHEAP = frozenset({"+", "-", "*", "=", "<>", "<", "<=", ">", ">=", "and", "or", "not", "is null", "is not null"})


@dataclass(frozen=True, eq=False)
class Table:
    """Results by code, then the result for NULL: shapes (size + 1,). ``valid`` is None if no result is NULL."""

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_] | None
    domain: CodeDomain


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of one lookup for all domains of a column; strings are codes of one ``dictionary``.

    ranks: of a ranked lookup, the distinct values in ascending order, of which the tables hold positions.
    """

    scalar: Scalar
    by_domain: dict[Hashable, Table]
    nullable: bool
    bounds: Interval | None
    dictionary: Dictionary | None
    ranks: npt.NDArray[Any] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the tables, about."""
        entries = 0 if self.dictionary is None else self.dictionary.values.nbytes
        return 1024 + entries + sum(2 * table.values.nbytes for table in self.by_domain.values())


def tables_of(relation: Relation, lookup: Lookup) -> Tables:
    """The tables of ``lookup``, computed once; raises Unsupported if the domain is large or DuckDB refuses a value."""
    key = structure(lookup)
    tables: Tables | None = relation.memo.get(key)
    if tables is None:
        tables = _compute_tables(relation, lookup)
        relation.memo.keep(key, tables, tables.nbytes)
    return tables


def _compute_tables(relation: Relation, lookup: Lookup) -> Tables:
    domains = domains_of(relation, lookup.column)
    if domains is None:
        raise Unsupported("a table by code of a column with many values")
    distinct = {domain.key: domain for domain in domains}
    results = {
        key: from_arrow(evaluate(lookup.expression, [domain.values()]), lookup.type) for key, domain in distinct.items()
    }
    dictionary = _unify(results)
    tables = {key: _table(column, distinct[key]) for key, column in results.items()}
    ranks = None
    if lookup.ranked:
        tables, ranks = _rank(tables)
        scalar = Scalar.I64
        bounds: Interval | None = Interval(0, max(len(ranks) - 1, 0))
    else:
        scalar, bounds = _representation(lookup.type, tables)
    nullable = any(table.valid is not None for table in tables.values())
    return Tables(scalar, tables, nullable, bounds, dictionary, ranks)


def _unify(results: dict[Hashable, EncodedColumn]) -> Dictionary | None:
    """Recodes string results to one dictionary, in place."""
    coded = {key: column for key, column in results.items() if column.dictionary is not None}
    if not coded:
        return None
    merged, remaps = merge_dictionaries([c.dictionary for c in coded.values() if c.dictionary is not None])
    for (key, column), remap in zip(coded.items(), remaps, strict=True):
        flat = expand(column)
        assert flat.codes is not None
        # a dictionary of nothing but NULLs has no codes to map
        codes = remap[flat.codes] if len(remap) else np.zeros(flat.length, dtype=np.int32)
        results[key] = EncodedColumn(
            column.type, "dictionary", column.length, codes, column.validity, dictionary=merged
        )
    return merged


def _table(column: EncodedColumn, domain: CodeDomain) -> Table:
    flat = expand(column)
    if flat.codes is None or flat.codes.ndim != 1:
        raise Unsupported(f"a table of {column.type} values")
    valid = None if flat.validity is None else to_mask(flat.validity, flat.length)
    if column.type.name == "BOOLEAN":
        return Table(flat.codes.astype(np.bool_), valid, domain)
    if column.type.is_float:
        return Table(flat.codes, valid, domain)
    if flat.codes.dtype == np.uint64 and flat.codes.max(initial=0) > _MOST:
        raise Unsupported(f"a table of {column.type} values beyond 63 bits")
    return Table(flat.codes.astype(np.int64), valid, domain)


def _rank(tables: dict[Hashable, Table]) -> tuple[dict[Hashable, Table], npt.NDArray[Any]]:
    """The tables with each value replaced by its rank, and the distinct values; floats equal as SQL has it are one."""
    known = [t.values if t.valid is None else t.values[t.valid] for t in tables.values()]
    distinct: npt.NDArray[Any] = np.unique(np.concatenate(known) + 0)  # -0.0 + 0 is 0.0
    ranked = {
        key: Table(np.minimum(np.searchsorted(distinct, t.values + 0), max(len(distinct) - 1, 0)), t.valid, t.domain)
        for key, t in tables.items()
    }
    return ranked, distinct


def _representation(dtype: DataType, tables: dict[Hashable, Table]) -> tuple[Scalar, Interval | None]:
    if dtype.name == "BOOLEAN":
        return Scalar.BOOL, None
    if dtype.is_float:
        return (Scalar.F32 if dtype.name == "FLOAT" else Scalar.F64), None
    if not is_integer(dtype) and dtype.domain is not Domain.STRING:
        raise Unsupported(f"a table of {dtype} values")
    known = [t.values if t.valid is None else t.values[t.valid] for t in tables.values()]
    known = [values for values in known if len(values)]
    low = min((int(values.min()) for values in known), default=0)
    high = max((int(values.max()) for values in known), default=0)
    return Scalar.I64, Interval(low, high)


class LookupLoad:
    """One lookup in one block of a kernel under construction."""

    def __init__(self, column: ColumnLoad, lookup: Lookup) -> None:
        relation, index = column.block.relation, column.index
        self._column = column
        self._fixed: Value | None = None
        self._tables = tables = tables_of(relation, lookup)
        interval = relation.intervals[index]

        def table(segment: Segment) -> Table:
            domain = domain_of(segment.column(index), interval)
            assert domain is not None, "the optimizer makes lookups only over small domains"
            return tables.by_domain[domain.key]

        parameters = column.block.parameters
        array = Array(tables.scalar)
        self._values = parameters.array((lookup, "values"), array, lambda s: table(s).values)
        self._valid = self._first = self._size = None
        if tables.nullable:
            mask = Array(Scalar.BOOL)
            self._valid = parameters.array((lookup, "valid"), mask, lambda s: _validity(table(s)))
        if column.shape.encoding == "plain":
            self._first = parameters.integer((lookup, "first"), lambda s: table(s).domain.first_code)
        if column.shape.nullable:
            self._size = parameters.integer((lookup, "size"), lambda s: table(s).domain.size)

    def prepare(self) -> None:
        """Emits, in front of the block's loops, the result where it is the same for all rows."""
        block = self._column.block
        if self._column.shape.encoding != "constant" and block.is_even(self._column.index):
            found, assign = self._value_at(b.const_i64(0)), block.builder.assign
            valid = None if found.valid is None else assign(found.valid)
            self._fixed = Value(assign(found.expr), valid, found.bounds, found.dictionary)

    def value(self, row: ir.Expr) -> Value:
        """The result at a row of the block."""
        return self._value_at(row) if self._fixed is None else self._fixed

    def _value_at(self, row: ir.Expr) -> Value:
        position = b.convert(self._column.code(row), Scalar.I64)
        if self._first is not None:
            position = b.sub(position, self._first)
        column_valid = self._column.valid(row)
        if column_valid is not None and self._size is not None:
            position = b.select(column_valid, position, self._size)
        valid = None if self._valid is None else b.load(self._valid, position)
        return Value(b.load(self._values, position), valid, self._tables.bounds, self._tables.dictionary)


def _validity(table: Table) -> npt.NDArray[np.bool_]:
    return np.ones(len(table.values), dtype=np.bool_) if table.valid is None else table.valid


def introduce_lookups(expression: Expression, relation: Relation) -> Expression:
    """Replaces the largest subexpressions that are better looked up by code than computed row by row."""
    if isinstance(expression, ColumnRef | Constant | Lookup):
        return expression
    columns = columns_of(expression)
    if len(columns) == 1 and not _is_cheap(expression) and is_deterministic(expression):
        lookup = as_lookup(expression, next(iter(columns)))
        try:
            tables_of(relation, lookup)
        except Unsupported:
            pass  # not a small domain, or an error for some value that may not occur: go on with the parts
        else:
            return lookup
    return _with_children(expression, [introduce_lookups(child, relation) for child in children(expression)])


def as_lookup(expression: Expression, column: int) -> Lookup:
    """The lookup of an expression that reads nothing but ``column``."""
    local = rewrite(expression, lambda e: ColumnRef(0, e.type) if isinstance(e, ColumnRef) else e)
    return Lookup(column, local, expression.type)


def _is_cheap(expression: Expression) -> bool:
    match expression:
        case ColumnRef() | Constant():
            return expression.type.domain in (Domain.INTEGER, Domain.FLOAT)
        case Call(name, args):
            return name in _CHEAP and all(_is_cheap(arg) for arg in args)
        case Cast(arg, target):
            return (is_integer(target) or target.name == "DOUBLE") and _is_cheap(arg)
        case _:
            return False


def _with_children(expression: Expression, parts: list[Expression]) -> Expression:
    match expression:
        case Call(name, _, dtype):
            return Call(name, tuple(parts), dtype)
        case Cast(_, dtype, lenient):
            return Cast(parts[0], dtype, lenient)
        case Case(_, _, dtype):
            pairs = tuple(zip(parts[:-1:2], parts[1:-1:2], strict=True))
            return Case(pairs, parts[-1], dtype)
        case _:
            return expression
