"""Where generated data sets are kept, and how files get there: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from locality.errors import SourceError


def data_directory() -> Path:
    """The directory of all generated data: ``LOCALITY_DATA_DIR``, or ``datasets`` in the user's cache directory."""
    chosen = os.environ.get("LOCALITY_DATA_DIR")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("locality", appauthor=False)) / "datasets"


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """A scratch directory on the file system of ``directory``; its files move over when the block ends well.

    Each file is moved by an atomic rename, so that a reader of ``directory`` sees whole files only, and a generator
    that fails or is interrupted leaves nothing behind. Of two processes that stage the same file the later one wins.

    Raises:
        SourceError: the directory can't be made or written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=directory, prefix=".staging-", ignore_cleanup_errors=True)
    except OSError as error:
        raise SourceError(
            f"can't keep generated data in {directory}: {error.strerror}; set LOCALITY_DATA_DIR to another directory"
        ) from error
    with scratch as name:
        yield Path(name)
        for path in sorted(Path(name).iterdir()):
            path.replace(directory / path.name)
