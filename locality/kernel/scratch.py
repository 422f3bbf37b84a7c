"""Local arrays of a kernel as parameters, so that machine code needs no allocator."""

from __future__ import annotations

from dataclasses import replace

from locality.kernel import ir


def lift_arrays(function: ir.Function) -> tuple[ir.Function, tuple[ir.Allocate, ...]]:
    """The function with its local arrays as further parameters, and what these were: the head of its body."""
    allocations = tuple(stmt for stmt in function.body if isinstance(stmt, ir.Allocate))
    body = tuple(stmt for stmt in function.body if not isinstance(stmt, ir.Allocate))
    arrays = tuple(allocation.target for allocation in allocations)
    return replace(function, parameters=function.parameters + arrays, body=body), allocations
