"""Plans of DuckDB 1.5, in the form that 2.0 gives them.

1.5 has classes of their own for comparisons, casts and BETWEEN, which are calls in 2.0; plain names of functions, which
are qualified in 2.0; and filters of a scan by the number of the table's column, which go by the place among the columns
read in 2.0. What is left of a correlated subquery is a join whose one side reads the distinct values of the other
(``DELIM_JOIN`` and ``DELIM_GET``); 2.0 says so with a materialised common table expression. The tokenizer of 1.5 leaves
comments in the tokens before them, or out of all, where that of 2.0 makes tokens of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from locality.errors import Unsupported

_Json = dict[str, Any]
_BOOLEAN: _Json = {"id": "BOOLEAN", "type_info": None}
_CALLS = frozenset({"BOUND_FUNCTION", "BOUND_AGGREGATE", "BOUND_WINDOW"})


def rewrite(data: _Json) -> _Json:
    """One object of the JSON, whose parts were rewritten before it."""
    if (kind := data.get("expression_class")) is not None:
        return _EXPRESSIONS[kind](data) if kind in _EXPRESSIONS else data
    if data.get("class") == "FUNCTION":
        return {"arguments": data.pop("children"), **data}
    if isinstance(kind := data.get("type"), str):
        return _OPERATORS[kind](data) if kind in _OPERATORS else data
    if data.get("id") == "STRUCT":
        return _tuple(data)
    return data


# --- expressions


def _named(data: _Json) -> _Json:
    """A call, by the name of its function; most window functions have none but their type."""
    return {**data, "qname": {"path": [data["name"]]}} if "name" in data else data


def _call(data: _Json, name: str, children: Sequence[_Json], **more: Any) -> _Json:
    return {
        **{key: data[key] for key in ("type", "alias", "query_location")},
        "expression_class": "BOUND_FUNCTION",
        "children": list(children),
        "qname": {"path": [name]},
        **more,
    }


def _cast(data: _Json) -> _Json:
    options = {"try_cast": data["try_cast"]}
    return _call(data, "__cast", [data["child"]], function_data=options, return_type=data["return_type"])


def _comparison(data: _Json) -> _Json:
    return _call(data, data["type"], [data["left"], data["right"]], return_type=_BOOLEAN)


def _between(data: _Json) -> _Json:
    ends = {key: data[key] for key in ("lower_inclusive", "upper_inclusive")}
    parts = [data["input"], data["lower"], data["upper"]]
    return _call(data, "__between", parts, function_data=ends, return_type=_BOOLEAN)


def _tuple(data: _Json) -> _Json:
    """A row of values, which is a STRUCT without names in 1.5."""
    fields = (data["type_info"] or {}).get("child_types") or ()
    return {**data, "id": "TUPLE"} if fields and not any(field["first"] for field in fields) else data


_EXPRESSIONS: dict[str, Callable[[_Json], _Json]] = {
    **dict.fromkeys(_CALLS, _named),
    "BOUND_CAST": _cast,
    "BOUND_COMPARISON": _comparison,
    "BOUND_BETWEEN": _between,
}


# --- operators


def _scan(data: _Json) -> _Json:
    places = {column["index"]: place for place, column in enumerate(data["column_indexes"])}
    filters = [{**entry, "key": places[entry["key"]]} for entry in data["table_filters"]["filters"]]
    ordinality = "WITHOUT_ORDINALITY" if data["ordinality_idx"] == _NONE else "WITH_ORDINALITY"
    return {**_named(data), "table_filters": {"filters": filters}, "source_ordinality": ordinality}


def _comparison_join(data: _Json) -> _Json:
    if data.get("predicate") is None:
        return data
    if data["left_projection_map"] or data["right_projection_map"] or data["join_type"] != "INNER":
        raise Unsupported("join by an expression over some of its columns")
    return {**data, "conditions": [*data["conditions"], {"left": data["predicate"], "right": None}]}


def _delim_join(data: _Json) -> _Json:
    """The side whose distinct values are read becomes a common table expression, which both sides read."""
    outer, inner = reversed(data["children"]) if data["delim_flipped"] else data["children"]
    distinct_of = data["duplicate_eliminated_columns"]
    join = {**data, "type": "LOGICAL_COMPARISON_JOIN", "duplicate_eliminated_columns": []}
    index = next(_reads(inner), None)
    if index is None:
        return _comparison_join(join)
    again = _reading(index)
    inner = _without_reads(inner, _distinct(again, distinct_of))
    join["children"] = [inner, again] if data["delim_flipped"] else [again, inner]
    return {"type": "LOGICAL_MATERIALIZED_CTE", "table_index": index, "children": [outer, _comparison_join(join)]}


def _reads(data: _Json) -> Iterator[int]:
    """The table numbers of reads that belong to the join above ``data``: those of joins below it are gone."""
    if data["type"] == "LOGICAL_DELIM_GET":
        yield data["table_index"]
    for child in data["children"]:
        yield from _reads(child)


def _without_reads(data: _Json, instead: _Json) -> _Json:
    if data["type"] == "LOGICAL_DELIM_GET":
        return {**instead, "group_index": data["table_index"], "aggregate_index": None}
    return {**data, "children": [_without_reads(child, instead) for child in data["children"]]}


def _reading(index: int) -> _Json:
    return {"type": "LOGICAL_CTE_REF", "children": [], "table_index": index, "cte_index": index, "is_recurring": False}


def _distinct(data: _Json, columns: Sequence[_Json]) -> _Json:
    return {
        "type": "LOGICAL_AGGREGATE_AND_GROUP_BY",
        "children": [data],
        "groups": list(columns),
        "expressions": [],
        "grouping_sets": [],
        "grouping_functions": [],
    }


def _table(data: _Json) -> _Json:
    path = [data.get(key) for key in ("catalog", "schema", "table")]
    return {**data, "qualified_name": {"path": path}}


def _insert(data: _Json) -> _Json:
    """The values in the order of the table's columns, and NULL for others: a store keeps no defaults."""
    places = data["column_index_map"]["internal_vector"]
    if not places:
        return data
    columns = zip(places, data["bound_defaults"], strict=True)
    values = [
        default if place == _NONE else _reference(place, data["expected_types"][place]) for place, default in columns
    ]
    rows = {"type": "LOGICAL_PROJECTION", "children": data["children"], "expressions": values}
    return {**data, "column_index_map": {"internal_vector": []}, "children": [rows]}


