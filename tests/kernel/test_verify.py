"""The verifier accepts what the builder makes and names what is wrong."""

from __future__ import annotations

import pytest

from locality.kernel import ir
from locality.kernel.builder import Builder, add, call, const, const_i64, eq, load, lt
from locality.kernel.ir import Array, Scalar, Stmt, Var
from locality.kernel.verify import VerificationError, verify

X = Var("x", Array(Scalar.I32))
GRID = Var("g", Array(Scalar.I64, 2))
N = Var("n", Scalar.I64)
SMALL = Var("s", Scalar.I32)
I = Var("i", Scalar.I64)  # noqa: E741
ZERO, ONE = const_i64(0), const_i64(1)
TRUE = const(True, Scalar.BOOL)


def function(*body: Stmt, result: ir.Expr | None = None) -> ir.Function:
    return ir.Function((X, GRID, N, SMALL), body, result)


def loop(*body: Stmt) -> ir.For:
    return ir.For(I, ZERO, N, body)


VALID = [
    function(),
    function(ir.Assign(Var("v", Scalar.I64), add(N, ONE)), ir.Assign(Var("v", Scalar.I64), ZERO)),
    function(loop(ir.If(lt(load(X, I), SMALL), (ir.Continue(),)), ir.Store(X, (I,), SMALL))),
    function(ir.Update("+", GRID, (ZERO, ONE), N), result=load(GRID, ZERO, ONE)),
    function(ir.Slice(Var("y", Array(Scalar.I32)), X, ZERO, N), result=N),
    function(ir.Evaluate(call("trunc_div", SMALL, SMALL))),
]

INVALID = [
    (function(ir.Assign(Var("v", Scalar.I64), ir.Binary("+", N, SMALL))), r"body\[0\] Assign: I64 beside I32"),
    (function(ir.Assign(Var("v", Scalar.I32), N)), "I32 beside I64"),
    (function(ir.Assign(Var("v", Scalar.I64), Var("w", Scalar.I64))), "w is not defined"),
    (function(ir.Assign(Var("n", Scalar.I64), ZERO)), "n must not be assigned to"),
    (function(ir.Assign(Var("y", Array(Scalar.I32)), X)), "is an array"),
    (function(ir.Assign(Var("v", Scalar.I64), ZERO), loop(ir.Assign(Var("v", Scalar.I32), SMALL))), "I64 beside I32"),
    (function(ir.Assign(Var("v 1", Scalar.I64), ZERO)), "not a name"),
    (function(ir.Assign(Var("class", Scalar.I64), ZERO)), "not a name"),
    (function(ir.Assign(Var("int64", Scalar.I64), ZERO)), "int64 means something else"),
    (function(ir.Assign(Var("compact", Scalar.I64), ZERO)), "compact means something else"),
    (function(loop(ir.Assign(Var("v", Scalar.I64), ZERO)), result=Var("v", Scalar.I64)), "result: v is not defined"),
    (function(ir.If(TRUE, (ir.Assign(Var("v", Scalar.I64), ZERO),)), result=Var("v", Scalar.I64)), "v is not defined"),
    (function(loop(), loop()), r"body\[1\] For: i is defined twice"),
    (function(loop(ir.Assign(I, ZERO))), r"body\[0\].body\[0\] Assign: i must not be assigned to"),
    (function(ir.For(I, ZERO, SMALL, ())), "position of type I32"),
    (function(ir.For(I, ZERO, N, (), step=0)), "step is 0"),
    (function(ir.Continue()), "outside a loop"),
    (function(ir.If(N, ())), "condition is not BOOL"),
    (function(ir.Store(X, (SMALL,), SMALL)), "position of type I32"),
    (function(ir.Store(GRID, (ZERO,), N)), "1 indices of g, which has 2"),
    (function(ir.Store(X, (ZERO,), N)), "I32 beside I64"),
    (function(ir.Store(N, (ZERO,), N)), "n is not an array"),
    (function(ir.Update("-", X, (ZERO,), SMALL)), "no update"),
    (function(ir.Update("|", Var("f", Array(Scalar.F64)), (ZERO,), const(0.0, Scalar.F64))), "f is not defined"),
    (function(ir.Allocate(GRID, 8)), "one-dimensional"),
    (function(ir.Allocate(Var("a", Array(Scalar.I8)), -1)), "length is -1"),
    (function(ir.Slice(Var("y", Array(Scalar.I64)), X, ZERO, N)), "y is"),
    (function(result=X), "an array where a scalar"),
    (function(result=ir.Binary("/", N, N)), "no '/' of I64"),
    (function(result=ir.Binary("//", const(1.0, Scalar.F64), const(1.0, Scalar.F64))), "no '//' of F64"),
    (function(result=ir.Binary("+", TRUE, TRUE)), r"no '\+' of BOOL"),
    (function(result=ir.Compare("<>", N, N)), "no comparison"),
    (function(result=ir.Not(N)), "not BOOL"),
    (function(result=ir.Select(eq(N, N), N, SMALL)), "I64 beside I32"),
    (function(result=ir.Select(N, N, N)), "not BOOL"),
    (function(result=const(300, Scalar.U8)), "300 is not U8"),
    (function(result=const(-129, Scalar.I8)), "-129 is not I8"),
    (function(result=const(1, Scalar.BOOL)), "1 is not BOOL"),
    (function(result=const(0.5, Scalar.I64)), "0.5 is not I64"),
    (function(result=ir.Call("launch", (), Scalar.I64)), "no primitive launch"),
    (function(result=ir.Call("trunc_div", (N, SMALL), Scalar.I64)), "argument 1"),
    (function(result=ir.Call("trunc_div", (N,), Scalar.I64)), "takes 2 arguments"),
    (function(result=ir.Call("trunc_div", (N, N), Scalar.I32)), "returns I64, not I32"),
]


@pytest.mark.parametrize("valid", VALID)
def test_valid_kernels_pass(valid: ir.Function) -> None:
    verify(valid)


@pytest.mark.parametrize(("invalid", "message"), INVALID)
def test_invalid_kernels_are_refused_with_their_place(invalid: ir.Function, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify(invalid)


def test_otherwise_must_follow_when() -> None:
    b = Builder()
    with pytest.raises(ValueError, match="otherwise"), b.otherwise():
        pass


def test_building_inside_a_loop_is_refused() -> None:
    b = Builder()
    with pytest.raises(ValueError, match="inside an open"), b.loop(3):
        b.build()
