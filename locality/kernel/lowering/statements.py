"""Functions: names, assignments, branches and loops."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.lowering.arithmetic import apply
from locality.kernel.lowering.calls import Calls, Functions
from locality.kernel.lowering.emitter import UNROLL, Emitter, function_type
from locality.kernel.lowering.syntax import definition
from locality.kernel.lowering.types import NAMES, LoweringError, Operand, Value, View, common

_I64 = Scalar.I64

#: Turns of a loop that is written out, which may make one instruction of it.
_UNROLLED = 16


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a name's value lies: one address for a scalar; for an array those of its address and its lengths."""

    type: Type
    addresses: tuple[str, ...]


class FunctionLowering(Calls):
    """Writes one function, under the types that its names have by what is known so far."""

    def __init__(
        self, functions: Functions, function: Callable[..., Any], types: dict[str, Type], result: Scalar | None
    ) -> None:
        """``types`` of names, those of parameters at least; ``grown`` tells whether they, or the result's, changed."""
        super().__init__(Emitter(), function.__globals__)
        self.functions = functions
        self.types = types
        self.result = result
        self.grown = False
        self._slots: dict[str, _Slot] = {}
        self._loops: list[tuple[str, str]] = []
        self._file = function.__code__.co_filename
        self._syntax = definition(function)
        self._assigned = _assignments(self._syntax)

    def text(self, name: str, parameters: Sequence[Type], private: int = 0) -> str:
        """The whole function; the last ``private`` parameters are arrays that nothing else has the memory of."""
        declared: list[str] = []
        for position, (argument, kind) in enumerate(zip(self._syntax.args.args, parameters, strict=True)):
            names = [f"%a{len(declared) + part}" for part in range(len(function_type(kind)))]
            declared += [f"{part} {name}" for part, name in zip(function_type(kind), names, strict=True)]
            if position >= len(parameters) - private:
                declared[-len(names)] = f"ptr noalias {names[0]}"
            self.assign(argument.arg, _operand(names, kind))
        self._block(self._syntax.body)
        self.emitter.end("unreachable" if self.result is not None else "ret void")
        result = "void" if self.result is None else NAMES[self.result]
        return f"define internal {result} @{name}({', '.join(declared)}) nounwind {{\n{self.emitter.body()}\n}}\n"

    # Names.

    def local(self, name: str) -> Operand | None:
        """The value of a name; None if the function has none such."""
        slot = self._slots.get(name)
        if slot is None:
            return None
        texts = [
            self.emitter.op(f"load {kind}, ptr {address}")
            for kind, address in zip(function_type(slot.type), slot.addresses, strict=True)
        ]
        return _operand(texts, slot.type)

    def assign(self, name: str, operand: Operand) -> None:
        """Gives a name a value; what it holds already may have to be read as a wider type from the start on."""
        known = self.types.get(name)
        self.types[name] = wanted = operand.type if known is None else common(known, operand.type)
        if name not in self._slots:
            self._slots[name] = _Slot(wanted, tuple(self.emitter.slot(kind) for kind in function_type(wanted)))
        elif wanted != known:
            self.grown = True
            return
        slot = self._slots[name]
        value = self.emitter.convert(operand, slot.type)
        texts = [value.text] if isinstance(value, Value) else [value.data, *value.shape]
        for kind, text, address in zip(function_type(slot.type), texts, slot.addresses, strict=True):
            self.emitter.do(f"store {kind} {text}, ptr {address}")

    # Statements.

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self.emitter.ended:
                return
            try:
                self._statement(statement)
            except LoweringError as error:
                raise self._located(error, statement) from None

    def _located(self, error: LoweringError, statement: ast.stmt) -> LoweringError:
        """The error with the innermost statement that has it."""
        if error.is_located:
            return error
        located = LoweringError(f"{self._file}, line {statement.lineno}: {error}")
        located.is_located = True
        return located

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets, value):
                self._assign(targets, value)
            case ast.AugAssign(ast.Name(name) as target, op, value):
                self.assign(name, apply(self.emitter, op, self.value(ast.Name(target.id)), self.value(value)))
            case ast.AugAssign(ast.Subscript() as target, op, value):
                kind, address = self.element(target)
                result = apply(self.emitter, op, self.emitter.load(kind, address), self.value(value))
                self.emitter.store(self.emitter.cast(result, kind), address)
            case ast.If():
                self._if(statement)
            case ast.While(test, body, []):
                self._while(test, body)
            case ast.For(ast.Name(counter), ast.Call(ast.Name("range"), bounds), body, []):
                self._for(counter, bounds, body)
            case ast.Break():
                self.emitter.jump(self._loops[-1][1])
            case ast.Continue():
                self.emitter.jump(self._loops[-1][0])
            case ast.Return(value):
                self._return(value)
            case ast.Expr(ast.Call() as call):
                self.invoke(call)
            case ast.Pass() | ast.Expr(ast.Constant()):
                pass
            case _:
                raise LoweringError(f"the statement {type(statement).__name__}")

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        match targets:
            case [ast.Tuple(names)] if isinstance(value, ast.Tuple) and len(names) == len(value.elts):
                operands = [self.operand(element) for element in value.elts]
                for target, operand in zip(names, operands, strict=True):
                    self._assign_to(target, operand)
            case _:
                operand = self.operand(value)
                for target in targets:
                    self._assign_to(target, operand)

    def _assign_to(self, target: ast.expr, operand: Operand) -> None:
        match target, operand:
            case ast.Name(name), _:
                self.assign(name, operand)
            case ast.Subscript(), Value():
                kind, address = self.element(target)
                if operand.type.is_float and not kind.is_float:
                    raise LoweringError("a float stored as an integer: cast it")
                self.emitter.store(self.emitter.cast(operand, kind), address)
            case _:
                raise LoweringError(f"an assignment to {ast.unparse(target)}")

    def _return(self, node: ast.expr | None) -> None:
        if node is None:
            self.emitter.end("ret void")
            return
        value = self.value(node)
        kind = value.type if self.result is None else common(self.result, value.type)
        assert isinstance(kind, Scalar)
        if kind is not self.result:
            self.grown = self.grown or self.result is not None
            self.result = kind
        self.emitter.end(f"ret {NAMES[kind]} {self.emitter.cast(value, kind).text}")

    def _if(self, statement: ast.If) -> None:
        then, otherwise, after = (self.emitter.label() for _ in range(3))
        self.branch(statement.test, then, otherwise if statement.orelse else after)
        self.emitter.place(then)
        self._block(statement.body)
        if statement.orelse:
            self.emitter.jump(after)
            self.emitter.place(otherwise)
            self._block(statement.orelse)
        self.emitter.place(after)

    def _while(self, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        head, inside, after = (self.emitter.label() for _ in range(3))
        self.emitter.place(head)
        self.branch(test, inside, after)
        self.emitter.place(inside)
        self._loop(body, head, after)
        self.emitter.jump(head)
        self.emitter.place(after)

    def _for(self, name: str, bounds: Sequence[ast.expr], body: Sequence[ast.stmt]) -> None:
        """Bounds are evaluated once; the name is given the counter's value at the begin of each turn."""
        start, stop, step = _range(bounds)
        first, last = (self.emitter.cast(self.value(bound), _I64).text for bound in (start, stop))
        by = _constant(self.value(step))
        slot = self.emitter.slot("i64")
        self.emitter.do(f"store i64 {first}, ptr {slot}")
        head, inside, onward, after = (self.emitter.label() for _ in range(4))
        self.emitter.place(head)
        counter = self.emitter.op(f"load i64, ptr {slot}")
        self.emitter.branch(self.emitter.compare("lt" if by > 0 else "gt", counter, last, _I64), inside, after)
        self.emitter.place(inside)
        self.assign(name, Value(counter, _I64))
        if by > 0 and first.isdigit() and self._assigned.count(name) == 1:
            self.counters.add(name)
        self._loop(body, onward, after)
        self.emitter.place(onward)
        after_this = self.emitter.op(f"add nsw i64 {self.emitter.op(f'load i64, ptr {slot}')}, {by}")
        self.emitter.do(f"store i64 {after_this}, ptr {slot}")
        is_short = first.isdigit() and last.isdigit() and int(last) - int(first) <= _UNROLLED * by
        self.emitter.end(f"br label %{head}{', ' + UNROLL if is_short else ''}")
        self.emitter.place(after)

    def _loop(self, body: Sequence[ast.stmt], onward: str, after: str) -> None:
        self._loops.append((onward, after))
        self._block(body)
        self._loops.pop()


def _range(bounds: Sequence[ast.expr]) -> tuple[ast.expr, ast.expr, ast.expr]:
    match bounds:
        case [stop]:
            return ast.Constant(0), stop, ast.Constant(1)
        case [start, stop]:
            return start, stop, ast.Constant(1)
        case [start, stop, step]:
            return start, stop, step
    raise LoweringError("range without bounds")


def _constant(value: Value) -> int:
    """The step of a loop."""
    if not value.text.lstrip("-").isdigit() or value.text == "0":
        raise LoweringError("a loop whose step is no constant")
    return int(value.text)


def _operand(texts: Sequence[str], kind: Type) -> Operand:
    return View(texts[0], tuple(texts[1:]), kind) if isinstance(kind, Array) else Value(texts[0], kind)


def _assignments(function: ast.FunctionDef) -> list[str]:
    """Names of the function, as often as they are assigned to."""
    stored = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return stored + [argument.arg for argument in function.args.args]
