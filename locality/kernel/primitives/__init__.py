"""Hand-written kernels by family, and the one registry of those that generated kernels may call.

They are plain Python and run as such. :mod:`locality.kernel.lowering` says of which Python machine code can be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from locality.kernel.ir import Array, Scalar
from locality.kernel.signature import Generic, GenericArray, Parameter, Primitive, generic

Family = list[Primitive]
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., object])


def jit(function: AnyFunction) -> AnyFunction:
    """Marks what is compiled, into the kernels that call it; see also :func:`locality.kernel.loader.primitive`."""
    return function


_I64, _F64, _BOOL = Scalar.I64, Scalar.F64, Scalar.BOOL
_BOOLS, _BYTES, _INTS32, _INTS64, _FLOATS = (Array(s) for s in (_BOOL, Scalar.U8, Scalar.I32, _I64, _F64))
_SIGNED = generic("T", (Scalar.I8, Scalar.I16, Scalar.I32, _I64))
_ANY = generic("V", Scalar)
_ELEMENTS = GenericArray(generic("T", Scalar))
_POSITIONS = GenericArray(generic("P", (Scalar.I32, _I64, Scalar.U16, Scalar.U32)))
_BOOLS_OR_BYTES = GenericArray(generic("B", (_BOOL, Scalar.U8)))


def _family(module: str, *primitives: tuple[str, tuple[Parameter, ...], Scalar | Generic, tuple[int, ...]]) -> Family:
    return [Primitive(name, module, parameters, result, writes) for name, parameters, result, writes in primitives]


def _of_integers(module: str, names: str, arguments: int) -> Family:
    """Functions of 64-bit integers alone, with an integer result."""
    return [Primitive(name, module, (_I64,) * arguments, _I64) for name in names.split()]


def _of_floats(module: str, names: str, arguments: int) -> Family:
    """Functions of doubles alone, with a double as result."""
    return [Primitive(name, module, (_F64,) * arguments, _F64) for name in names.split()]


_SELECTION = _family(
    "selection",
    ("choose", (_BOOL, _ANY, _ANY), _ANY, ()),
    ("compact", (_BOOLS, _I64, _POSITIONS), _I64, (2,)),
    ("count_true", (_BOOLS, _I64), _I64, ()),
    ("prefetch", (_ELEMENTS, _I64), _I64, ()),
    ("prefetch_lines", (_ELEMENTS, _I64, _I64, _I64), _I64, ()),
)
_BITMAP = _family(
    "bitmap",
    ("expand_validity", (_BYTES, _I64, _I64, _BOOLS_OR_BYTES), _I64, (3,)),
)
_RUNS = _family(
    "runs",
    ("find_run", (_INTS32, _I64), _I64, ()),
    ("expand_runs", (_INTS32, _ELEMENTS, _I64, _I64, _ELEMENTS), _I64, (4,)),
    ("select_runs", (_INTS64, _INTS32, _I64, *(_INTS32,) * 3, _I64, _I64, _INTS32, _INTS32), _I64, (8, 9)),
)
_FLOAT = _family(
    "floats",
    ("ordered_key", (_F64,), _I64, ()),
    ("sum_floats", (_FLOATS, _I64), _F64, ()),
)
_ROUNDING = _of_floats("rounding", "round_half_away round_half_even round_down round_up round_to_zero magnitude", 1)
_ELEMENTARY = _of_floats(
    "elementary",
    "square_root exponential natural_logarithm binary_logarithm decimal_logarithm sine cosine tangent arc_tangent",
    1,
) + _of_floats("elementary", "power float_remainder", 2)
_INTEGER = _family(
    "integers",
    ("trunc_div", (_SIGNED, _SIGNED), _SIGNED, ()),
    ("trunc_mod", (_SIGNED, _SIGNED), _SIGNED, ()),
    ("add_overflows", (_I64, _I64), _BOOL, ()),
    ("sub_overflows", (_I64, _I64), _BOOL, ()),
    ("mul_overflows", (_I64, _I64), _BOOL, ()),
    ("in_intervals", (_INTS64, _INTS64, _I64), _BOOL, ()),
) + _of_integers("integers", "floor_div floor_mod round_div mul_high", 2)
_HASHES = _of_integers("hashes", "hash_number", 1) + _of_integers(
    "hashes", "combine_hashes hash_remainder sketch_rank", 2
)
_SKETCHES = _family(
    "hashes",
    ("hash_string", (_BYTES, _I64, _I64), _I64, ()),
    ("weigh_registers", (_BYTES, _I64, _FLOATS, _FLOATS, _INTS64), _I64, (3, 4)),
)
_DATES = (
    _of_integers(
        "dates",
        "date_year date_month date_day date_quarter date_day_of_week date_iso_day_of_week date_day_of_year "
        "date_iso_year date_iso_week date_year_week date_decade date_trunc_week date_trunc_month "
        "date_trunc_quarter date_trunc_iso_year",
        1,
    )
    + _of_integers("dates", "date_hundreds date_trunc_years date_add_months days_in_month", 2)
    + _of_integers("dates", "date_from_civil", 3)
)
_TIMES = _of_integers(
    "times", "timestamp_days time_of_day time_hour time_minute time_second time_subminute trunc_to", 2
) + _of_integers("times", "timestamp_add_months", 3)
_STRING = (_BYTES, _I64, _I64)
_STRINGS = _family(
    "strings",
    ("string_compare", (*_STRING, _BYTES), _I64, ()),
    ("string_starts_with", (*_STRING, _BYTES), _BOOL, ()),
    ("string_like", (*_STRING, _BYTES, _BYTES), _BOOL, ()),
    ("string_length", _STRING, _I64, ()),
    ("pack_substring", (*_STRING, _I64, _I64), _I64, ()),
)
_SEARCH = _family(
    "search",
    ("like_block", (_BYTES, _INTS64, _I64, _I64, _BYTES, _INTS64, _BYTES, _BYTES, _BOOL, _BOOLS), _I64, (9,)),
    ("length_block", (_BYTES, _INTS64, _I64, _I64, _POSITIONS), _I64, (4,)),
) + _family(
    "folding",
    ("folded_like_block", (_BYTES, _INTS64, _I64, _I64, _BYTES, _INTS64, _BYTES, _BYTES, _BOOL, _BOOLS), _I64, (9,)),
)
_CELLS = GenericArray(generic("T", (_I64, _F64)), 2)
_ROWS, _REALS = Array(_I64, 2), Array(_F64, 2)
_TABLE = (Array(Scalar.U32), _ROWS, _INTS64)
_RECORDS = (_ROWS, _REALS, _ROWS)
_PARTS = (_ROWS, _INTS64, _INTS64)
_HASHING = _family(
    "hashing",
    ("number_groups", (_INTS64, _I64, *_TABLE, _INTS64), _I64, (2, 3, 4, 5)),
    ("flush_groups", (*_TABLE, _ROWS, _REALS, *_RECORDS, _I64, _I64), _I64, (0, 5, 6, 7)),
    ("number_records", (_INTS64, _ROWS, _I64, _INTS64, *_TABLE, _INTS64), _I64, (4, 5, 6, 7)),
    ("fold_cells", (_I64, _ELEMENTS, _ELEMENTS, *_PARTS), _I64, (1,)),
    ("fold_bits", (_I64, _INTS64, _INTS64, *_PARTS), _I64, (1,)),
    ("fill_slots", (_ROWS, _I64, Array(Scalar.U32)), _I64, (2,)),
)
_FOLDED = ((_ROWS, _REALS, _INTS64, _INTS64, _REALS, *_PARTS), _I64, (0, 1))
_MOMENTS = _family("moments", ("fold_moments", *_FOLDED), ("fold_comoments", *_FOLDED))
_GROUPS = _family(
    "groups",
    ("number_rows", (Array(_I64, 2), _I64, _INTS64), _I64, (2,)),
    ("keep_between", (Array(_I64, 2), _I64, _I64, _I64, _I64, _I64, _INTS64, _I64), _I64, (6,)),
    ("keep_rows", (_CELLS, _INTS64, _I64, _CELLS), _I64, (3,)),
)
_RANKS = _family(
    "ranks",
    ("has_member", (_INTS64, _I64), _BOOL, ()),
    ("find_rank", (_INTS64, _INTS32, _I64), _I64, ()),
    ("enter_members", (_INTS64, _INTS64, _INTS32), _I64, (1, 2)),
    ("find_ranks", (_INTS64, _INTS32, _INTS64, _INTS64), _I64, (3,)),
    ("group_rows", (_INTS64, _INTS32, _INTS32), _I64, (1, 2)),
    ("count_matches", (_INTS64, _INTS32, _I64), _I64, ()),
    ("write_matches", (_INTS64, _INTS32, _INTS32, _I64, _INTS64, _INTS64), _I64, (4, 5)),
)
_LOOKUPS = _family(
    "lookups",
    ("mark_steps", (_INTS64, _ELEMENTS, Array(Scalar.U16), _INTS64, _INTS64, _BOOLS), _I64, (5,)),
    ("find_in_runs", (_ELEMENTS, _INTS64, _I64, _I64, _INTS64, _INTS64), _I64, (4, 5)),
)
_DOMINANCE = _family(
    "dominance",
    ("count_late", (_INTS64,) * 5, _I64, (3, 4)),
    ("write_late", (_INTS64,) * 8, _I64, (3, 4, 7)),
)
_SLOTS = _family(
    "slots",
    ("mix_word", (_I64, _I64), _I64, ()),
    ("may_have", (_INTS64, _I64), _BOOL, ()),
    ("enter_hints", (_INTS64, Array(_I64, 2), _INTS64), _I64, (2,)),
    ("find_numbers", (_INTS64, _I64, _INTS64, _INTS64), _I64, (3,)),
    ("enter_numbers", (_INTS64, _I64, _I64, _INTS64, _INTS64), _I64, (3, 4)),
    ("find_words", (_INTS64, _I64, _INTS64, Array(_I64, 2), _INTS64), _I64, (4,)),
    ("enter_words", (Array(_I64, 2), _I64, _I64, _INTS64, _INTS64), _I64, (3, 4)),
)
_WORDS, _WORDS32 = Array(Scalar.U64), Array(Scalar.U32)
_TEXTS = _family(
    "texts",
    ("enter_texts", (_BYTES, _INTS64, _INTS64, _INTS64), _I64, (2, 3)),
    ("hash_texts", (_BYTES, _INTS64, _I64, _I64, _WORDS, _INTS64, _INTS64), _I64, (4, 5, 6)),
    (
        "deal_texts",
        (_BYTES, _INTS64, _I64, _I64, _WORDS, _INTS64, _INTS64, Array(_I64, 2), _BYTES),
        _I64,
        (5, 6, 7, 8),
    ),
    (
        "number_texts",
        (_BYTES, _I64, Array(_I64, 2), _WORDS32, _INTS64, _WORDS32, _POSITIONS),
        _I64,
        (3, 4, 5, 6),
    ),
    ("place_numbers", (_WORDS32, _I64, Array(_I64, 2), _WORDS32), _I64, (3,)),
    ("find_texts", (_BYTES, _INTS64, _INTS64, _I64, _INTS64, _BYTES, _INTS64, _INTS64), _I64, (7,)),
    ("leading_texts", (_BYTES, _INTS64, _BOOLS, _INTS64, _BOOL, _INTS64), _I64, (5,)),
)
_PLACES = (_BYTES, _INTS64, _INTS64)
_SPELLING = _family(
    "spelling",
    ("spell_numbers", (_ELEMENTS, _I64, _BYTES, _INTS64), _I64, (2, 3)),
    ("spell_times", (_ELEMENTS, _I64, _BYTES, *_PLACES[:2], _I64, _BYTES, _INTS64), _I64, (6, 7)),
)
_SUBSTRINGS = _family(
    "substrings",
    ("spill_text", (_BYTES, _I64, _I64, _BYTES, _I64), _I64, (3,)),
    ("reverse_texts", (*_PLACES, _BYTES), _I64, (3,)),
    ("strip_spaces", (*_PLACES, _BOOL, _BOOL), _I64, (1, 2)),
    ("find_in_texts", (*_PLACES, _BYTES, _INTS64), _I64, (4,)),
    ("part_of_texts", (*_PLACES, _BYTES, _I64, _BOOLS), _I64, (1, 2, 5)),
    ("count_parts", (*_PLACES, _BYTES), _I64, ()),
    ("write_parts", (*_PLACES, _BYTES, _INTS64, _INTS64, _INTS64), _I64, (4, 5, 6)),
    ("pad_texts", (*_PLACES, _I64, _BYTES, _BOOL, _BYTES), _I64, (6,)),
)
_KEYS = _family(
    "keys",
    ("add_digits", (_ELEMENTS, _BYTES, _I64, _INTS64, _INTS64), _I64, (4,)),
    ("add_floats", (_ELEMENTS, _BYTES, _I64, _I64, _INTS64), _I64, (4,)),
)
_WINDOWS = _family(
    "windows",
    ("find_spans", (_BOOLS, _INTS64, _INTS64), _I64, (1, 2)),
    ("search_spans", (_INTS64, _INTS64, _INTS64, _INTS64, _BOOL, _INTS64), _I64, (5,)),
    ("build_sums", (_FLOATS,), _I64, (0,)),
    ("sum_frames", (_FLOATS, _INTS64, _INTS64, _FLOATS), _I64, (3,)),
    ("build_minima", (_INTS64, _INTS64), _I64, (1,)),
    ("minimum_frames", (_INTS64, _INTS64, _INTS64, _INTS64, _INTS64), _I64, (4,)),
)
_SORTING = _family(
    "sorting",
    ("count_buckets", (_WORDS, _I64, _I64, _INTS64), _I64, (3,)),
    ("count_numbers", (_WORDS32, _INTS64), _I64, (1,)),
    ("deal_values", (_WORDS32, _ELEMENTS, _INTS64, _ELEMENTS), _I64, (2, 3)),
    ("deal_words", (_WORDS, _I64, _I64, _INTS64, _INTS64, _I64, _WORDS, _POSITIONS), _I64, (4, 6, 7)),
    ("deal_digits", (_WORDS, _I64, _I64, _INTS64, _WORDS), _I64, (3, 4)),
    ("keep_leading", (_WORDS, _WORDS, _I64, _WORDS, _BOOLS), _I64, (3, 4)),
    ("leading_rows", (_WORDS, _BOOLS, _INTS64, _INTS64), _I64, (3,)),
    ("text_words", (_BYTES, _INTS64, _INTS64, _I64, _WORDS), _I64, (4,)),
)

PRIMITIVES: Mapping[str, Primitive] = {
    primitive.name: primitive
    for family in (
        *(_SELECTION, _BITMAP, _RUNS, _FLOAT, _ROUNDING, _ELEMENTARY, _INTEGER, _HASHES, _SKETCHES),
        *(_DATES, _TIMES, _STRINGS, _SEARCH, _HASHING, _MOMENTS, _GROUPS, _RANKS, _LOOKUPS, _DOMINANCE, _SLOTS),
        *(_TEXTS, _SPELLING, _SUBSTRINGS, _KEYS),
        *(_WINDOWS, _SORTING),
    )
    for primitive in family
}
"""Every primitive that a kernel may call, by its name."""
