"""Running means, squared deviations and products of deviations: adding up those of parts."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Elements, Floats, Integer, Ints64, Ints64Rows


@jit
def fold_moments(
    integers: Ints64Rows,
    floats: Floats,
    at: Ints64,
    counts: Ints64,
    means: Floats,
    offsets: Ints64Rows,
    partitions: Ints64,
    groups: Elements,
) -> Integer:
    """Adds moments of the records of some partitions to those of their groups (Chan, Golub and LeVeque, 1983).

    integers, floats: the groups' cells, shape (slots, groups). at: the count's place in ``integers``, and the mean's in
    ``floats``, which the squares follow. counts: a row of the records; means: the row of the mean, and that of the
    squares after it. The rest is as in :func:`locality.kernel.primitives.hashing.fold_cells`.
    """
    count, mean = at[0], at[1]
    done = 0
    for c in range(offsets.shape[0]):
        start = offsets[c, partitions[0]]
        n = offsets[c, partitions[1]] - start
        for i in range(n):
            more = counts[start + i]
            if more > 0:
                group = np.uint64(groups[done + i])
                old = integers[count, group]
                total = old + more
                delta = means[0, start + i] - floats[mean, group]
                share = more / total
                floats[mean, group] += delta * share
                floats[mean + 1, group] += means[1, start + i]
                if old > 0:
                    floats[mean + 1, group] += delta * delta * old * share
                integers[count, group] = total
        done += n
    return done


@jit
def fold_comoments(
    integers: Ints64Rows,
    floats: Floats,
    at: Ints64,
    counts: Ints64,
    means: Floats,
    offsets: Ints64Rows,
    partitions: Ints64,
    groups: Elements,
) -> Integer:
    """The same for pairs: five rows of floats are both means, the products of deviations, and both squares."""
    count, mean = at[0], at[1]
    done = 0
    for c in range(offsets.shape[0]):
        start = offsets[c, partitions[0]]
        n = offsets[c, partitions[1]] - start
        for i in range(n):
            more = counts[start + i]
            if more > 0:
                group = np.uint64(groups[done + i])
                old = integers[count, group]
                total = old + more
                first = means[0, start + i] - floats[mean, group]
                second = means[1, start + i] - floats[mean + 1, group]
                share = more / total
                floats[mean, group] += first * share
                floats[mean + 1, group] += second * share
                for part in range(2, 5):
                    floats[mean + part, group] += means[part, start + i]
                if old > 0:
                    weight = old * share
                    floats[mean + 2, group] += first * second * weight
                    floats[mean + 3, group] += first * first * weight
                    floats[mean + 4, group] += second * second * weight
                integers[count, group] = total
        done += n
    return done
