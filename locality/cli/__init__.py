"""The ``locality`` command: one module a group of subcommands; ``main`` runs it and turns errors into exit statuses."""

from __future__ import annotations

from locality.cli.main import main

__all__ = ["main"]
