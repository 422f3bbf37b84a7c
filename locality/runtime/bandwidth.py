"""The machine's read bandwidth: what the bytes that a query moved are held against.

It is measured once, by summing an array much larger than the caches, and kept in the user's cache directory. Only
EXPLAIN ANALYZE, the benchmarks and ``profile.share`` ask for it; a plain query never does.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILE = "bandwidth.json"
_ARRAY_BYTES = 256 * 2**20
_CHUNK_BYTES = 4 * 2**20
_RUNS = 9


@cache
def measured_read_bandwidth(threads: int) -> float:
    """Bytes a second that ``threads`` threads together read from memory, sequentially.

    The first call on a machine takes about half a second; later ones read the stored figure. A directory that can't be
    written to costs only the next process a new measurement.
    """
    path = _cache_file()
    key = f"{platform.node()}/{platform.machine()}/{os.cpu_count()} cores/{threads} threads"
    known = _read(path)
    if key not in known:
        known[key] = measure_read_bandwidth(threads)
        _write(path, known)
    return known[key]


def measure_read_bandwidth(threads: int, array_bytes: int = _ARRAY_BYTES, runs: int = _RUNS) -> float:
    """Measure now: the fastest of ``runs`` passes over ``array_bytes`` bytes, in bytes a second.

    The fastest, because whatever else runs meanwhile only takes bandwidth away: the figure is what the machine can do.
    """
    import numpy as np

    total = _summer()
    array = np.ones(array_bytes // 8, np.int64)
    step = _CHUNK_BYTES // 8
    chunks = [array[start : start + step] for start in range(0, len(array), step)]
    shares = [chunks[i::threads] for i in range(threads)]
    total(array[:1])  # compile before the clock runs
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(runs):
            started = time.perf_counter()
            list(pool.map(lambda share: [total(chunk) for chunk in share], shares))
            seconds.append(time.perf_counter() - started)
    return array.nbytes / min(seconds)


def _summer() -> Callable[[NDArray[np.int64]], int]:
    """A compiled sum that releases the GIL and vectorises."""
    from locality.kernel import builder as b
    from locality.kernel.ir import Array, Scalar
    from locality.kernel.loader import load

    builder = b.Builder()
    values, count = builder.parameter(Array(Scalar.I64)), builder.parameter(Scalar.I64)
    result = builder.assign(b.const_i64(0))
    with builder.loop(count) as i:
        builder.set(result, b.add(result, b.load(values, i)))
    loaded = load(builder.build(result), "The sum of an array.")
    loaded.optimise()
    kernel = loaded.compiled
    return lambda array: kernel(array, len(array))


def _cache_file() -> Path:
    import platformdirs

    root = os.environ.get("LOCALITY_CACHE_DIR") or platformdirs.user_cache_dir("locality", appauthor=False)
    return Path(root) / _FILE


def _read(path: Path) -> dict[str, float]:
    """The stored figures; none if there is no file or it is not ours."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(stored, dict):
        return {}
    return {key: float(value) for key, value in stored.items() if isinstance(value, int | float) and value > 0}


def _write(path: Path, figures: dict[str, float]) -> None:
    """Replace the file atomically; a cache that can't be written is not an error."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
        Path(file.name).replace(path)
    except OSError:
        return
