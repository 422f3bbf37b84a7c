"""Counting a query's memory: what is counted, when it ends, and that a query holds nothing once it is over."""

from __future__ import annotations

import gc
import mmap
import threading
import time
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality import memory
from locality.errors import MemoryLimitError
from locality.memory import Account

MB = 1 << 20


def test_an_array_counts_until_it_is_freed() -> None:
    account = Account(10 * MB)
    with account:
        first = memory.empty(MB, np.uint8, "bytes")
        second = memory.zeros((2, MB), np.int64 if first is None else np.uint8, "bytes")
        assert account.held == 3 * MB
        del first
        assert account.held == 2 * MB
        view = second[1, 5:]
        del second
        assert account.held == 2 * MB, "a view keeps the memory"
        memory.hold((view, view.reshape(-1, 1)[:0], view), "bytes")
        assert account.held == 2 * MB, "nothing counts twice"
        del view
    assert account.held == 0


def test_the_limit_is_kept_before_memory_is_taken() -> None:
    account = Account(3 * MB)
    with account:
        kept = memory.empty(2 * MB, np.uint8, "the first part")
        with pytest.raises(
            MemoryLimitError, match=r"the second part .* 17,\d+,\d+,\d+ bytes .* 3,145,728; raise memory_limit"
        ):
            memory.empty(1 << 34, np.uint8, "the second part")
        with pytest.raises(MemoryLimitError, match="both together"):
            memory.concatenate([kept, kept], "both together")
        memory.allow(MB, "what fits")
        assert account.held == 2 * MB
        account.reserve(MB, "what fits")
        with pytest.raises(MemoryLimitError):
            account.reserve(1, "one byte")
        account.release(MB)
        assert account.held == 2 * MB


def test_mapped_files_and_small_arrays_do_not_count() -> None:
    with Account(MB) as account, mmap.mmap(-1, 8 * MB) as mapped:
        view = np.frombuffer(mapped, np.uint8)
        memory.hold((view, view[5:], None, np.empty(memory.LEAST_BYTES - 1, np.uint8)), "bytes")
        assert account.held == 0
        del view


def test_each_thread_counts_for_its_own_query() -> None:
    with Account(8 * MB) as ours:
        theirs = Account(8 * MB)

        def work() -> None:
            assert memory.current() is None
            with theirs:
                arrays.append(memory.empty(MB, np.uint8, "bytes"))

        arrays: list[memory.AnyArray] = []
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert (ours.held, theirs.held) == (0, MB)
        assert memory.current() is ours
    assert memory.current() is None


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from (select n % 90000 as k, count(*) as c from t group by k) a join t on t.n = a.k + a.c",
        "select a.n, b.m from t a join t b on a.n = b.m + 7 order by a.m, b.n limit 5",
        "select sum(r) from (select rank() over (partition by m % 10 order by n) as r from t)",
        "select m, count(*) from t where n in (select m * 3 from t) group by m having count(*) > 1 order by m",
    ],
)
def test_a_query_that_is_over_holds_no_arrays(sql: str) -> None:
    rows = np.arange(200_000)
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    with locality.connect(threads=2) as con:
        con.ingest("t", pa.table({"n": rows, "m": rows * 7919 % 200_000}))
        con.sql(sql)
        tracemalloc.start()
        try:
            result = con.sql(sql)
            assert result.profile.engine == "locality", result.profile.reason
            assert tracemalloc.get_traced_memory()[1] > MB, "it needs arrays while it runs"
            result.close()
            for _ in range(100):  # the thread that ran the query may still be leaving it
                gc.collect()
                left = tracemalloc.take_snapshot().filter_traces([arrays]).statistics("lineno")
                if sum(line.size for line in left) < memory.LEAST_BYTES:
                    break
                time.sleep(0.02)
        finally:
            tracemalloc.stop()
    assert sum(line.size for line in left) < memory.LEAST_BYTES, left[:5]
