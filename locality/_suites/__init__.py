"""The benchmark suites under a name of ours: ``locality._suites.benchmarks`` and ``locality._suites.datasets``.

A wheel carries both here. In a clone they are the top-level directories ``benchmarks`` and ``datasets``, which this
package's search path then leads to.
"""

from __future__ import annotations

from pathlib import Path

if not (Path(__file__).parent / "benchmarks").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[2]))
