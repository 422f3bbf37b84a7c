"""A kernel's machine code: from the cache or compiled quickly at first, and optimised code in its place later."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from locality.kernel import cache
from locality.kernel.native import Effort, Entry, NativeKernel, is_linkable, processor
from locality.kernel.optimiser import optimiser

#: Optimises kernels before they run for the first time, instead of meanwhile, if it is set and not 0: for tests.
OPTIMISE_VARIABLE = "LOCALITY_OPTIMISE"

#: Characters of a kernel's text from which on LLVM takes more than a second to optimise it as it does others.
_LONG_TEXT = 30_000

#: Seconds of processors that a kernel takes, in all of its calls, before it is optimised. To optimise it takes some
#: hundred times as long, but no query waits for that; what few rows were asked once does not begin it.
_ENOUGH = 0.0003


class Compilations:
    """How many kernels this process has compiled, rather than found in the cache, and the seconds that this took.

    What is optimised while queries run is not counted: none waits for it. printed: how many kernels it has generated as
    text, compiled or not, rather than kept from an earlier query of that form.
    """

    def __init__(self) -> None:
        self.kernels = 0
        self.seconds = 0.0
        self.printed = 0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Counts one more."""
        with self._lock:
            self.kernels += 1
            self.seconds += seconds


compilations = Compilations()


class MachineCode:
    """The code of one kernel.

    is_optimised: whether calls that begin now run the best code that it will have.
    """

    def __init__(
        self, key: str, length: int, lower: Callable[[Effort], Any], link: Callable[[bytes], NativeKernel]
    ) -> None:
        """``lower`` gives LLVM's module, ``link`` makes a callable of an object file; length: of the kernel's text."""
        self._key, self._lower, self._link = key, lower, link
        self._best = Effort.FULL if length <= _LONG_TEXT else Effort.LESS
        self._native: NativeKernel | None = None
        self._linking, self._optimising = threading.Lock(), threading.Lock()
        self.is_optimised = False

    @property
    def native(self) -> NativeKernel:
        """The kernel, ready to be called; compiled now if need be."""
        with self._linking:
            if self._native is None:
                self._native = self._linked()
            return self._native

    def optimise(self, give_way: Callable[[], None] = lambda: None) -> None:
        """Has calls that begin later run the best code; ``give_way()`` is called before each long step."""
        native = self.native
        with self._optimising:
            if self.is_optimised:
                return
            code = self._kept(self._best)
            if code is None:
                give_way()
                module = self._lower(self._best)
                give_way()
                code = self._emitted(module, self._best)
            native.entry = native.link(code)
            self.is_optimised = True
        cache.drop_code(self._name(Effort.QUICK))

    def _linked(self) -> NativeKernel:
        eager = os.environ.get(OPTIMISE_VARIABLE, "0") != "0"
        if (best := self._kept(self._best)) is not None or eager:
            self.is_optimised = True
            return self._link(best or self._compiled(self._best))
        native = self._link(self._kept(Effort.QUICK) or self._compiled(Effort.QUICK))
        native.entry = _counted(native.entry, _ENOUGH, lambda: optimiser.add(self))
        return native

    def _compiled(self, effort: Effort) -> bytes:
        started = time.perf_counter()
        with optimiser.urgently():
            code = self._emitted(self._lower(effort), effort)
        compilations.add(time.perf_counter() - started)
        return code

    def _emitted(self, module: Any, effort: Effort) -> bytes:
        from locality.kernel.compiler import object_code

        code = object_code(module, effort)
        cache.write_code(self._name(effort), code)
        return code

    def _kept(self, effort: Effort) -> bytes | None:
        """What is in the cache, if this process can link it."""
        code = cache.read_code(self._name(effort))
        return code if code is not None and is_linkable(code) else None

    def _name(self, effort: Effort) -> str:
        target = hashlib.sha256(processor().encode()).hexdigest()[:16]
        return f"{self._key}_{target}{'_quick' if effort is Effort.QUICK else ''}.o"


def _counted(entry: Entry, most: float, exceeded: Callable[[], None]) -> Entry:
    """The entry, and a call of ``exceeded()`` after each of its calls from when all took ``most`` seconds together."""
    spent = 0.0

    def counted(words: Any) -> int:
        nonlocal spent
        started = time.thread_time()
        error = entry(words)
        spent += time.thread_time() - started  # threads that meet here may lose one of their times
        if spent > most:
            exceeded()
        return error

    return counted
