"""Finds the ``datasets`` package beside this one, in a clone as in an installed wheel.

In a clone both may be top-level packages; in a wheel both live in ``locality._suites``. Another package called
``datasets`` is common in site-packages, so what is found is checked to be ours.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def sibling(name: str) -> ModuleType:
    """The module of this dotted name (``datasets.tpch``) in whatever holds the ``benchmarks`` package.

    Raises:
        ImportError: there is none, or it is another project's.
    """
    parent = (__package__ or "").rpartition(".")[0]
    module = import_module(f"{parent}.{name}" if parent else name)
    expected = Path(__file__).resolve().parent.parent.joinpath(*name.split(".")).with_suffix(".py")
    if module.__file__ is None or Path(module.__file__).resolve() != expected:
        raise ImportError(f"{name} is {module.__file__}, not {expected}; another package has the same name")
    return module
