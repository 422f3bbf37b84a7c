"""The workload log's file: shapes of queries, within a bound, readable by the store's owner alone.

It is worth no more than the time it saves: it may be lost, and where it is damaged it is begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from locality.advisor.shapes import LoggedShape
from locality.storage import durable
from locality.storage.store import WORKLOAD

#: The most shapes, and bytes of all their texts and values, that are kept: those that took the most time lately.
MOST_SHAPES = 500
MOST_BYTES = 1 << 20
_NAME = "log.json"
_LOCK = "log.lock"
_FORMAT = 1
#: Seconds that a process waits for another one to have written the log.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Log:
    """shapes: by their texts. epoch: the version that the store was at after the last optimize."""

    shapes: Mapping[str, LoggedShape] = field(default_factory=dict)
    epoch: int = 0

    def merged(self, later: Log) -> Log:
        """With later runs, as far as there is room."""
        if not later.shapes:
            return self
        shapes = dict(self.shapes)
        for text, shape in later.shapes.items():
            shapes[text] = shapes[text].merged(shape) if text in shapes else shape
        return replace(self, shapes=shapes if len(shapes) <= MOST_SHAPES else _first(shapes))

    def optimized(self, version: int, predicted: Mapping[str, LoggedShape]) -> Log:
        """With all runs before an optimize of what is ``predicted``, by shape."""
        known = {
            text: shape.optimized(predicted[text].predicted if text in predicted else None)
            for text, shape in self.shapes.items()
        }
        return Log({**predicted, **known}, version)


class LogFile:
    """The file, in ``workload/`` of a store; several processes may share it."""

    def __init__(self, store: Path) -> None:
        self._directory = store / WORKLOAD
        self._path = self._directory / _NAME

    def read(self) -> Log:
        """What it holds: nothing if it is not there, can't be read, or is of another format."""
        try:
            content = json.loads(self._path.read_bytes())
            if content["format"] != _FORMAT:
                return Log()
            shapes = [LoggedShape.from_json(entry) for entry in content["shapes"]]
            return Log({shape.text: shape for shape in shapes}, int(content["epoch"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Log()

    def update(self, change: Callable[[Log], Log]) -> bool:
        """Writes what ``change`` makes of what it holds; False if it can't be written."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            with FileLock(self._directory / _LOCK, timeout=_PATIENCE, mode=0o600):
                durable.replace_file(self._path, _content(change(self.read())), mode=0o600)
        except (OSError, Timeout, NotImplementedError):
            return False
        return True

    def remove(self) -> bool:
        """Removes it; False if that is not permitted."""
        return durable.remove_quietly(self._path)


def _first(shapes: Mapping[str, LoggedShape]) -> dict[str, LoggedShape]:
    """Those that took the most time lately, first."""
    now = max((shape.last for shape in shapes.values()), default=0.0)
    ordered = sorted(shapes.values(), key=lambda each: -each.runs.mean_seconds * each.weight(now))
    return {shape.text: shape for shape in ordered[:MOST_SHAPES]}


def _content(log: Log) -> bytes:
    """The log in JSON, as far as there is room."""
    entries, room = [], MOST_BYTES
    for shape in _first(log.shapes).values():
        entry = json.dumps(shape.to_json())
        room -= len(entry)
        if room >= 0:
            entries.append(entry)
    return f'{{"format": {_FORMAT}, "epoch": {log.epoch}, "shapes": [{", ".join(entries)}]}}'.encode()
