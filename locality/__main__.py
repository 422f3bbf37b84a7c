"""``python -m locality`` is the ``locality`` command."""

from __future__ import annotations

from locality.cli import main

if __name__ == "__main__":
    main()
