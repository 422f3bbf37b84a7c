"""Dictionary files: one Arrow IPC file each, named by the dictionary's content, read when a column needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from locality.encodings import Dictionary
from locality.errors import CorruptStoreError
from locality.storage.files import FileEntry, check_arrow, create

_SUFFIX = ".arrow"


def write_dictionary(directory: Path, dictionary: Dictionary) -> FileEntry:
    """Writes ``<key>.arrow`` into ``directory`` and syncs it; raises StoreFullError or StoreError."""
    name = dictionary.key + _SUFFIX
    batch = pa.record_batch([dictionary.values], names=["value"])
    with create(directory / name) as file, pa.ipc.new_file(pa.PythonFile(file, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return FileEntry(name, file.size, file.crc32)


def read_dictionary(directory: Path, entry: FileEntry) -> Dictionary:
    """The dictionary of a file, memory-mapped; raises CorruptStoreError if the file is not whole."""
    path = directory / entry.path
    check_arrow(path, entry)
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            batch = reader.get_batch(0)
        batch.validate(full=True)
        if reader.num_record_batches != 1 or batch.num_columns != 1 or batch.column(0).type not in _TYPES:
            raise CorruptStoreError(f"{path} does not hold a dictionary")
    except (pa.ArrowException, OSError, IndexError) as error:
        raise CorruptStoreError(f"{path} is damaged: {error}") from error
    return Dictionary(key_of(entry), batch.column(0))


def key_of(entry: FileEntry) -> str:
    """The key of the dictionary that a file holds, by its name."""
    return Path(entry.path).name.removesuffix(_SUFFIX)


_TYPES = (pa.string(), pa.binary())


class Dictionaries(Mapping[str, Dictionary]):
    """The dictionaries of a store or table by key, each read once, when it is first asked for. Thread-safe."""

    def __init__(self, directory: Path, entries: Iterable[FileEntry]) -> None:
        self._directory = directory
        self._entries = {key_of(entry): entry for entry in entries}
        self._loaded: dict[str, Dictionary] = {}
        self._lock = threading.Lock()

    def __getitem__(self, key: str) -> Dictionary:
        """Raises KeyError for a key without a file, CorruptStoreError if the file is damaged."""
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = read_dictionary(self._directory, self._entries[key])
            return self._loaded[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
