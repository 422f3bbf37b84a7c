"""A store against a dict: any sequence of writes, failures, crashes and reopenings leaves what was committed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from locality.errors import CatalogError, KeyViolation, SchemaError, StoreFullError, StoreLockedError
from locality.storage import durable, manifest
from locality.storage.entries import LayoutEntry
from locality.storage.ingest import ingest
from locality.storage.rewrite import rewrite
from locality.storage.store import Store
from locality.storage.verify import find_problems
from tests.storage.ingest.tables import stored
from tests.storage.layouts import rows_of

NAMES = st.sampled_from(["a", "B", "ünï"])
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-300, 300), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), st.sampled_from(["", "x", "y"]), st.text(max_size=3)),
    ),
    max_size=12,
)
Row = tuple[int | None, str | None]


def arrow(rows: list[Row]) -> pa.Table:
    return pa.table(
        {"k": pa.array([row[0] for row in rows], pa.int64()), "v": pa.array([row[1] for row in rows], pa.string())}
    )


class Crash(BaseException):
    """The end of a process, as its own code sees it: nothing after this line runs."""


class StoreMachine(RuleBasedStateMachine):
    """The store and the tables that it should hold; ``keyed`` are those with the primary key ``k``."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="locality-test-"))
        self.path = self.directory / "store"
        self.model: dict[str, list[Row]] = {}
        self.keyed: set[str] = set()
        self.snapshots: list[tuple[Any, dict[str, list[Row]]]] = []
        self.version = 0

    @initialize()
    def create_store(self) -> None:
        self.store = Store.open(self.path)

    def teardown(self) -> None:
        self.store.close()
        self.snapshots.clear()
        shutil.rmtree(self.directory)

    @rule(name=NAMES, rows=ROWS)
    def create(self, name: str, rows: list[Row]) -> None:
        if name in self.model:
            with pytest.raises(CatalogError):
                ingest(self.store, _other_case(name), arrow(rows))
        else:
            ingest(self.store, name, arrow(rows))
            self._put(name, rows)

    @rule(name=NAMES, rows=ROWS)
    def create_with_key(self, name: str, rows: list[Row]) -> None:
        if name in self.model:
            return
        keys = [row[0] for row in rows]
        if None in keys or len(set(keys)) < len(keys):
            with pytest.raises(KeyViolation):
                ingest(self.store, name, arrow(rows), primary_key="K")
        else:
            ingest(self.store, name, arrow(rows), primary_key="K")
            self._put(name, rows)
            self.keyed.add(name)

    @rule(name=NAMES, rows=ROWS)
    def replace(self, name: str, rows: list[Row]) -> None:
        ingest(self.store, name, arrow(rows), mode="replace")
        self._put(name, rows)
        self.keyed.discard(name)

    @rule(name=NAMES, rows=ROWS)
    def append(self, name: str, rows: list[Row]) -> None:
        if name not in self.model:
            with pytest.raises(CatalogError):
                ingest(self.store, name, arrow(rows), mode="append")
            return
        after = self.model[name] + rows
        keys = [row[0] for row in after]
        if name in self.keyed and (None in keys or len(set(keys)) < len(keys)):
            with pytest.raises(KeyViolation):
                ingest(self.store, name, arrow(rows), mode="append")
        else:
            ingest(self.store, name, arrow(rows), mode="append")
            self._put(name, after)

    @rule(name=NAMES)
    def append_other_columns(self, name: str) -> None:
        if name in self.model:
            with pytest.raises(SchemaError):
                ingest(self.store, name, pa.table({"k": [1]}), mode="append")

    @rule(name=NAMES)
    def turn_around(self, name: str) -> None:
        by_key = LayoutEntry(order=("k",))
        turned = rows_of(lambda: stored(self.store, name)[::-1])
        if name in self.model:
            rewrite(self.store, _other_case(name), lambda _: by_key, turned)
            self._put(name, self.model[name][::-1])
        else:
            with pytest.raises(CatalogError):
                rewrite(self.store, name, lambda _: by_key, turned)

    @rule(name=NAMES)
    def drop(self, name: str) -> None:
        if name in self.model:
            self.store.drop(_other_case(name))
            del self.model[name]
            self.keyed.discard(name)
            self.version += 1
        else:
            with pytest.raises(CatalogError):
                self.store.drop(name)

    @rule()
    def reopen(self) -> None:
        self.snapshots.clear()
        self.store.close()
        self.store = Store.open(self.path, create=False)

    @rule()
    def keep_a_snapshot(self) -> None:
        self.snapshots.append((self.store.snapshot(), dict(self.model)))

    @rule()
    def forget_snapshots(self) -> None:
        self.snapshots.clear()

    @rule(name=NAMES, rows=ROWS)
    def write_through_another_store(self, name: str, rows: list[Row]) -> None:
        with Store.open(self.path) as other:
            ingest(other, name, arrow(rows), mode="replace")
        self._put(name, rows)
        self.keyed.discard(name)

    @rule(name=NAMES)
    def second_writer(self, name: str) -> None:
        with self.store.begin(), Store.open(self.path) as other, pytest.raises(StoreLockedError):
            ingest(other, name, arrow([(1, "x")]), mode="replace")

    @rule(name=NAMES, rows=ROWS, step=st.integers(0, 8))
    def disk_is_full(self, name: str, rows: list[Row], step: int) -> None:
        with _failing_sync(step, OSError(errno.ENOSPC, "full")) as reached:
            try:
                ingest(self.store, name, arrow(rows), mode="replace")
            except StoreFullError:
                assert reached
            else:
                self._put(name, rows)
                self.keyed.discard(name)
                return
        self._maybe_committed(name, rows)

    @rule(name=NAMES, rows=ROWS, step=st.integers(0, 8))
    def crash(self, name: str, rows: list[Row], step: int) -> None:
        """The process ends at some write: no cleaning up, and a new process opens the store."""
        remove = durable.remove_quietly
        with (
            _failing_sync(step, Crash()) as reached,
            mock.patch.object(durable, "remove_quietly", lambda path: bool(reached) or remove(path)),
        ):
            try:
                ingest(self.store, name, arrow(rows), mode="replace")
            except Crash:
                pass
            else:
                self._put(name, rows)
                self.keyed.discard(name)
                return
        self._maybe_committed(name, rows)
        self.reopen()

    @invariant()
    def holds_what_was_committed(self) -> None:
        assert _contents(self.store.snapshot()) == self.model
        for snapshot, model in self.snapshots:
            assert _contents(snapshot) == model

    @invariant()
    def is_whole(self) -> None:
        assert find_problems(self.store) == []

    @invariant()
    def has_the_version(self) -> None:
        assert self.store.snapshot().version == self.version

    @invariant()
    def keys_are_kept(self) -> None:
        tables = self.store.snapshot().tables
        assert {name for name in tables if tables[name].primary_key} == self.keyed

    def _put(self, name: str, rows: list[Row]) -> None:
        self.model = {**self.model, name: rows}
        self.version += 1

    def _maybe_committed(self, name: str, rows: list[Row]) -> None:
        """After a failure: the manifest says whether the write took place; whichever it is, it is all or nothing."""
        if manifest.read(self.path).version > self.version:
            self._put(name, rows)
            self.keyed.discard(name)


def _other_case(name: str) -> str:
    """Another spelling of the same name: only ASCII letters have two."""
    return name.swapcase() if name.isascii() else name


def _contents(snapshot: Any) -> dict[str, list[Row]]:
    return {
        name: [(k, v) for batch in table.to_batches([0, 1]) for k, v in zip(*batch.to_pydict().values(), strict=True)]
        for name, table in snapshot.tables.items()
    }


class _failing_sync:  # noqa: N801 - used as a function
    """Lets ``steps`` syncs of files or directories pass, and raises at the next."""

    def __init__(self, steps: int, error: BaseException) -> None:
        self._steps = steps
        self._error = error
        self._reached: list[bool] = []
        self._patch = mock.patch.object(os, "fsync", self._sync)
        self._original = os.fsync

    def __enter__(self) -> list[bool]:
        self._patch.start()
        return self._reached

    def __exit__(self, *exception: object) -> None:
        self._patch.stop()

    def _sync(self, descriptor: int) -> None:
        if self._steps == 0:
            self._reached.append(True)
            raise self._error
        self._steps -= 1
        self._original(descriptor)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
