from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.errors import DataError, UsageError
from tasks.records import ClassShard
from tasks.records.spec import RunSpec
from tasks.splits.draw import draw, sizes_per_class
from tasks.splits.gather import gather
from tasks.storage.images import Images, read_images, write_images
from tasks.storage.place import Place
from tasks.vocabulary import Role
from tests.build import glyphs


def shard(role: Role, label: int, rows: int) -> ClassShard:
    return ClassShard(
        role=role, class_name="ABCDEFGHIJ"[label], label=label, folder="",
        members=rows, rows=rows, quarantined=0, ignored=0, mislabelled=0, mean=None, std=None, sha256="",
    )  # fmt: skip


def shards(large: int, small: int, classes: int = 10) -> list[ClassShard]:
    roles: tuple[tuple[Role, int], ...] = (("large", large), ("small", small))
    return [shard(role, label, rows) for role, rows in roles for label in range(classes)]


def sizes(large: int, small: int, **asked: int) -> tuple[int, int, int]:
    found = sizes_per_class(RunSpec.of(**asked), shards(large, small))
    return found.train, found.validation, found.test


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
    notes = sizes_per_class(RunSpec.of(train=1000, validation=0), shards(3_600, 600)).notes
    assert notes == ("test 6,000 rows, chosen from the data; --test sets it",)


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
    many = shards(300, 100)
    rows = draw(many, sizes_per_class(RunSpec.of(train=2000, validation=500, test=700), many), seed=4)
    assert {name: len(drawn) for name, drawn in rows.items()} == {"train": 2000, "validation": 500, "test": 700}
    for drawn in rows.values():
        assert len({tuple(row) for row in drawn.tolist()}) == len(drawn)
        counts = np.bincount(drawn[:, 0])
        assert set(counts[counts > 0]) == {len(drawn) // 10}
        assert (np.diff(drawn[:, 0]) < 0).sum() > len(drawn) // 4, "not in the order of classes"
    assert not {tuple(r) for r in rows["train"].tolist()} & {tuple(r) for r in rows["validation"].tolist()}
    assert all(many[number].role == "small" for number in set(rows["test"][:, 0].tolist()))


def test_the_seed_decides() -> None:
    many = shards(300, 100)
    settled = sizes_per_class(RunSpec.of(), many)
    one, same, other = (draw(many, settled, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["train"], other["train"])


def test_gathered_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    places = []
    for number in range(3):
        gray = glyphs(20, seed=number)
        ids = [f"large/{'ABC'[number]}/{i:02d}.png" for i in range(20)]
        images = Images(pa.array(ids), pa.array(["ABC"[number]] * 20), np.full(20, number), gray)
        places.append(Place.of(tmp_path) / f"{number}.parquet")
        write_images(images, places[-1])
    rows = np.random.default_rng(0).permutation(np.stack(np.meshgrid(range(3), range(20)), -1).reshape(-1, 2))[:40]
    empty = np.empty((0, 2), np.int64)
    found = gather(places, {"train": rows, "validation": empty})
    assert found["train"].ids.to_pylist() == [f"large/{'ABC'[n]}/{i:02d}.png" for n, i in rows]
    assert all(
        np.array_equal(found["train"].gray[k], read_images([places[n]]).gray[i]) for k, (n, i) in enumerate(rows)
    )
    assert len(found["validation"]) == 0
