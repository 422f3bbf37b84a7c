"""The two functions that numba's arrays are allocated by, for primitives that make arrays of their own.

numba has them in its runtime library, which is not there in a process that only links machine code. Here they are part
of it, over the C library's.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core.runtime.nrtdynmod import _meminfo_struct_type as _header

_WORD = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()

#: Bytes in front of an array's data, at least those of its header.
_ROOM = 64


def define_allocator(module: ir.Module) -> None:
    """Adds the functions to a module; they are dropped where nothing calls them."""
    malloc = ir.Function(module, ir.FunctionType(_BYTES, [_WORD]), "malloc")
    free = ir.Function(module, ir.FunctionType(ir.VoidType(), [_BYTES]), "free")
    _define_allocate(module, malloc)
    builder, [header] = _define(module, "NRT_MemInfo_call_dtor", ir.VoidType(), [_BYTES])
    builder.call(free, [header])
    builder.ret_void()


def _define_allocate(module: ir.Module, malloc: ir.Function) -> None:
    """A header with one owner, and the address of ``size`` bytes of data; NULL if there is no memory."""
    builder, [size, align] = _define(module, "NRT_MemInfo_alloc_aligned", _BYTES, [_WORD, ir.IntType(32)])
    align = builder.zext(align, _WORD)
    memory = builder.call(malloc, [builder.add(size, builder.add(align, _WORD(_ROOM)))])
    failed = builder.icmp_unsigned("==", memory, _BYTES(None))
    with builder.if_then(failed):
        builder.ret(_BYTES(None))
    last = builder.add(builder.ptrtoint(memory, _WORD), builder.add(align, _WORD(_ROOM - 1)))
    data = builder.inttoptr(builder.and_(last, builder.neg(align)), _BYTES)
    header = builder.bitcast(memory, _header.as_pointer())
    for position, value in enumerate((_WORD(1), _BYTES(None), _BYTES(None), data, size)):
        field = builder.gep(header, [ir.IntType(32)(0), ir.IntType(32)(position)])
        builder.store(value, field)
    builder.ret(memory)


def _define(module: ir.Module, name: str, result: Any, parameters: list[Any]) -> tuple[ir.IRBuilder, Any]:
    function = ir.Function(module, ir.FunctionType(result, parameters), name)
    function.linkage = "linkonce_odr"
    return ir.IRBuilder(function.append_basic_block()), function.args
