"""The choice of a column's encoding: every one that could hold it with its size in bytes, and the least of them.

Three rules go before the least size, since codes also cost time to read and are worth something by themselves:

- runs must save three quarters of what the best other encoding takes, for they have to be expanded;
- strings whose distinct values are few get a dictionary even where text is no larger, for codes compare, group and join
  as integers; those with more distinct values than a quarter of the rows never do;
- an encoding that saves nothing over one listed before it is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locality.encodings.base import EncodingSpec
from locality.encodings.canonical import is_fixed, plain_dtype
from locality.encodings.column import Dictionary
from locality.types import DataType, Domain

#: A dictionary of up to this many entries is taken for any number of rows.
SMALL_DICTIONARY = 4096

#: A larger one is taken for at least this many rows an entry.
ROWS_PER_ENTRY = 4

#: Runs are taken where they need at most one part in this many of the best other encoding.
RUN_GAIN = 4

#: Who multiplies codes does so by an int64.
_MOST_FACTOR = 2**63 - 1

_OFFSET_BYTES = 8
_RUN_END_BYTES = 4


@dataclass(frozen=True, eq=False)
class ColumnProfile:
    """What the choice is made from: facts about all values of a column.

    minimum, maximum: exact bounds of INTEGER values; None if there are none.
    factor: the greatest common divisor of ``value - minimum`` over INTEGER values; 1 where unknown, 0 if all are equal.
    runs: stretches of equal values, NULLs being equal to each other; as many as rows where unknown.
    wide: some value does not fit a signed 64-bit integer (DECIMAL, UBIGINT).
    constant: the one FLOAT that every value is, bit for bit; None if there is none.
    dictionary: all distinct strings; None if they are too many to have been gathered.
    text_bytes: bytes of all strings.
    """

    type: DataType
    rows: int
    nulls: int = 0
    minimum: int | None = None
    maximum: int | None = None
    factor: int = 1
    runs: int | None = None
    wide: bool = False
    constant: float | None = None
    dictionary: Dictionary | None = None
    text_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Candidate:
    """An encoding that can hold a column, and the bytes that the whole column takes under it, without validity."""

    spec: EncodingSpec
    size: int


def choose(profile: ColumnProfile) -> EncodingSpec:
    """The encoding for all segments of a column."""
    found = candidates(profile)
    unrolled = min((c for c in found if c.spec.encoding != "rle"), key=lambda c: c.size)
    runs = next((c for c in found if c.spec.encoding == "rle"), None)
    if runs is not None and runs.size * RUN_GAIN <= unrolled.size:
        return runs.spec
    return unrolled.spec


def candidates(profile: ColumnProfile) -> list[Candidate]:
    """Every encoding that may be taken for a column, simple ones first."""
    if profile.nulls == profile.rows and is_fixed(profile.type):
        return [Candidate(EncodingSpec(profile.type, "constant"), 0)]
    match profile.type.domain:
        case Domain.INTEGER if profile.wide:
            return _wide(profile)
        case Domain.INTEGER:
            return _integers(profile)
        case Domain.FLOAT:
            return _floats(profile)
        case Domain.STRING:
            return _strings(profile)
        case Domain.WIDE if profile.type.name == "HUGEINT":
            return _wide(profile)
        case _:
            return [Candidate(EncodingSpec(profile.type, "opaque"), 0)]


def _integers(profile: ColumnProfile) -> list[Candidate]:
    dtype, rows = profile.type, profile.rows
    if profile.minimum is None or profile.maximum is None:
        raise ValueError(f"a column of {dtype} with values needs their bounds")
    base, span = profile.minimum, profile.maximum - profile.minimum
    if span == 0:
        return [Candidate(EncodingSpec(dtype, "constant", base=base), 0)]
    plain, narrow = plain_dtype(dtype), _code(span)
    found = [
        Candidate(EncodingSpec(dtype, "plain", code=plain.name), rows * plain.itemsize),
        Candidate(EncodingSpec(dtype, "frame", base=base, code=narrow.name), rows * narrow.itemsize),
    ]
    factor = 1
    if 1 < profile.factor <= _MOST_FACTOR and _code(span // profile.factor).itemsize < narrow.itemsize:
        factor, narrow = profile.factor, _code(span // profile.factor)
        spec = EncodingSpec(dtype, "scaled", base=base, factor=factor, code=narrow.name)
        found.append(Candidate(spec, rows * narrow.itemsize))
    return found + _runs(profile, EncodingSpec(dtype, "rle", base=base, factor=factor, code=narrow.name))


def _wide(profile: ColumnProfile) -> list[Candidate]:
    code = "uint64" if profile.type.name == "UBIGINT" else "limbs"
    spec = EncodingSpec(profile.type, "plain", code=code)
    return [Candidate(spec, profile.rows * spec.code_bytes)]


def _floats(profile: ColumnProfile) -> list[Candidate]:
    if profile.constant is not None:
        return [Candidate(EncodingSpec(profile.type, "constant", value=profile.constant), 0)]
    spec = EncodingSpec(profile.type, "plain", code=plain_dtype(profile.type).name)
    return [Candidate(spec, profile.rows * spec.code_bytes)]


def _strings(profile: ColumnProfile) -> list[Candidate]:
    dtype, rows, dictionary = profile.type, profile.rows, profile.dictionary
    text = Candidate(EncodingSpec(dtype, "text"), rows * _OFFSET_BYTES + profile.text_bytes)
    if dictionary is None or len(dictionary) > max(SMALL_DICTIONARY, rows // ROWS_PER_ENTRY):
        return [text]
    if len(dictionary) == 1:
        return [Candidate(EncodingSpec(dtype, "constant", dictionary=dictionary), 0)]
    spec = EncodingSpec(dtype, "dictionary", code=_code(len(dictionary) - 1).name, dictionary=dictionary)
    coded = Candidate(spec, rows * spec.code_bytes + dictionary.values.nbytes)
    runs = _runs(profile, EncodingSpec(dtype, "rle", code=spec.code, dictionary=dictionary))
    if len(dictionary) <= SMALL_DICTIONARY:
        return [coded, *runs]
    return [text, coded, *runs]


def _runs(profile: ColumnProfile, spec: EncodingSpec) -> list[Candidate]:
    """Run-length codes, for a column without NULLs: Arrow's run-ends have no validity of their own."""
    if profile.nulls or profile.runs is None:
        return []
    entries = spec.dictionary.values.nbytes if spec.dictionary is not None else 0
    return [Candidate(spec, profile.runs * (_RUN_END_BYTES + spec.code_bytes) + entries)]


def _code(greatest: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest unsigned dtype for codes 0 to ``greatest``."""
    return np.min_scalar_type(greatest)
