"""The course's draw, row for row against a plain transcription of its notebook."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.pipeline import cleansplit
from tasks.records.spec import RunSpec
from tasks.storage.image_files import read_images
from tasks.storage.place import Place
from tests.build import LETTERS, TINY, Gray, font_member, glyphs, png, write_tar

# Names whose order differs with and without regard to case, as base64 names do.
NAMES = ["b", "A", "a1", "B2", "c", "C3", "Z", "z1", "m", "N", "o", "P"]


def transcription(large: list[dict[str, Gray]], small: list[dict[str, Gray]], train: int, valid: int, test: int) -> Any:
    """Do what the notebook's cells do: load in listing order, shuffle and cut per letter, permute."""
    np.random.seed(133)  # noqa: NPY002

    def load(letter: dict[str, Gray]) -> Any:
        return np.stack([letter[name] for name in sorted(letter, key=str.lower)]).astype(np.float32)

    def merge(letters: list[dict[str, Gray]], train_size: int, valid_size: int) -> Any:
        valid_parts, train_parts = [], []
        for letter in letters:
            letter_set = load(letter)
            np.random.shuffle(letter_set)  # noqa: NPY002
            valid_parts.append(letter_set[:valid_size])
            train_parts.append(letter_set[valid_size : valid_size + train_size])
        return np.concatenate(valid_parts), np.concatenate(train_parts)

    valid_dataset, train_dataset = merge(large, train, valid)
    _, test_dataset = merge(small, test, 0)
    return {
        name: data[np.random.permutation(len(data))]  # noqa: NPY002
        for name, data in (("train", train_dataset), ("test", test_dataset), ("validation", valid_dataset))
    }


@pytest.fixture
def letters() -> tuple[list[dict[str, Gray]], list[dict[str, Gray]]]:
    def make(offset: int) -> list[dict[str, Gray]]:
        return [dict(zip(map(font_member, NAMES), glyphs(12, seed=offset + n), strict=True)) for n in range(10)]

    return make(0), make(100)


def write(path: Path, letters: list[dict[str, Gray]]) -> str:
    named = [(letter, *pair) for letter, images in zip(LETTERS, letters, strict=True) for pair in images.items()]
    return str(write_tar(path, {f"r/{letter}/{name}": png(image) for letter, name, image in named}))


def test_rows_are_those_of_the_notebook_in_its_order(
    letters: tuple[list[dict[str, Gray]], list[dict[str, Gray]]], prefect_server: None, tmp_path: Path
) -> None:
    large, small = letters
    paths = {"large": tmp_path / "large.tar", "small": tmp_path / "small.tar"}
    sources: dict[str, Any] = {
        role: write(paths[role], images) for role, images in (("large", large), ("small", small))
    }
    sizes: dict[str, Any] = {"train": 80, "validation": 30, "test": 70}
    settings: dict[str, Any] = TINY | {"models": ("1nn",), "sizes": (10,)}
    report = cleansplit(**sources, **sizes, recipe="course", workspace=tmp_path / "w", **settings)
    expected = transcription(large, small, 8, 3, 7)
    for name in sizes:
        images = read_images(Place.of(path) for path in sorted((report.run / "raw").glob(f"{name}-*")))
        assert np.array_equal(images.gray, expected[name]), name
    assert isinstance(report.spec, RunSpec)
    assert report.spec.recipe == "course"
