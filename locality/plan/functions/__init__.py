"""Scalar functions that kernels compute row by row, by family; the registry is the tuple of families below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from locality.plan.functions import arithmetic, comparison, logic
from locality.plan.functions.base import Function

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {function.name: function for family in (arithmetic, comparison, logic) for function in family.FUNCTIONS}
)
