"""Exports as others read them: pandas, polars, DuckDB, datasets, and the layout of torchvision's ImageFolder."""

from pathlib import Path
from typing import Any

import pytest

from tasks.exporting.export import export_run
from tasks.records import Report
from tasks.storage.place import Place

SETS = ("raw", "sanitized")


@pytest.fixture(scope="module")
def exported(run: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    export_run(Place.of(run.run), "parquet", Place.of(out / "parquet"), run.classes)
    export_run(Place.of(run.run), "folder", Place.of(out / "folder"), run.classes)
    return out


def rows_of(run: Report, name: str) -> dict[str, int]:
    rows: Any = run.rows if name == "raw" else run.sanitized.near
    return {split: rows[split] for split in ("train", "validation", "test")}


@pytest.mark.parametrize("reader", ["pandas", "polars", "duckdb"])
@pytest.mark.parametrize("name", SETS)
def test_tables_open_everywhere(run: Report, exported: Path, reader: str, name: str) -> None:
    for split, rows in rows_of(run, name).items():
        pattern = str(exported / "parquet" / name / f"{split}-*.parquet")
        if reader == "pandas":
            import pandas

            frame = pandas.concat([pandas.read_parquet(path) for path in Path(pattern).parent.glob(f"{split}-*")])
            found, first = len(frame), frame["image"].iloc[0]["bytes"]
        elif reader == "polars":
            import polars

            table = polars.read_parquet(pattern)
            found, first = table.height, table["image"][0]["bytes"]
        else:
            import duckdb

            relation = duckdb.read_parquet(pattern).project("image").fetchall()
            found, first = len(relation), relation[0][0]["bytes"]
        assert found == rows
        assert first[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", SETS)
def test_datasets_keep_the_sets_apart(run: Report, exported: Path, name: str, tmp_path: Path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(exported / "parquet"), name, cache_dir=str(tmp_path))
    assert {split: len(of) for split, of in loaded.items()} == rows_of(run, name)
    assert loaded["test"][0]["image"].size == (28, 28)


@pytest.mark.parametrize("name", SETS)
def test_folders_are_laid_out_as_image_folders_are(run: Report, exported: Path, name: str, tmp_path: Path) -> None:
    import datasets

    for split, rows in rows_of(run, name).items():
        folder = exported / "folder" / name / split
        classes = sorted(path.name for path in folder.iterdir() if path.is_dir())  # as torchvision finds them
        assert classes == sorted(run.classes)
        samples = [path for of in classes for path in sorted((folder / of).rglob("*.png"))]
        assert len(samples) == rows
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(exported / "folder" / name / "test"), cache_dir=str(tmp_path)
    )
    assert loaded["train"].features["label"].names == sorted(run.classes)
    assert len(loaded["train"]) == rows_of(run, name)["test"]
