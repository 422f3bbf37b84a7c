"""Random joins of a snowflake's tables that carry some of their parents' columns, against DuckDB."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.optimizer.snowflakes import REFERENCES, random_rows
from tests.properties.effort import examples
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair

#: The names of each table's columns.
NAMES = {table: ["k", *(f"to_{p}" for p in references.values()), "v"] for table, references in REFERENCES.items()}


def ways(table: str) -> list[str]:
    """The columns of all ancestors, as ``carry`` names them."""
    found = []
    for parent in REFERENCES[table].values():
        step = f"to_{parent}"
        found += [f"{step}.{name}" for name in NAMES[parent]]
        found += [f"{step}.{rest}" for rest in ways(parent)]
    return found


def load(pair: Pair, source: random.Random) -> None:
    rows = random_rows(source, nulls=source.choice((0.0, 0.1, 0.4)), fewest=source.choice((0, 4)), scale=4)
    for name, references in REFERENCES.items():
        columns = list(zip(*rows[name], strict=True)) or [()] * len(NAMES[name])
        values = [pa.array(values, pa.int64()) for values in columns]
        table = pa.table(dict(zip(NAMES[name], values, strict=True)))
        keys = {f"to_{parent}": parent for parent in references.values()}
        pair.locality.ingest(name, table, primary_key="k", foreign_keys=keys)
        pair.duckdb.register("given", table)
        pair.duckdb.execute(f"create table {name} as from given")
    for name in ("sale", "line"):
        carried = [way for way in ways(name) if source.random() < 0.7]
        layout = source.choice(("primary", "other"))
        pair.locality.optimize(name, order=source.choice(NAMES[name]), layout=layout, carry=carried)


def query(source: random.Random) -> str:
    """Joins along the references, from children to parents and back, with filters of all tables."""
    aliases = [("a0", source.choice(("line", "line", "sale")))]
    text = f"{aliases[0][1]} a0"
    for number in range(1, source.randint(2, 5)):
        child, table = source.choice(aliases)
        parents = REFERENCES[table].values()
        if parents and source.random() < 0.85:
            parent = source.choice(list(parents))
            aliases.append((f"a{number}", parent))
            kind = source.choice(("", "", "", "left "))
            text += f" {kind}join {parent} a{number} on {child}.to_{parent} = a{number}.k"
        elif parents:
            parent = source.choice(list(parents))
            aliases.append((f"a{number}", table))
            text += f" join {table} a{number} on {child}.to_{parent} = a{number}.to_{parent}"
    columns = [f"{alias}.{name}" for alias, table in aliases for name in NAMES[table]]
    tests = [f"{source.choice(columns)} {source.choice(('=', '<', '>='))} {source.randint(0, 3)}"]
    if source.random() < 0.3:
        child, table = source.choice([each for each in aliases if each[1] in ("sale", "line")])
        parent = source.choice(list(REFERENCES[table].values()))
        negation = source.choice(("", "not "))
        if source.random() < 0.4:
            tests.append(f"{child}.to_{parent} {negation}in (select k from {parent} where v > {source.randint(0, 1)})")
        tests.append(
            f"{negation}exists (select 1 from {table} b where b.to_{parent} = {child}.to_{parent} and b.v < {child}.v)"
        )
    where = f" where {' and '.join(tests)}" if source.random() < 0.7 else ""
    shown = ", ".join(f"{source.choice(columns)} c{i}" for i in range(source.randint(1, 3)))
    if source.random() < 0.5:
        return (
            f"select {source.choice(columns)} g, count(*), sum({source.choice(columns)}) from {text}{where} group by 1"
        )
    return f"select {shown} from {text}{where}"


@given(st.randoms(use_true_random=True))
@settings(max_examples=examples(6))
def test_joins_of_snowflakes(source: random.Random) -> None:
    with interpreted_kernels(), Pair(threads=2) as pair:
        load(pair, source)
        if source.random() < 0.5:
            pair.check("delete from line where v = 1", engine=None)
            pair.check(
                "delete from sale where v = 1 and k not in (select coalesce(to_sale, -1) from line)", engine=None
            )
        for _ in range(6):
            sql = query(source)
            profile = pair.check(sql)
            event("carried" if any(name.count(".") > 1 for name in profile.touched) else "joined")
