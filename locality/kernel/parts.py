"""Functions compiled as parts of kernels: left as numba lowers them, and optimised once, in the kernel.

By itself numba optimises a function's code, and makes machine code of it, before it is linked into each caller, and
optimises it there again: a primitive that is called by another one that a kernel calls, three times.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary


class Part(JITCodeLibrary):
    """Code that is only there to be linked."""

    @property
    def codegen(self) -> Part:
        """What numba tells the address of an environment, which functions without Python objects do not use."""
        return self

    def set_env(self, name: str, environment: object) -> None:
        """Nothing: see ``codegen``."""

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no machine code."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Without object code, then."""
        content: tuple[str, str, bytes] = self.serialize_using_bitcode()  # type: ignore[no-untyped-call]
        return content

    @classmethod
    def restored(cls, codegen: Any, content: tuple[str, str, bytes]) -> Part:
        """A part of what :meth:`serialize_using_object_code` gave."""
        name, _, bitcode = content
        part = cls(codegen, name)
        part._final_module = llvm.parse_bitcode(bitcode)
        part._finalize_final_module()
        return part

    def _optimize_functions(self, module: Any) -> None:
        pass

    def _optimize_final_module(self) -> None:
        """Drops what nothing needs: numba also loads the Python object of each function that is called."""
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_aggressive_dce_pass()
        passes.add_global_dead_code_eliminate_pass()
        passes.run(self._final_module, self._codegen._pass_builder())  # type: ignore[no-untyped-call]

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._verify_declare_only_symbols()  # type: ignore[no-untyped-call]
        self._finalized = True


class Whole(Part):
    """A kernel with its parts, optimised."""

    def _optimize_functions(self, module: Any) -> None:
        CPUCodeLibrary._optimize_functions(self, module)  # type: ignore[no-untyped-call]

    def _optimize_final_module(self) -> None:
        CPUCodeLibrary._optimize_final_module(self)  # type: ignore[no-untyped-call]


class Restoring:
    """A target context that restores parts where numba would restore machine code."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def codegen(self) -> Restoring:
        return self

    def unserialize_library(self, content: tuple[str, str, bytes]) -> Part:
        """Takes the place of the code generator's method."""
        return Part.restored(self._target.codegen(), content)


class PartCompiler(compiler.Compiler):
    """numba's compiler, making parts."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, library or Part(target.codegen(), "part"), *rest)  # type: ignore[no-untyped-call]
