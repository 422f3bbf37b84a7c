"""Strings that kernels choose among: constants, and codes of several dictionaries brought to one."""

from __future__ import annotations

import numpy as np

from locality.encodings import merge_dictionaries
from locality.encodings.column import Dictionary
from locality.encodings.dictionaries import dictionary_of
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.parameters import Parameters
from locality.operators.codegen.text import pack
from locality.plan.expressions import Constant
from locality.plan.functions.base import Value
from locality.types import to_arrow

#: Merging larger dictionaries takes longer than DuckDB does for the whole query.
_MOST_ENTRIES = 1 << 17


def string_constant(constant: Constant) -> Value:
    """A string as the only entry of a dictionary of its own; NULL has an empty one."""
    entries = [constant.value] if isinstance(constant.value, str | bytes) else []
    dictionary = dictionary_of(entries, to_arrow(constant.type))
    return Value(b.const_i64(0), None if entries else ir.Const(False, Scalar.BOOL), dictionary=dictionary)


def unify_strings(parameters: Parameters, left: Value, right: Value) -> tuple[Value, Value]:
    """Both strings as codes of one dictionary, or both packed; raises Unsupported if they can't be made comparable."""
    if left.packed or right.packed:
        return _packed(parameters, left), _packed(parameters, right)
    ours, theirs = left.dictionary, right.dictionary
    if not isinstance(ours, Dictionary) or not isinstance(theirs, Dictionary):
        raise Unsupported("a string beside a value of another type")
    if ours.key == theirs.key:
        return left, right
    if ours.values.type != theirs.values.type or len(ours) + len(theirs) > _MOST_ENTRIES:
        raise Unsupported("a choice between strings of large dictionaries")
    merged, (our_codes, their_codes) = merge_dictionaries([ours, theirs])
    return (
        _recoded(parameters, left, ours, merged, our_codes),
        _recoded(parameters, right, theirs, merged, their_codes),
    )


def _packed(parameters: Parameters, value: Value) -> Value:
    """A constant as the integer of its few bytes."""
    if value.packed:
        return value
    if not isinstance(value.dictionary, Dictionary) or len(value.dictionary) > 1:
        raise Unsupported("a raw string beside strings of a dictionary")
    word = pack(value.dictionary.values[0].as_py()) if len(value.dictionary) else 0
    return Value(parameters.integer(("constant", word), lambda segment: word), value.valid, packed=True)


def _recoded(
    parameters: Parameters, value: Value, old: Dictionary, new: Dictionary, codes: np.typing.NDArray[np.int32]
) -> Value:
    # a code under NULL may be 0 in a dictionary without entries
    table = codes if len(codes) else np.zeros(1, dtype=np.int32)
    array = parameters.array(("recoded", old.key, new.key), Array(Scalar.I32), lambda segment: table)
    return Value(b.convert(b.load(array, value.expr), Scalar.I64), value.valid, dictionary=new)
