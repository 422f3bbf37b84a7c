"""One table in Locality and in DuckDB, to compare expressions over it.

Locality evaluates some expressions in DuckDB, once per distinct value or over a result's rows; :func:`kernels_alone`
forbids that, so that what is compared was computed by a kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.errors import QueryError, Unsupported
from locality.operators import late
from locality.operators.codegen import lookup
from tests.versions import IS_2, is_its_own

#: Expressions of one query: a few, so that kernels compile fast and a failure names its expression.
_TOGETHER = 8


class Sides:
    """Table ``t`` on both sides."""

    def __init__(self, ours: locality.Connection, theirs: duckdb.DuckDBPyConnection) -> None:
        self.ours = ours
        self.theirs = theirs

    def check(self, expressions: Sequence[str]) -> None:
        """Locality's own operators give what DuckDB gives, for every row, in type and value.

        But what the installed version means otherwise is DuckDB's own to run.
        """
        others = [] if IS_2 else [e for e in expressions if is_its_own(self._reason(e))]
        for expression in others:
            self.check_unchanged(expression)
        own = [e for e in expressions if e not in others]
        for start in range(0, len(own), _TOGETHER):
            self._check(own[start : start + _TOGETHER])

    def _reason(self, expression: str) -> str:
        return self.ours.explain(f"select {expression} as e from t").reason

    def _check(self, expressions: Sequence[str]) -> None:
        text = ", ".join(f"({e}) as e{i}" for i, e in enumerate(expressions))
        query = f"select {text} from t"
        result = self.ours.sql(query)
        if result.profile.engine != "locality":
            reasons = {e: self._reason(e) for e in expressions}
            pytest.fail(f"answered by DuckDB: { {e: r for e, r in reasons.items() if r} } or {result.profile.reason}")
        relation = self.theirs.sql(query)
        assert list(result.types) == [str(kind) for kind in relation.types]
        expected = relation.to_arrow_table()
        for name, expression in zip(expected.column_names, expressions, strict=True):
            assert_same(expression, result.to_arrow_table()[name].combine_chunks(), expected[name].combine_chunks())

    def check_error(self, expression: str) -> None:
        """Both refuse the expression for some row."""
        with pytest.raises(duckdb.Error) as wanted:
            self.theirs.sql(f"select {expression} from t").to_arrow_table()
        with pytest.raises(QueryError) as raised:
            self.ours.sql(f"select {expression} from t")
        words = str(wanted.value).split("\n", 1)[0].split(":", 1)[-1].split()[:4]
        assert all(word in str(raised.value) for word in words)

    def check_unchanged(self, expression: str) -> None:
        """The answer is DuckDB's, or the error, whoever gives it."""
        query = f"select {expression} as e from t"
        try:
            expected = self.theirs.sql(query).to_arrow_table()["e"].combine_chunks()
        except duckdb.Error:
            self.check_error(expression)
        else:
            assert_same(expression, self.ours.sql(query).to_arrow_table()["e"].combine_chunks(), expected)


def assert_same(what: str, got: pa.Array, wanted: pa.Array) -> None:
    """Equal types and values; NaN equals NaN, and zeros have the same sign."""
    assert got.type == wanted.type, what
    if pa.types.is_floating(wanted.type):
        valid = np.asarray(wanted.is_valid())
        assert np.array_equal(np.asarray(got.is_valid()), valid), what
        ours, theirs = (np.asarray(array.fill_null(0)) for array in (got, wanted))
        same = (ours == theirs) & (np.signbit(ours) == np.signbit(theirs)) | np.isnan(ours) & np.isnan(theirs)
    else:
        same = np.asarray(_equal(got, wanted))
    bad = np.flatnonzero(~same)[:3]
    assert len(bad) == 0, f"{what}: " + ", ".join(f"row {i}: {got[i]!r}, not {wanted[i]!r}" for i in bad.tolist())


def _equal(got: pa.Array, wanted: pa.Array) -> list[bool]:
    if got.equals(wanted):
        return [True] * len(wanted)
    return [a.equals(b) for a, b in zip(got, wanted, strict=True)]


@contextmanager
def both_sides(path: Path, table: pa.Table) -> Iterator[Sides]:
    """``table`` as ``t`` in a new store at ``path``, and in a new DuckDB."""
    with locality.connect(path, threads=1) as ours, duckdb.connect() as theirs:
        ours.ingest("t", table)
        theirs.register("given", table)
        theirs.execute("create table t as from given")
        yield Sides(ours, theirs)


@contextmanager
def kernels_alone() -> Iterator[None]:
    """Whatever a kernel can't compute goes to DuckDB as a whole query."""

    def refuse(*arguments: object) -> pa.Array:
        raise Unsupported("evaluated outside of kernels")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(late, "evaluate", refuse)
        patch.setattr(lookup, "evaluate", refuse)
        yield


def with_nulls(values: pa.Array, seed: int) -> pa.Array:
    """The values of a fixed width, about one in seven replaced by NULL."""
    shown = np.random.default_rng(seed).random(len(values)) >= 1 / 7
    return pa.Array.from_buffers(values.type, len(values), [pa.array(shown).buffers()[1], *values.buffers()[1:]])


def decimals(unscaled: Sequence[int], width: int, scale: int) -> pa.Array:
    """Decimals by their unscaled values."""
    exact = Context(prec=60)
    return pa.array([Decimal(int(v)).scaleb(-scale, exact) for v in unscaled], pa.decimal128(width, scale))
