import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.classes.fingerprints import write_fingerprints
from tasks.classes.shard import build_shard
from tasks.errors import DataError
from tasks.records import Archive, ClassCounts, Shard
from tasks.records.inputs import FINGERPRINTS
from tasks.sources.archive import Entry
from tasks.sources.index import write_index
from tasks.sources.listing import list_members
from tasks.sources.opening import read_folder
from tasks.sources.pieces import parts_of
from tasks.storage.image_files import read_images
from tasks.storage.images import mean_and_deviation
from tasks.storage.place import Place
from tests.build import GLYPHS, font_member, glyphs, png, raw_png, read_entries, write_folder, write_tar

IMAGES = glyphs(5, seed=3)
MEMBERS = {f"root/A/{font_member(f'f{i}.ttf')}": png(image) for i, image in enumerate(IMAGES)} | {
    "root/A/empty.png": b"",
    "root/A/text.png": b"<html>",
    "root/A/short.png": raw_png(bytes(28 * 28)),
    "root/A/notes.txt": b"notes",
    "root/B/other.png": png(IMAGES[0]),
}


def load(source: Path, tmp_path: Path, entries: Iterable[Entry]) -> tuple[Shard, Path]:
    """Write the shard of class A, the first part of the source."""
    target = tmp_path / "out"
    target.mkdir()
    pieces, outside, _ = write_index(list_members(entries, "s"), Place.of(tmp_path / "index.parquet"))
    archive = Archive(
        "large", "s", str(source), bytes=0, columns={},
        index="index.parquet", sha256="", pieces=tuple(pieces), outside=outside,
    )  # fmt: skip
    (part, *_) = parts_of(archive, ["A", "B"], GLYPHS)
    built = build_shard(part, GLYPHS, Place.of(tmp_path), Place.of(target))
    return Shard("large", "out", tuple(ClassCounts(**one) for one in built["classes"]), built["sha256"]), target


def fingerprint(shard: Shard, tmp_path: Path) -> pa.Table:
    write_fingerprints(shard, GLYPHS, {}, Place.of(tmp_path), Place.of(tmp_path))
    return pq.read_table(tmp_path / FINGERPRINTS)


