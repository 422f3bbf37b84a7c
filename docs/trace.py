"""Follows one query through the rooms and prints what each makes of it, as docs/life-of-a-query.md shows it.

python docs/trace.py STORE "select ..."
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from locality.errors import Unsupported
from locality.optimizer import optimize
from locality.plan.expressions import AggregateCall, Case, Cast, ColumnRef, Constant, Expression, Lookup
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort, inputs_of
from locality.runtime.statistics import StoredStatistics
from locality.sql.planner import Planner
from locality.storage.store import Store


def main(path: str, sql: str) -> None:
    """Print the plan, the operators, the kernels and the answer of ``sql`` over the store at ``path``."""
    with Store.open(path, create=False) as store:
        tables = store.snapshot().tables
        planner = Planner()
        planner.sync({name: [(column.name, column.type) for column in table.columns] for name, table in tables.items()})
        try:
            query = planner.plan(sql, None)
        except Unsupported as reason:
            print(f"DuckDB answers this query: {reason}")
            return
        finally:
            planner.close()
        _print("the plan, decoded", _node(query.root))
        optimized = optimize(query.root, StoredStatistics(tables))
        same = optimized == query.root
        _print("the plan, optimized", "(nothing changes)" if same else _node(optimized))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["LOCALITY_CACHE_DIR"] = cache
        _run(path, sql, Path(cache) / "kernels")


def _run(path: str, sql: str, kernels: Path) -> None:
    import locality

    with locality.connect(path, read_only=True) as connection:
        _print("the operators", str(connection.explain(sql)))
        answer = connection.sql(sql)
        for file in sorted(kernels.glob("*.py")):
            _print("a kernel", file.read_text(encoding="utf-8"))
        _print("the answer", answer.to_text())
        _print("the ledger of a second run", str(connection.explain(sql, analyze=True)))


def _print(title: str, text: str) -> None:
    print(f"--- {title}\n\n{text.rstrip()}\n")


def _node(node: Node, depth: int = 0) -> str:
    indent = "  " * depth
    match node:
        case Scan(table, columns, types):
            return f"{indent}Scan {table} columns {', '.join(f'{c} {t}' for c, t in zip(columns, types, strict=True))}"
        case Filter(_, predicate):
            line = f"Filter {_text(predicate)}"
        case Project(_, expressions):
            line = f"Project {', '.join(map(_text, expressions))}"
        case Aggregate(_, groups, aggregates):
            line = (
                f"Aggregate by {', '.join(map(_text, groups)) or 'nothing'}: {', '.join(map(_aggregate, aggregates))}"
            )
        case Sort(_, keys):
            line = "Sort by " + ", ".join(_text(k.expression) + (" descending" if k.descending else "") for k in keys)
        case Limit(_, limit, offset):
            line = f"Limit {limit} offset {offset}"
        case _:
            line = type(node).__name__
    return "\n".join([indent + line, *(_node(child, depth + 1) for child in inputs_of(node))])


def _text(expression: Expression) -> str:
    match expression:
        case ColumnRef(index):
            return f"#{index}"
        case Constant(value, dtype):
            return f"{dtype} {value!r}"
        case Cast(arg, dtype):
            return f"cast({_text(arg)} as {dtype})"
        case Case(branches, otherwise):
            parts = " ".join(f"when {_text(c)} then {_text(v)}" for c, v in branches)
            return f"case {parts} else {_text(otherwise)} end"
        case Lookup(column, inner):
            return f"lookup(#{column}: {_text(inner)})"
        case _:
            args = [_text(arg) for arg in expression.args]
            if len(args) >= 2 and (expression.name in ("and", "or") or not expression.name[0].isalpha()):
                return "(" + f" {expression.name} ".join(args) + ")"
            return f"{expression.name}({', '.join(args)})"


def _aggregate(call: AggregateCall) -> str:
    distinct = "distinct " if call.distinct else ""
    condition = "" if call.filter is None else f" filter ({_text(call.filter)})"
    return f"{call.name}({distinct}{', '.join(map(_text, call.args))}){condition} {call.type}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
