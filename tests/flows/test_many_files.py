"""Splits of several files give the same rows, in the same order, to every reader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.records import Report
from tasks.reporting.verify import verify_run
from tasks.storage.image_files import read_images
from tasks.storage.place import Place
from tests import plain
from tests.build import MEASURED


@pytest.fixture(scope="module")
def many(sources: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Run the pipeline with at most 150 rows a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.storage.images.MAX_ROWS_PER_FILE", 150)
        return plain.run(**sources, workspace=tmp_path_factory.mktemp("many"), **MEASURED)


def places(run: Path, name: str) -> list[Place]:
    return [Place.of(path) for path in sorted(run.glob(f"{name}-*.parquet"))]


def test_rows_counts_and_scores_do_not_depend_on_the_number_of_files(run: Report, many: Report) -> None:
    assert [path.name for path in sorted((many.run / "raw").glob("train-*"))] == [
        f"train-0000{number}-of-00003.parquet" for number in range(3)
    ]
    assert many.to_json() == run.to_json()
    for name in ("raw/train", "raw/test", "sanitized/test"):
        ours, theirs = read_images(places(run.run, name)), read_images(places(many.run, name))
        assert ours.ids.equals(theirs.ids)
        assert np.array_equal(ours.gray, theirs.gray)


def test_such_a_run_is_whole_and_datasets_opens_it(many: Report) -> None:
    assert verify_run(Place.of(many.run)) == []
    from datasets import load_dataset  # which takes half a second

    assert load_dataset(str(many.run), "raw", split="train").num_rows == 400
