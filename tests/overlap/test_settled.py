"""What people decided of pairs counts, in glyphs and in pictures, between splits and inside one."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.overlap import pictures
from tasks.storage.decisions import SCHEMA, Decisions
from tests.overlap.engine import Measured, by_rows, glyph_split, measure, picture_split
from tests.overlap.test_copies import SCENES, copies_of, noisy

Bits = NDArray[np.bool_]


def decided(pairs: list[tuple[bytes, bytes, bool]]) -> Decisions:
    rows = [
        dict.fromkeys(SCHEMA.names) | {"first": min(a, b), "second": max(a, b), "same": same} for a, b, same in pairs
    ]
    return Decisions(pa.Table.from_pylist(rows, SCHEMA))


def digest(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


@pytest.fixture
def glyphs() -> tuple[Bits, Bits]:
    """Test 0 is close to train 0, less so to train 1, and test 1 to nothing."""
    rng = np.random.default_rng(0)
    train = rng.random((6, 784)) < 0.4
    train[1] = train[0]
    train[1, :6] ^= True
    test = np.stack([train[0], rng.random(784) < 0.4])
    test[0, 700:702] ^= True
    return train, test


def found(folder: Path, glyphs: tuple[Bits, Bits], decisions: Decisions | None) -> Measured:
    splits = glyph_split(folder, "train", glyphs[0]), glyph_split(folder, "test", glyphs[1])
    return measure(folder, splits[0], splits[1], "ink", asked=0.95, decisions=decisions)


def of(row: Bits) -> bytes:
    return digest(row.tobytes())


def test_the_next_best_counts_where_the_best_was_judged_to_be_another_image(
    tmp_path: Path, glyphs: tuple[Bits, Bits]
) -> None:
    train, test = glyphs
    assert found(tmp_path, glyphs, None).twins(1) == [0, -1]
    told = found(tmp_path, glyphs, decided([(of(train[0]), of(test[0]), False)]))
    assert told.twins(1) == [1, -1]
    assert told.duplicates(1).tolist() == [True, False]
    assert told.duplicates(0).tolist() == [False, True, False, False, False, False]
    both = decided([(of(train[0]), of(test[0]), False), (of(train[1]), of(test[0]), False)])
    assert not found(tmp_path, glyphs, both).duplicates(1).any()


def test_a_pair_that_was_judged_to_be_the_same_counts_however_unlike_it_is(
    tmp_path: Path, glyphs: tuple[Bits, Bits]
) -> None:
    train, test = glyphs
    told = found(tmp_path, glyphs, decided([(of(train[4]), of(test[1]), True)]))
    assert told.twins(1) == [0, 4]
    best = told.direction(1).best
    assert (best["near"].tolist(), best["judged"].tolist()) == ([True, True], [False, True])
    assert best["similarity"][1] < 0.7


def test_groups_inside_a_split_obey_what_was_decided(tmp_path: Path, glyphs: tuple[Bits, Bits]) -> None:
    rows = np.concatenate(glyphs)
    split = glyph_split(tmp_path, "train", rows)
    assert measure(tmp_path, split, split, "ink", asked=0.95).groups().row.tolist() == [0, 1, 6]
    decisions = decided(
        [(of(rows[0]), of(rows[1]), False), (of(rows[1]), of(rows[6]), False), (of(rows[3]), of(rows[4]), True)]
    )
    told = measure(tmp_path, split, split, "ink", asked=0.95, decisions=decisions).groups()
    assert [set(told.row[told.group == number].tolist()) for number in (0, 1)] == [{0, 6}, {3, 4}]


def test_pictures_that_were_told_apart_are_no_duplicates_although_more_candidates_are_asked_for(tmp_path: Path) -> None:
    train = copies_of(SCENES[0], 12, 1) + SCENES[1:20]
    splits = (
        picture_split(tmp_path, "train", train),
        picture_split(tmp_path, "test", [SCENES[0], SCENES[30], SCENES[31]]),
    )
    pairs = [(digest(copy.tobytes()), digest(SCENES[0].tobytes()), False) for copy in train[:12]]
    pairs.append((digest(train[15].tobytes()), digest(SCENES[31].tobytes()), True))
    told = measure(tmp_path, splits[0], splits[1], "photo", asked=0.9, decisions=decided(pairs))
    assert told.duplicates(1).tolist() == [False, False, True]
    assert np.flatnonzero(told.duplicates(0)).tolist() == [15]


def test_a_copy_told_apart_from_its_matches_is_laid_over_the_other_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "ALIGNED", 0)  # as in a larger set, where not all pairs are aligned
    rows = noisy(SCENES[0], 40, 4) + SCENES[1:30]
    train = picture_split(tmp_path, "train", rows)
    found = measure(tmp_path, train, train, "photo")
    pairs = by_rows(found.settled.pairs.where(found.settled.duplicate), found.join)
    ends = np.append(pairs.first, pairs.second)
    copy = int(np.bincount(ends, minlength=40)[:40].argmin())
    matches = np.append(pairs.second, pairs.first)[ends == copy]
    assert 0 < len(matches) < 39
    digests = [digest(row.tobytes()) for row in rows]
    decisions = decided([(digests[copy], digests[match], False) for match in matches])
    groups = measure(tmp_path, train, train, "photo", decisions=decisions).groups()
    assert len(groups.row) == 40


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture as an object on a wide white ground."""
    ground = Image.new("RGB", (96, 96), "white")
    ground.paste(picture.resize((32, 32)), (32, 32))
    return ground


