"""What the parser makes of sqllogictest files."""

from __future__ import annotations

import pytest

from tests.slt.parser import (
    Condition,
    Directive,
    Loop,
    Query,
    Statement,
    SyntaxProblem,
    Unsupported,
    instance,
    parse,
    substitute,
)


def test_statements() -> None:
    text = """# a comment

statement ok
create table t (a int)

statement error
select 1 +
  'a'
----
Conversion
Error
"""
    assert parse(text) == (
        Statement(3, "create table t (a int)", "ok"),
        Statement(6, "select 1 +\n  'a'", "error", "Conversion\nError"),
    )


def test_an_error_needs_no_message() -> None:
    assert parse("statement error\nselect nope\n\nstatement maybe\nselect 1") == (
        Statement(1, "select nope", "error"),
        Statement(4, "select 1", "maybe"),
    )


@pytest.mark.parametrize(
    ("head", "types", "sort", "label"),
    [
        ("query I", "I", "nosort", ""),
        ("query IRT rowsort", "IRT", "rowsort", ""),
        ("query T valuesort same", "T", "valuesort", "same"),
        ("query T nosort label-7", "T", "nosort", "label-7"),
        ("query I same", "I", "nosort", "same"),
    ],
)
def test_heads_of_queries(head: str, types: str, sort: str, label: str) -> None:
    (query,) = parse(f"{head}\nselect 1\n----\n1\n2\n\n")
    assert query == Query(1, "select 1", types, sort, label, ("1", "2"), (3, 5))


def test_a_query_of_no_rows_and_one_without_expectation() -> None:
    empty, without = parse("query I\nselect 1 where false\n----\n\nquery I nosort x\nselect 1\n\n")
    assert isinstance(empty, Query) and isinstance(without, Query)
    assert empty.expected == ()
    assert without.expected is None


def test_spaces_and_carriage_returns_at_the_ends_of_lines() -> None:
    (query,) = parse("query I\r\nselect 1\r\n----\r\n1\r\n\r\n")
    assert isinstance(query, Query)
    assert (query.sql, query.expected) == ("select 1", ("1",))


def test_conditions_stand_before_one_record() -> None:
    first, second = parse("onlyif sqlite\nskipif locality\nstatement ok\nselect 1\n\nstatement ok\nselect 2\n")
    assert first.conditions == (Condition(True, "sqlite"), Condition(False, "locality"))
    assert second.conditions == ()


@pytest.mark.parametrize(
    ("condition", "admitted"),
    [
        (Condition(True, "duckdb"), True),
        (Condition(True, "DuckDB"), True),
        (Condition(True, "sqlite"), False),
        (Condition(False, "duckdb"), False),
        (Condition(False, "mysql"), True),
        (Condition(True, "i=2"), True),
        (Condition(True, "i=3"), False),
        (Condition(False, "i=2"), False),
    ],
)
def test_what_conditions_admit(condition: Condition, admitted: bool) -> None:
    assert condition.admits(frozenset({"duckdb", "locality"}), {"i": "2"}) is admitted


def test_loops_nest() -> None:
    text = """
loop i 0 2

foreach x a b

statement ok
insert into t values (${i}, '{x}')

endloop

endloop

statement ok
select 1
"""
    outer, after = parse(text)
    inner_statement = Statement(6, "insert into t values (${i}, '{x}')", "ok")
    assert outer == Loop(2, "i", ("0", "1"), (Loop(4, "x", ("a", "b"), (inner_statement,)),))
    assert isinstance(after, Statement)


def test_foreach_over_types() -> None:
    (loop,) = parse("foreach t <signed> !hugeint varchar\n\nendloop\n")
    assert isinstance(loop, Loop)
    assert loop.values == ("tinyint", "smallint", "integer", "bigint", "varchar")
    assert parse("foreach c <compression>\n\nendloop\n") == (Unsupported(1, "foreach over <compression>"),)


def test_variables_are_replaced_in_sql_and_expectation() -> None:
    (query,) = parse("query I\nselect ${x}, '{x}', x\n----\n${x}\n")
    assert isinstance(query, Query)
    found = instance(query, {"x": "7"})
    assert (found.sql, found.expected) == ("select 7, '7', x", ("7",))
    assert substitute("{a: 1}", {"x": "7"}) == "{a: 1}"


def test_directives() -> None:
    assert parse("require parquet\n\nmode skip\n\nhash-threshold 8\n\nhalt\n\ntags slow\n") == (
        Directive(1, "require", ("parquet",)),
        Directive(3, "mode", ("skip",)),
        Directive(5, "hash-threshold", ("8",)),
        Directive(7, "halt"),
    )


@pytest.mark.parametrize("name", ["restart", "load x.db", "concurrentloop i 0 10", "unheard of"])
def test_what_is_not_supported(name: str) -> None:
    assert parse(f"{name}\n") == (Unsupported(1, name.split()[0]),)


def test_named_connections_are_not_supported() -> None:
    text = "statement ok con1\nbegin\n\nquery I nosort con2\nselect 1\n----\n1\n"
    assert parse(text) == (Unsupported(1, "named connections"), Unsupported(4, "named connections"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("statement fine\nselect 1", "line 1: statement fine: ok, error or maybe"),
        ("\nstatement ok\n\n", "line 2: there is no SQL"),
        ("query\nselect 1", "line 1: query needs more words"),
        ("endloop", "line 1: endloop without loop"),
        ("loop i 0 3\n", "line 1: the loop has no endloop"),
        ("loop i 0\n\nendloop", "line 1: loop needs more words"),
    ],
)
def test_syntax_problems(text: str, problem: str) -> None:
    with pytest.raises(SyntaxProblem, match=problem):
        parse(text)