def test_every_member_is_accepted_quarantined_or_ignored(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    loaded, target = load(path, tmp_path, read_entries(Place.of(path)))
    (counts,) = loaded.classes
    assert (counts.members, counts.rows, counts.quarantined, counts.ignored) == (9, 5, 3, 1)
    rows = pq.read_table(target / "quarantine.parquet").to_pylist()
    assert {row["member"]: (row["outcome"], row["reason"]) for row in rows} == {
        "empty.png": ("quarantined", "empty"),
        "text.png": ("quarantined", "not_png"),
        "short.png": ("quarantined", "png_idat_length"),
        "notes.txt": ("ignored", "not_png_name"),
    }


def test_a_shard_is_sorted_by_id_and_holds_the_pixels(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    _, target = load(path, tmp_path, read_entries(Place.of(path)))
    images = read_images([Place.of(target / "shard.parquet")])
    assert images.ids.to_pylist() == [f"large/A/{font_member(f'f{i}.ttf')}" for i in range(5)]
    assert np.array_equal(images.gray, IMAGES)
    table = pq.read_table(target / "shard.parquet")
    assert table["pixels"].to_pylist() == [image.tobytes() for image in IMAGES]


def test_sums_are_those_of_the_gray_values(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    loaded, _ = load(path, tmp_path, read_entries(Place.of(path)))
    (counts,) = loaded.classes
    mean, deviation = mean_and_deviation(counts.pixels, counts.total, counts.squares)
    pixels = (IMAGES.astype(np.float64) - 127.5) / 255
    assert mean == pytest.approx(pixels.mean(), abs=1e-12)
    assert deviation == pytest.approx(pixels.std(), abs=1e-12)


def test_member_order_and_kind_of_source_change_no_byte(tmp_path: Path) -> None:
    digests = set()
    for name, members in (("plain", MEMBERS), ("reversed", dict(reversed(MEMBERS.items())))):
        (tmp_path / name).mkdir()
        path = write_tar(tmp_path / name / "a.tar", members)
        _, target = load(path, tmp_path / name, read_entries(Place.of(path)))
        digests.add(hashlib.sha256((target / "shard.parquet").read_bytes()).hexdigest())
    (tmp_path / "folder").mkdir()
    root = write_folder(tmp_path / "folder" / "src", MEMBERS)
    _, target = load(root / "root", tmp_path / "folder", read_folder(Place.of(root)))
    digests.add(hashlib.sha256((target / "shard.parquet").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_member_that_changed_since_it_was_indexed_is_never_used(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    entries = list(read_entries(Place.of(path)))
    data = bytearray(path.read_bytes())
    data[entries[2].offset + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="has changed since it was indexed"):
        load(path, tmp_path, entries)


def test_a_class_without_a_readable_image_gives_an_empty_shard(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"root/A/1.png": b"", "root/B/1.png": b""})
    loaded, _ = load(path, tmp_path, read_entries(Place.of(path)))
    (counts,) = loaded.classes
    assert (counts.rows, counts.quarantined, counts.pixels) == (0, 1, 0)
    assert len(fingerprint(loaded, tmp_path)) == 0


def test_a_shard_of_several_classes_counts_each_of_them(tmp_path: Path) -> None:
    names = [f"c{number:02d}" for number in range(30)]
    members = {f"{name}/{i}.png": png(image) for n, name in enumerate(names) for i, image in enumerate(glyphs(3, n))}
    path = write_tar(tmp_path / "a.tar", members | {"c07/broken.png": b"", "c08/notes.txt": b"x"})
    index = Place.of(tmp_path / "index.parquet")
    pieces, outside, _ = write_index(list_members(read_entries(Place.of(path)), "s"), index)
    archive = Archive(
        "train", "s", str(path), bytes=0, columns={},
        index="index.parquet", sha256="", pieces=tuple(pieces), outside=outside,
    )  # fmt: skip
    (part,) = parts_of(archive, names, GLYPHS)
    built = build_shard(part, GLYPHS, Place.of(tmp_path), Place.of(tmp_path))
    counts = [ClassCounts(**one) for one in built["classes"]]
    assert [(one.class_name, one.label, one.rows) for one in counts] == [(name, n, 3) for n, name in enumerate(names)]
    assert [(one.members, one.quarantined, one.ignored) for one in counts[6:10]] == [
        (3, 0, 0), (4, 1, 0), (4, 0, 1), (3, 0, 0),
    ]  # fmt: skip
    images = read_images([Place.of(tmp_path / "shard.parquet")])
    assert images.ids.to_pylist() == sorted(f"train/{name}" for name in members)
    assert images.labels.tolist() == sorted([*range(30)] * 3)
    for number, one in enumerate(counts):
        assert one.total == glyphs(3, number).sum(dtype=int)
    samples = pq.read_table(tmp_path / "samples.parquet")
    assert samples["class_name"].to_pylist() == sorted(names * 3)


def test_fingerprints_hold_digest_ink_font_and_colour(tmp_path: Path) -> None:
    images = [*IMAGES[:2], np.full((28, 28), 200, np.uint8)]
    names = [font_member("B.ttf"), "unknown.png", font_member("A.ttf").replace(".png", "_2.png")]
    members = {f"r/A/{name}": png(image) for name, image in zip(names, images, strict=True)} | {"r/B/x.png": b""}
    path = write_tar(tmp_path / "a.tar", members)
    loaded, _ = load(path, tmp_path, read_entries(Place.of(path)))
    rows = {row["id"].split("/", 2)[2]: row for row in fingerprint(loaded, tmp_path).to_pylist()}
    assert [rows[name]["font"] for name in names] == ["B.ttf", None, "A.ttf"]
    assert [rows[name]["one_colour"] for name in names] == [False, False, True]
    for name, image in zip(names, images, strict=True):
        assert rows[name]["md5"] == hashlib.md5(image.tobytes(), usedforsecurity=False).digest()
        assert rows[name]["bits"] == np.packbits(image > 127).tobytes()
