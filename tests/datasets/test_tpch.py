"""The TPC-H generator: what it caches, and how it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from locality._suites.datasets import cache, tpch
from locality.errors import SourceError

SCALE = 0.001


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(tmp_path))
    return tmp_path


def test_tables_are_made_whole_and_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tpch.ensure_tables(SCALE, ["orders", "region"])
    assert made == {name: data / "tpch" / "sf0.001" / f"{name}.parquet" for name in ("orders", "region")}
    assert pq.read_metadata(made["orders"]).num_rows == 1500
    assert set(tpch.PRIMARY_KEYS["orders"]) <= set(pq.read_schema(made["orders"]).names)
    before = {path: path.stat().st_mtime_ns for path in made.values()}
    monkeypatch.setattr(tpch, "generator", lambda: None)
    assert tpch.ensure_tables(SCALE, ["orders"]) == {"orders": made["orders"]}
    assert {path: path.stat().st_mtime_ns for path in made.values()} == before


def test_every_table_has_its_primary_key(data: Path) -> None:
    # Below this scale there are too few suppliers for the keys of partsupp to be unique.
    for name, path in tpch.ensure_tables(0.01).items():
        keys = pq.read_table(path, columns=list(tpch.PRIMARY_KEYS[name])).to_pylist()
        assert len({tuple(row.values()) for row in keys}) == len(keys) > 0


def test_only_what_is_missing_is_generated(data: Path) -> None:
    first = tpch.ensure_tables(SCALE, ["region"])["region"]
    first.write_bytes(b"kept as it is")
    tpch.ensure_tables(SCALE, ["region", "nation"])
    assert first.read_bytes() == b"kept as it is"


def test_a_missing_generator_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tpch, "generator", lambda: None)
    with pytest.raises(SourceError, match=r"pip install 'locality\[bench\]'"):
        tpch.ensure_tables(SCALE, ["region"])


def test_a_failing_generator_leaves_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # This interpreter can't open a program called "parquet", which is the generator's first argument.
    monkeypatch.setattr(tpch, "generator", lambda: Path(sys.executable))
    with pytest.raises(SourceError, match=r"(?s)scale 0\.001 .*exit status 2.*parquet"):
        tpch.ensure_tables(SCALE, ["region"])
    assert list((data / "tpch" / "sf0.001").iterdir()) == []


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_scale_must_be_positive(data: Path, scale: float) -> None:
    with pytest.raises(SourceError, match="not positive"):
        tpch.ensure_tables(scale)


def test_unknown_tables_are_named(data: Path) -> None:
    with pytest.raises(SourceError, match="no table lines; it has region"):
        tpch.ensure_tables(SCALE, ["region", "lines"])


def test_a_directory_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(SourceError, match="LOCALITY_DATA_DIR"):
        tpch.ensure_tables(SCALE, ["region"])


def test_staging_moves_files_only_when_all_is_well(tmp_path: Path) -> None:
    with cache.staging(tmp_path / "kept") as scratch:
        (scratch / "a").write_text("1")
        assert not (tmp_path / "kept" / "a").exists()
    assert (tmp_path / "kept" / "a").read_text() == "1"

    def interrupted() -> None:
        with cache.staging(tmp_path / "kept") as scratch:
            (scratch / "a").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["a"]
    assert (tmp_path / "kept" / "a").read_text() == "1"


def test_default_directory_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALITY_DATA_DIR", raising=False)
    directory = cache.data_directory()
    assert directory.is_absolute()
    assert directory.name == "datasets"
    assert "locality" in str(directory)