def _reference(index: int, dtype: _Json) -> _Json:
    return {"expression_class": "BOUND_REF", "type": "BOUND_REF", "index": index, "return_type": dtype}


#: DuckDB's number of what is not there.
_NONE = 2**64 - 1
_OPERATORS: dict[str, Callable[[_Json], _Json]] = {
    "LOGICAL_GET": _scan,
    "LOGICAL_COMPARISON_JOIN": _comparison_join,
    "LOGICAL_ASOF_JOIN": _comparison_join,
    "LOGICAL_DELIM_JOIN": _delim_join,
    "LOGICAL_INSERT": _insert,
    "TABLE_ENTRY": _table,
    "LOGICAL_RECURSIVE_CTE": lambda data: {**data, "payload_aggregates": []},
}


# --- text

#: Where a comment begins, or a string or quoted name as a whole, in which none does.
_QUOTED = re.compile(
    rb"""
    (?<![\w\x80-\xff]) e'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | "(?:""|[^"])*"
    | (?<![\w$\x80-\xff]) \$(?P<tag>|[a-z_\x80-\xff][\w\x80-\xff]*)\$ .*? \$(?P=tag)\$
    | (?P<line>--[^\r\n]*) | (?P<block>/\*)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_BLOCK_ENDS = re.compile(rb"/\*|\*/")


def uncommented(text: bytes) -> bytes:
    """A text with blanks in the place of its comments."""
    parts, start = [], 0
    while found := _QUOTED.search(text, start):
        stop = _block_end(text, found.end()) if found["block"] else found.end()
        is_comment = found["block"] or found["line"] is not None
        parts += [text[start : found.start()], b" " * (stop - found.start()) if is_comment else found[0]]
        start = stop
    return b"".join([*parts, text[start:]])


def _block_end(text: bytes, start: int) -> int:
    """Where the comment ends that began before ``start``, with those inside it."""
    depth = 1
    for found in _BLOCK_ENDS.finditer(text, start):
        depth += 1 if found[0] == b"/*" else -1
        if depth == 0:
            return found.end()
    return len(text)