def test_objects_on_white_are_undecided_unless_a_threshold_is_given(tmp_path: Path) -> None:
    objects = [on_white(picture) for picture in SCENES[:60]]
    copied = [noisy(each, 1, 2)[0] for each in objects[:5]]
    splits = picture_split(tmp_path, "train", objects[:50]), picture_split(tmp_path, "test", copied + objects[50:])
    known = [True] * 5 + [False] * 10
    found = measure(tmp_path, *splits, "photo")
    assert found.direction(1).best["undecided"].tolist() == known
    assert not found.duplicates(1).any()
    assert measure(tmp_path, *splits, "photo", asked=0.9).duplicates(1).tolist() == known
    (tmp_path / "whole").mkdir()
    whole = picture_split(tmp_path / "whole", "train", objects[:50] + copied)
    groups = measure(tmp_path / "whole", whole, whole, "photo", asked=0.95).groups()
    assert sorted(groups.row.tolist()) == [*range(5), *range(50, 55)]
    assert (groups.twin == groups.row).sum() == len(set(groups.group.tolist())) == 5
    assert groups.similarity.min() > 0.9
    pair = (digest(objects[0].tobytes()), digest(copied[0].tobytes()), True)
    told = measure(tmp_path, *splits, "photo", decisions=decided([pair])).direction(1).best
    assert told["near"].tolist() == told["judged"].tolist() == [True] + [False] * 14
    assert told["undecided"].tolist() == [False, *known[1:]]
    assert told["similarity"][0] == found.direction(1).best["similarity"][0] > 0.9


def test_glyphs_told_apart_leave_a_group_that_other_pairs_hold_together(tmp_path: Path) -> None:
    rng, base = np.random.default_rng(0), np.arange(784) < 300

    def flipped(glyph: Bits, first: int, count: int) -> Bits:
        return glyph ^ ((np.arange(784) >= first) & (np.arange(784) < first + count))

    second = flipped(base, 400, 9)
    square = [flipped(flipped(base, 500, 8), 620, 3), flipped(second, 500, 8), base, second]
    split = glyph_split(tmp_path, "train", np.array([*square, *(rng.random((200, 784)) < 0.4)]))
    one, two = (hashlib.md5(glyph.tobytes(), usedforsecurity=False).digest() for glyph in (base, second))
    groups = measure(tmp_path, split, split, "ink").groups()
    decisions = decided([(one, two, False)])
    told = measure(tmp_path, split, split, "ink", decisions=decisions).groups()
    assert sorted(groups.row.tolist()) == sorted(told.row.tolist()) == [0, 1, 2, 3]
    assert len(set(told.group.tolist())) == 1
