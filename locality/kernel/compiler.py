"""Compiles kernels: the printed function becomes LLVM's code, which becomes an object file.

What the kernel is called through, its entry, belongs to the same code: see :mod:`locality.kernel.native`.

There are two tiers, after Kohn, Leis and Neumann, "Adaptive Execution of Compiled Queries" (2018). A kernel is
compiled quickly at first: some milliseconds, linear in its length, for code that takes about three times as long to
run. One that runs for long is optimised meanwhile (:mod:`locality.kernel.machinecode`), which takes some tens of times
as long; long kernels with less effort, without what takes LLVM more than linear time.
Both compute the same to the last bit: nothing is left to LLVM that floating point does not allow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm

from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.kernel.lowering.module import module_text
from locality.kernel.native import Effort, scratch_offsets, target_machine


def optimised(
    function: ir.Function, python: Callable[..., Any], allocations: Sequence[ir.Allocate], effort: Effort
) -> llvm.ModuleRef:
    """LLVM's code of ``function`` and its entry.

    python: the function as Python read it from its text.
    allocations: the local arrays, which are the last of the function's parameters.
    """
    offsets = scratch_offsets([(_element(allocation), allocation.length) for allocation in allocations])
    places = [(offset, allocation.length) for offset, allocation in zip(offsets, allocations, strict=False)]
    text = module_text(python, [parameter.type for parameter in function.parameters], places)
    return optimised_text(text, effort)


def optimised_text(text: str, effort: Effort = Effort.FULL) -> llvm.ModuleRef:
    """The module that LLVM makes of its text, optimised for this processor; see :func:`optimised`."""
    machine = target_machine()
    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=effort.value)
    options.loop_vectorization = effort is Effort.FULL
    options.loop_unrolling = False  # a fifth of the time, for nothing that can be measured; short loops are marked
    builder = llvm.create_pass_builder(machine, options)
    if effort is Effort.QUICK:
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()  # names live in registers
    else:
        passes = builder.getModulePassManager()
    passes.run(module, builder)
    return module


def object_code(module: llvm.ModuleRef, effort: Effort = Effort.FULL) -> bytes:
    """The symbols that an object file of the code needs, a line break, and the file."""
    needed = " ".join(f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm."))
    code: bytes = target_machine(effort).emit_object(module)
    return needed.encode() + b"\n" + code


def _element(allocation: ir.Allocate) -> Scalar:
    assert isinstance(allocation.target.type, Array)
    return allocation.target.type.element
