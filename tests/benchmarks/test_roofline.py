"""The probe's points: every kind, thread and working set, with the cache that holds it."""

from __future__ import annotations

import pytest

from locality._suites.benchmarks import roofline


def test_every_kind_has_a_point_for_each_working_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "WORKING_SETS", (2**14, 2**20))
    monkeypatch.setattr(roofline, "_DISK_BYTES", 2**22)
    monkeypatch.setattr(roofline, "_RUN_BYTES", 2**20)
    monkeypatch.setattr(roofline, "_ACCESSES", 2**12)
    points = roofline.measure([1, 2])
    memory = [point for point in points if point.kind != "disk"]
    assert [(point.kind, point.threads, point.working_set) for point in memory] == [
        (kind, threads, size) for kind in ("read", "write", "random") for threads in (1, 2) for size in (2**14, 2**20)
    ]
    assert all(1e6 < point.bytes_per_second < 1e14 for point in points)


def test_the_kernels_do_what_they_say() -> None:
    import numpy as np

    kernels = roofline._kernels()
    values = np.arange(10)
    places = np.array([3, 3, 9], np.int32)
    assert kernels["read"](values, places, 1) == 45
    assert kernels["read"](values, places, 2) == 45 + sum(i ^ 1 for i in range(10))
    assert kernels["random"](values, places, 1) == 15
    kernels["write"](values, places, 2)
    assert values.tolist() == [i ^ 1 for i in range(10)]


def test_levels() -> None:
    caches = {"L1": 32 << 10, "L2": 1 << 20}
    assert [roofline.level_of(size, caches) for size in (2**14, 2**20, 2**21)] == ["L1", "L2", "memory"]
    assert roofline.level_of(1, {}) == "memory"
    assert all(name.startswith("L") and size > 0 for name, size in roofline.cache_sizes().items())
