"""The command's entry: its subcommands, and what each kind of failure prints and returns."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from locality import LocalityError, __version__
from locality.cli.advise import advise
from locality.cli.bench import bench
from locality.cli.ingest import ingest
from locality.cli.optimize import optimize
from locality.cli.options import examples
from locality.cli.query import explain, sql
from locality.cli.reasons import reasons
from locality.cli.rollup import drop_rollup, rollup
from locality.cli.store import compact, info, verify
from locality.cli.workload import workload

FAILED = 1
USAGE = 2
INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=examples(
        "locality ingest sales.locality lineitem lineitem.parquet",
        'locality sql sales.locality "select count(*) from lineitem"',
    ),
)
@click.version_option(__version__, prog_name="locality")
def command() -> None:
    """Locality: an embedded analytical query engine.

    A store is a directory. Ingest tables into it, then ask SQL, any that DuckDB accepts.

    Each command explains itself, with examples: locality sql --help
    """


for subcommand in (
    ingest,
    sql,
    explain,
    reasons,
    info,
    workload,
    advise,
    optimize,
    rollup,
    drop_rollup,
    compact,
    verify,
    bench,
):
    command.add_command(subcommand)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with these arguments (the process's own by default) and exit with its status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 success; 1 a failure that ``error: ...`` on standard error explains; 2 a usage error; 130 after Ctrl-C.
    """
    try:
        status = command.main(arguments, prog_name="locality", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as request:
        return request.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (LocalityError, OSError) as error:
        return _failed(error)
    return status if isinstance(status, int) else 0


def _failed(error: LocalityError | OSError) -> int:
    """One line on standard error; DuckDB's messages, which point at a position with lines of their own, are joined."""
    lines = (line.strip() for line in str(error).splitlines())
    click.echo("error: " + "; ".join(line for line in lines if line.strip("^")), err=True)
    return FAILED
