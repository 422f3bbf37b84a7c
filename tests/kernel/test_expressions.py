"""Random expressions mean the same compiled, interpreted, and to an independent evaluator."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locality.kernel import ir
from locality.kernel.builder import Builder, load
from locality.kernel.ir import Array, Expr, Scalar, Var
from locality.kernel.loader import load as load_kernel
from tests.kernel.reference import BITS, Number, evaluate, narrow

ROWS = 24
INTEGERS = tuple(BITS)
FLOATS = (Scalar.F32, Scalar.F64)
INPUTS = {scalar: Var(f"x{n}", Array(scalar)) for n, scalar in enumerate(Scalar)}
PARAMETERS = {scalar: Var(f"q{n}", scalar) for n, scalar in enumerate(Scalar)}
COUNTER = Var("i0", Scalar.I64)


def bounds(scalar: Scalar) -> tuple[int, int]:
    if scalar.value.startswith("u"):
        return 0, 2 ** BITS[scalar] - 1
    return -(2 ** (BITS[scalar] - 1)), 2 ** (BITS[scalar] - 1) - 1


def values(scalar: Scalar) -> st.SearchStrategy[Number]:
    if scalar is Scalar.BOOL:
        return st.booleans()
    if scalar.is_float:
        return st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -0.0, 1.0, -1.5])
    low, high = bounds(scalar)
    return st.sampled_from([low, high, 0, 1]) | st.integers(low, high) | st.integers(max(low, -9), 9)


def leaf(scalar: Scalar) -> st.SearchStrategy[Expr]:
    choices = [
        st.just(load(INPUTS[scalar], COUNTER)),
        st.just(PARAMETERS[scalar]),
        values(scalar).map(lambda value: ir.Const(value, scalar)),
    ]
    if scalar is Scalar.I64:
        choices.append(st.just(COUNTER))
    return st.one_of(choices)


def divisors(scalar: Scalar) -> st.SearchStrategy[Expr]:
    """Never 0: ``x | 1``."""
    return leaf(scalar).map(lambda x: ir.Binary("|", x, ir.Const(1, scalar)))


def shifts(scalar: Scalar) -> st.SearchStrategy[Expr]:
    """Within the width."""
    return leaf(scalar).map(lambda x: ir.Binary("&", x, ir.Const(BITS[scalar] - 1, scalar)))


def conversions(scalar: Scalar, depth: int) -> st.SearchStrategy[Expr]:
    sources: list[Scalar] = [Scalar.BOOL, *INTEGERS]
    if scalar.is_float or scalar is Scalar.BOOL:
        sources += FLOATS
    return (
        st.sampled_from([source for source in sources if source is not scalar])
        .flatmap(lambda source: expressions(source, depth - 1))
        .map(lambda x: ir.Convert(x, scalar))
    )


def expressions(scalar: Scalar, depth: int) -> st.SearchStrategy[Expr]:
    if depth == 0:
        return leaf(scalar)
    same = st.deferred(lambda: expressions(scalar, depth - 1))

    def operations(ops: list[str], right: st.SearchStrategy[Expr] = same) -> st.SearchStrategy[Expr]:
        return st.builds(ir.Binary, st.sampled_from(ops), same, right)

    choices = [
        leaf(scalar),
        conversions(scalar, depth),
        st.builds(ir.Select, st.deferred(lambda: expressions(Scalar.BOOL, depth - 1)), same, same),
    ]
    if scalar is Scalar.BOOL:
        comparisons = st.sampled_from([*INTEGERS, *FLOATS]).flatmap(
            lambda kind: st.builds(
                ir.Compare,
                st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
                expressions(kind, depth - 1),
                expressions(kind, depth - 1),
            )
        )
        choices += [operations(["&", "|", "^"]), st.builds(ir.Not, same), comparisons]
    elif scalar.is_float:
        choices += [operations(["+", "-", "*", "/"])]
    else:
        choices += [
            operations(["+", "-", "*", "&", "|", "^", "min", "max"]),
            operations(["//", "%"], divisors(scalar)),
            operations(["<<", ">>"], shifts(scalar)),
        ]
    return st.one_of(choices)


outputs = st.lists(st.sampled_from(list(Scalar)).flatmap(lambda scalar: expressions(scalar, 3)), min_size=8, max_size=8)


def random_value(rng: random.Random, scalar: Scalar) -> Number:
    if scalar is Scalar.BOOL:
        return rng.random() < 0.5
    if scalar.is_float:
        return narrow(rng.choice([0.0, -0.0, 1.0, rng.uniform(-1e6, 1e6), rng.uniform(-2, 2)]), scalar)
    low, high = bounds(scalar)
    return rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(max(low, -9), 9)])


def equal(left: Number, right: Number) -> bool:
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return left == right


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(outputs, st.integers(0, 2**32))
def test_compiled_interpreted_and_reference_agree(chosen: list[Expr], seed: int) -> None:
    rng = random.Random(seed)
    columns = {scalar: [random_value(rng, scalar) for _ in range(ROWS)] for scalar in Scalar}
    scalars = {scalar: random_value(rng, scalar) for scalar in Scalar}
    b = Builder()
    b._parameters += [*INPUTS.values(), *PARAMETERS.values()]
    targets = [b.parameter(Array(expr.type), "y") for expr in chosen if isinstance(expr.type, Scalar)]
    with b.loop(ROWS) as counter:
        assert counter == COUNTER
        for target, expr in zip(targets, chosen, strict=True):
            b.store(target, counter, b.assign(expr))
    kernel = load_kernel(b.build(), "random expressions")

    def run(function: Callable[..., object]) -> list[list[Number]]:
        arrays = [np.array(column, s.value) for s, column in columns.items()]
        typed = [np.array(v, s.value)[()] for s, v in scalars.items()]
        results = [np.zeros(ROWS, target.type.element.value) for target in targets]  # type: ignore[union-attr]
        function(*arrays, *typed, *results)
        return [result.tolist() for result in results]

    compiled, interpreted = run(kernel.compiled), run(kernel.interpreted)
    for row in range(ROWS):
        named: dict[str, Number] = {INPUTS[s].name: column[row] for s, column in columns.items()}
        named |= {PARAMETERS[s].name: v for s, v in scalars.items()} | {COUNTER.name: row}
        for position, expr in enumerate(chosen):
            expected = evaluate(expr, named)
            assert equal(compiled[position][row], expected), (expr, kernel.source)
            assert equal(interpreted[position][row], expected), (expr, kernel.source)
