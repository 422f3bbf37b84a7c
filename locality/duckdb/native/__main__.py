"""``python -m locality.duckdb.native SOURCES`` compiles the extension; see :func:`build`."""

from __future__ import annotations

import argparse
from pathlib import Path

from locality.duckdb.native.building import build
from locality.errors import LocalityError


def main() -> None:
    """Compile, and print where the extension lies."""
    parser = argparse.ArgumentParser(
        prog="python -m locality.duckdb.native", description="Compile the DuckDB extension."
    )
    parser.add_argument("sources", type=Path, help="DuckDB's source package, duckdb-VERSION.tar.gz, or its directory")
    try:
        print(build(parser.parse_args().sources))
    except LocalityError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
