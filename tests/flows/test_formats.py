"""Every published file opens in the tools that people use, with the values that were stored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tasks.records import Report


def files(run: Report) -> list[Path]:
    return sorted(path for path in run.run.rglob("*.parquet"))


def pixel(path: Path) -> tuple[str, float]:
    row = pq.read_table(path).slice(0, 1).to_pylist()[0]
    return row["id"], row["pixels"][14][14]


def splits(run: Report) -> list[Path]:
    return [path for path in files(run) if path.parent.name in ("raw", "sanitized")]


def test_there_is_something_to_open(run: Report) -> None:
    assert len(splits(run)) == 5
    assert len(files(run)) == 9


def test_pandas(run: Report) -> None:
    for path in files(run):
        frame = pd.read_parquet(path)
        assert len(frame) == pq.ParquetFile(path).metadata.num_rows
        if path in splits(run):
            assert frame["label"].dtype == np.int64
            image = np.stack(frame["pixels"].iloc[0])
            assert image.shape == (28, 28)
            assert image.dtype == np.float32
            assert (frame["id"].iloc[0], image[14, 14]) == pixel(path)


def test_polars(run: Report) -> None:
    import polars as pl

    for path in files(run):
        frame = pl.read_parquet(path)
        assert frame.height == pq.ParquetFile(path).metadata.num_rows
        if path in splits(run):
            assert frame.schema["label"] == pl.Int64
            assert frame.schema["pixels"] == pl.Array(pl.Float32, (28, 28))
            assert (frame["id"][0], frame["pixels"].to_numpy()[0, 14, 14]) == pixel(path)


def test_duckdb(run: Report) -> None:
    import duckdb

    for path in files(run):
        relation = duckdb.read_parquet(str(path))
        assert len(relation.fetchall()) == pq.ParquetFile(path).metadata.num_rows
        if path in splits(run):
            row = relation.project("id, typeof(label), pixels[15][15], typeof(pixels)").limit(1).fetchall()[0]
            assert (row[0], row[2]) == pixel(path)
            assert row[1] == "BIGINT"
            assert "FLOAT" in row[3]


@pytest.mark.parametrize("config", ["raw", "sanitized"])
def test_datasets(run: Report, config: str, tmp_path: Path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(run.run), config, cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "validation", "test"}
    for name, split in loaded.items():
        assert split.features["label"].names == list("ABCDEFGHIJ")
        assert split.features["label"].int2str(split[0]["label"]) == split[0]["class_name"]
        image = np.array(split[0]["pixels"], np.float32)
        assert image.shape == (28, 28)
        assert (split[0]["id"], image[14, 14]) == pixel(
            run.run / ("raw" if name == "train" else config) / f"{name}-00000-of-00001.parquet"
        )
