"""Scalar functions that kernels compute row by row, by family; the registry is the tuple of families below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from locality.plan.functions import (
    arithmetic,
    bits,
    comparison,
    date_difference,
    date_parts,
    date_trunc,
    elementary,
    hashes,
    logic,
    rounding,
    time_bucket,
)
from locality.plan.functions.base import Function

_FAMILIES = (
    *(arithmetic, rounding, elementary, bits, hashes, comparison, logic),
    *(date_parts, date_trunc, date_difference, time_bucket),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {function.name: function for family in _FAMILIES for function in family.FUNCTIONS}
)
