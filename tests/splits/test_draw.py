from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.arrays import RowNumbers
from tasks.errors import DataError, UsageError
from tasks.records import ClassCounts, Shard
from tasks.records.spec import RunSpec
from tasks.splits.draw import ClassRange, class_ranges, draw, sizes_per_class, take_all, write_splits
from tasks.storage import tables
from tasks.storage.image_files import read_images
from tasks.storage.images import ImageRows, write_images
from tasks.storage.place import Place
from tasks.vocabulary import Role, SplitName
from tests.build import glyphs


def ranges(large: int, small: int, classes: int = 10) -> list[ClassRange]:
    """Return the ranges of two sources, each class in one shard."""
    roles: tuple[tuple[Role, int], ...] = (("large", large), ("small", small))
    return class_ranges([shard(role, {label: rows}) for role, rows in roles for label in range(classes)])


def shard(role: Role, rows: dict[int, int], folder: str = "") -> Shard:
    counts = (ClassCounts("ABCDEFGHIJ"[label], label, n, n, 0, 0, 0, 0, 0, 0, 0) for label, n in rows.items())
    return Shard(role, folder, tuple(counts), "")


def sizes(large: int, small: int, **asked: int) -> tuple[int, int, int]:
    found, _ = sizes_per_class(RunSpec.of(**asked), ranges(large, small))
    return found["train"], found["validation"], found["test"]


def test_sizes_nobody_gave_are_those_of_the_course_on_notmnist() -> None:
    assert sizes(52_909, 1_872) == (20_000, 1_000, 1_000)


def test_sizes_nobody_gave_use_what_smaller_sources_have() -> None:
    assert sizes(3_600, 600) == (3_429, 171, 600)
    assert sizes(20, 5) == (20, 0, 5)


def test_a_size_that_is_given_is_kept_and_the_others_follow() -> None:
    assert sizes(3_600, 600, train=36_000) == (3_600, 0, 600)
    assert sizes(3_600, 600, validation=0) == (3_600, 0, 600)
    assert sizes(3_600, 600, train=1_000, validation=500, test=100) == (100, 50, 10)


def test_chosen_sizes_are_said() -> None:
    _, notes = sizes_per_class(RunSpec.of(train=1000, validation=0), ranges(3_600, 600))
    assert notes == ["test 6,000 rows, chosen from the data; --test sets it"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"test": 7_000}, "test can have at most 6,000 rows, not 7,000: class A of small has 600 images"),
        ({"train": 40_000}, "train can have at most 36,000 rows, not 40,000"),
        ({"train": 36_000, "validation": 10}, "train and validation together can have at most 36,000 rows, not 36,010"),
    ],
)
def test_sizes_that_the_data_cannot_give_name_the_largest_possible(asked: dict[str, int], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        sizes(3_600, 600, **asked)


def test_a_class_without_a_readable_image_is_bad_data() -> None:
    with pytest.raises(DataError, match="class A of small has no readable image"):
        sizes(10, 0)


def test_splits_are_balanced_disjoint_and_shuffled() -> None:
    many = ranges(300, 100)
    rows = draw(many, sizes_per_class(RunSpec.of(train=2000, validation=500, test=700), many)[0], seed=4)
    assert {name: len(drawn) for name, drawn in rows.items()} == {"train": 2000, "validation": 500, "test": 700}
    for drawn in rows.values():
        assert len(set(drawn.tolist())) == len(drawn)
        classes = np.searchsorted([one.first for one in many], drawn, side="right")
        counts = np.bincount(classes)
        assert set(counts[counts > 0]) == {len(drawn) // 10}
        assert (np.diff(classes) < 0).sum() > len(drawn) // 4, "not in the order of classes"
    assert not set(rows["train"].tolist()) & set(rows["validation"].tolist())
    assert rows["test"].min() >= 3000 > rows["train"].max()


def test_the_seed_decides() -> None:
    many = ranges(300, 100)
    settled, _ = sizes_per_class(RunSpec.of(), many)
    one, same, other = (draw(many, settled, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["train"], other["train"])


def test_a_class_that_several_shards_hold_is_one_range() -> None:
    cut = [shard("train", {0: 5, 1: 2}), shard("train", {1: 4}), shard("train", {1: 1, 2: 3}), shard("test", {1: 7})]
    assert [(one.role, one.class_name, one.first, one.rows) for one in class_ranges(cut)] == [
        ("train", "A", 0, 5), ("train", "B", 5, 7), ("train", "C", 12, 3), ("test", "B", 15, 7),
    ]  # fmt: skip
    taken = take_all(class_ranges(cut))
    assert (taken["train"].tolist(), taken["test"].tolist()) == (list(range(15)), list(range(15, 22)))
    assert len(taken["validation"]) == 0


def test_gathered_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    shards, every, gray = [], [], glyphs(60, seed=1)
    for number in range(3):
        ids = [f"large/{'ABC'[number]}/{i:02d}.png" for i in range(20)]
        own = gray[20 * number : 20 * (number + 1)]
        images = ImageRows(pa.array(ids), pa.array(["ABC"[number]] * 20), np.full(20, number), own)
        shards.append(shard("large", {number: 20}, str(number)))
        (tmp_path / str(number)).mkdir()
        write_images(images, Place.of(tmp_path) / shards[-1].images)
        every += ids
    rows = np.random.default_rng(0).permutation(60)[:40]
    drawn: dict[SplitName, RowNumbers] = {
        "train": rows,
        "validation": np.empty(0, np.int64),
        "test": np.setdiff1d(np.arange(60), rows),
    }
    place = Place.of(tmp_path)
    written = write_splits(shards, drawn, ["A", "B", "C"], place, place / "split")
    for name, wanted in drawn.items():
        assert (written[name]["rows"], len(written[name]["files"])) == (len(wanted), 1)
        found = read_images([place / f"split/raw/{file}" for file in written[name]["files"]])
        assert found.ids.to_pylist() == [every[row] for row in wanted]
        assert np.array_equal(found.gray, gray[wanted])
        numbers = tables.read(place / "split" / written[name]["numbers"])
        assert np.array_equal(numbers["row"], wanted)
        assert np.array_equal(numbers["rank"], np.argsort(np.argsort(wanted)))
    left = {file.name for file in (tmp_path / "split").iterdir()}
    assert left == {"raw", *(one["numbers"] for one in written.values())}
