from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from tasks.records import Archive, Part, Reading
from tasks.sources.index import SCHEMA
from tasks.sources.pieces import LEAST, MOST, MOST_MEMBERS, parts_of, pieces_of, work_of
from tests.build import GLYPHS

PHOTOGRAPHS = Reading("photographs", "photo", 16)


def rows(members: dict[str, int], size: int = 300, digest: bytes | None = None) -> pa.Table:
    """Return rows of an index: so many members of each class, with digests as of different contents."""
    names = [(name, f"{number:07d}.png") for name, count in sorted(members.items()) for number in range(count)]
    digests = [digest or sha256(repr(name).encode()).digest()[:16] for name in names]
    columns = {"class_name": [c for c, _ in names], "member": [m for _, m in names], "digest": digests}
    columns |= {"offset": [0] * len(names), "size": [size] * len(names)}
    return pa.table([columns.get(name, [None] * len(names)) for name in SCHEMA.names], schema=SCHEMA)


def source(members: dict[str, int], size: int = 300) -> Archive:
    pieces = tuple(pieces_of(rows(members, size)))
    return Archive(
        "train", "train", "", bytes=0, columns={},
        index="", sha256="", pieces=pieces, outside={"quarantined": 2, "ignored": 1},
    )  # fmt: skip


def parts(archive: Archive, reading: Reading = GLYPHS) -> list[Part]:
    return [*parts_of(archive, list(archive.members), reading)]


def test_pieces_hold_all_members_once_and_none_is_larger_than_the_limit() -> None:
    members = {"a": 30_000, "b": 3, "c": 1}
    pieces = pieces_of(rows(members))
    assert source(members).members == members
    assert max(piece.members for piece in pieces) <= MOST_MEMBERS
    equal = rows({"a": 10}, digest=bytes(16))
    assert [piece.members for piece in pieces_of(equal)] == [1] * 10, "copies of one image that ends pieces"


def test_each_of_few_classes_is_a_part_of_its_own() -> None:
    found = parts(source({f"c{number}": 5_000 for number in range(10)}))
    assert [list(part.labels) for part in found] == [[f"c{number}"] for number in range(10)]
    assert str(found[2]) == "train c2"


def test_many_small_classes_are_few_parts_of_about_equal_cost() -> None:
    archive = source({f"c{number:04d}": 4 for number in range(1000)}, size=50_000)
    assert len(parts(archive)) == 1
    found = parts(archive, PHOTOGRAPHS)
    assert all(LEAST <= work_of(part, PHOTOGRAPHS) < MOST for part in found[:-1])
    assert [name for part in found for name in part.labels] == list(archive.members)
    assert str(found[1]).startswith("train c0")
    assert str(found[1]).endswith(f", {len(found[1].labels)} classes")


def test_a_large_class_is_cut_and_no_member_lost() -> None:
    archive = source({"a": 10, "b": 400_000, "c": 10})
    found = parts(archive)
    assert len(found) >= 5
    assert all(work_of(part, GLYPHS) < MOST + MOST_MEMBERS for part in found)
    assert [part.first for part in found] == [3, *(3 + np.cumsum([part.members for part in found])[:-1]).tolist()]
    assert sum(part.members for part in found) == 400_020
    assert [str(part) for part in found[1:3]] == ["train b", f"train b from member {found[1].members + 1:,}"]


@pytest.mark.whole
def test_a_few_more_members_change_few_parts() -> None:
    members = {f"c{number:03d}": 700 for number in range(500)}
    before = {part.digest for part in parts(source(members))}
    after = {part.digest for part in parts(source(members | {"c250": 703}))}
    assert len(before) > 2
    assert len(after - before) <= 2


def test_labels_are_those_of_all_sources() -> None:
    archive = source({"b": 1, "d": 1})
    found = [*parts_of(archive, ["a", "b", "c", "d"], GLYPHS)]
    assert [part.labels for part in found] == [{"b": 1}, {"d": 3}]
