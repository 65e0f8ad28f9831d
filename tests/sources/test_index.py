from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError, UsageError
from tasks.records import Archive, Piece, Source
from tasks.sources import pieces
from tasks.sources.archive import Entry, content_digest
from tasks.sources.found import splits_of
from tasks.sources.index import by_split, write_index
from tasks.sources.layout import check_classes, differences, is_metadata, split_folders
from tasks.sources.listing import list_members
from tasks.sources.opening import read_folder
from tasks.storage.place import Place
from tasks.vocabulary import UNLABELLED, Role
from tests.build import read_entries, write_folder, write_tar

ROOT = Source("root", "s", "s", None, {})


def entry(name: str, data: bytes = b"x", kind: str = "file", offset: int = 0) -> Entry:
    return Entry(name, kind, offset, len(data), content_digest(data))


def outcomes(entries: list[Entry], tmp_path: Path) -> dict[tuple[str | None, str], str | None]:
    write_index(list_members(entries, "source"), Place.of(tmp_path / "index.parquet"))
    rows = pq.read_table(tmp_path / "index.parquet").to_pylist()
    assert len(rows) == len(entries), "every member has a row"
    return {(row["class_name"], row["member"]): row["reason"] for row in rows}


@pytest.mark.parametrize("root", ["", "./", "notMNIST_large/", "x/notMNIST_large/"])
def test_the_class_is_the_folder_below_the_common_root(root: str, tmp_path: Path) -> None:
    names = ["A/1.png", "A/2.png", "B/1.png"]
    found = outcomes([entry(root + name) for name in names], tmp_path)
    assert found == {("A", "1.png"): None, ("A", "2.png"): None, ("B", "1.png"): None}


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("r/A/._a.png", "file", "os_metadata"),
        ("r/A/.DS_Store", "file", "os_metadata"),
        ("r/__MACOSX/A/a.png", "file", "os_metadata"),
        ("r/A/Thumbs.db", "file", "os_metadata"),
        ("r/A/readme.txt", "file", "not_image_name"),
        ("r/stray.png", "file", "no_class"),
        ("r/A/l.png", "link", "link_member"),
        ("r/A/d.png", "special", "special_member"),
        ("r/A/u.png", "unreadable", "unreadable"),
        ("r/A/" + "n" * 300 + ".png", "file", "name_too_long"),
    ],
)
def test_what_is_no_image_has_an_outcome_and_a_reason(name: str, kind: str, reason: str, tmp_path: Path) -> None:
    found = outcomes([entry("r/A/1.png"), entry("r/B/1.png"), entry(name, kind=kind)], tmp_path)
    assert reason in found.values()
    assert sum(value is None for value in found.values()) == 2


def test_what_is_metadata_is_so_by_name_and_in_columns() -> None:
    names = ["._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", "a.png~", "a.png", "~a.png", "thumbs.db", "a~.png"]
    listing = list_members([entry(f"A/{name}") for name in names], "s")
    assert listing.is_metadata.tolist() == [is_metadata(name) for name in names]


def test_an_oversized_member_is_refused_unread(tmp_path: Path) -> None:
    big = Entry("r/A/big.png", "file", 0, (64 << 20) + 1, b"")
    assert outcomes([entry("r/A/1.png"), entry("r/B/1.png"), big], tmp_path)["A", "big.png"] == "oversize_file"


def test_of_equal_members_with_one_name_the_first_stays(tmp_path: Path) -> None:
    entries = [entry("r/A/1.png", offset=o) for o in (0, 512)] + [entry("r/B/1.png")]
    write_index(list_members(entries, "source"), Place.of(tmp_path / "i.parquet"))
    reasons = pq.read_table(tmp_path / "i.parquet")["reason"].to_pylist()
    assert reasons == [None, "duplicate_identical", None]


def test_the_index_and_its_pieces_do_not_depend_on_the_order_of_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MOST_MEMBERS", 20)
    monkeypatch.setattr(pieces, "USUAL_MEMBERS", 8)
    entries = [entry(f"r/{name}/{at}.png", str(at).encode()) for name in ("A", "A b", "B") for at in range(60)]
    entries += [entry("r/A/5.png", b"5", offset=512), entry("r/A/6.png", b"another", offset=512)] * 3
    entries += [entry(name) for name in ("r/A/.DS_Store", "r/stray.png", "r/B/readme.txt", "s.png")]
    entries += [entry(f"r/C/{at}.png") for at in range(70)]  # copies, so that each ends a piece, or none does
    entries += [entry("r/A/1.png", kind="beside"), entry("r/B/x/1.png", kind="link")]
    whole = write_index(list_members(entries, "source"), Place.of(tmp_path / "whole.parquet"))
    found = write_index(list_members(entries[::-1], "source"), Place.of(tmp_path / "parts.parquet"))
    assert found == whole
    assert pq.read_table(tmp_path / "parts.parquet") == pq.read_table(tmp_path / "whole.parquet")
    assert sum(piece.members for piece in found[0]) + sum(found[1].values()) == len(entries)


def test_of_different_members_with_one_name_none_stays(tmp_path: Path) -> None:
    entries = [entry("r/A/1.png", b"a"), entry("r/A/1.png", b"b"), entry("r/B/1.png")]
    write_index(list_members(entries, "source"), Place.of(tmp_path / "i.parquet"))
    reasons = pq.read_table(tmp_path / "i.parquet")["reason"].to_pylist()
    assert reasons == ["duplicate_member", "duplicate_member", None]


@pytest.mark.parametrize(
    "name", ["../x.png", "a/../../x.png", "..\\..\\x.png", "/etc/x.png", "C:\\x.png", "\\\\h\\x.png"]
)
def test_a_name_that_points_out_of_the_archive_refuses_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="points out of the archive"):
        write_index(list_members([entry("r/A/1.png"), entry(name)], "source"), Place.of(tmp_path / "i.parquet"))


def test_a_colon_after_one_letter_is_part_of_a_name(tmp_path: Path) -> None:
    write_index(list_members([entry("r/A/a:1.png"), entry("r/b:2/1.png")], "source"), Place.of(tmp_path / "i.parquet"))
    found = pq.read_table(tmp_path / "i.parquet")
    assert found["reason"].to_pylist() == [None, None]


def test_the_digest_of_a_class_depends_on_its_own_members_in_any_order(tmp_path: Path) -> None:
    one = [entry("r/A/1.png", b"1"), entry("r/A/2.png", b"2"), entry("r/B/1.png", b"3")]
    changed = [*one[:2], entry("r/B/1.png", b"4")]
    digests = [
        {
            piece.class_name: piece.digest
            for piece in write_index(list_members(entries, "s"), Place.of(tmp_path / "i.parquet"))[0]
        }
        for entries in (one, one[::-1], changed)
    ]
    assert digests[0] == digests[1]
    assert digests[2]["A"] == digests[0]["A"]
    assert digests[2]["B"] != digests[0]["B"]


def test_a_folder_and_an_archive_of_the_same_files_have_the_same_classes(tmp_path: Path) -> None:
    members = {f"root/{name}/{i}.png": bytes([i]) for name in "AB" for i in range(3)}
    place = Place.of(tmp_path)
    write_tar(tmp_path / "a.tar", members)
    write_folder(tmp_path / "f", members)
    tar = write_index(list_members(read_entries(place / "a.tar"), "s"), place / "1.parquet")
    folder = write_index(list_members(read_folder(place / "f"), "s"), place / "2.parquet")
    assert tar[0] == folder[0]


def test_links_that_lead_out_of_a_folder_or_in_circles_are_never_followed(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {"secret/x.png": b"secret"})
    root = write_folder(tmp_path / "in", {"A/1.png": b"1", "B/1.png": b"1"})
    (root / "A" / "2.png").symlink_to(outside / "secret" / "x.png")
    (root / "C").symlink_to(outside / "secret")
    (root / "B" / "up").symlink_to(root)
    (root / "B" / "itself").symlink_to(root / "B")
    (root / "B" / "nowhere").symlink_to(root / "gone")
    (root / "B" / "two").symlink_to("../B/one")
    (root / "B" / "one").symlink_to("../B/two")
    kinds = {e.name: e.kind for e in read_folder(Place.of(root))}
    assert {name for name, kind in kinds.items() if kind == "file"} == {"A/1.png", "B/1.png"}
    assert {name for name, kind in kinds.items() if kind == "link"} == {
        "A/2.png", "C", "B/up", "B/itself", "B/nowhere", "B/two", "B/one",
    }  # fmt: skip


def test_links_inside_a_folder_are_followed(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "in", {"A/1.png": b"1", "store/x.bin": b"2", "store/deep/y.png": b"3"})
    (root / "A" / "2.png").symlink_to("../store/x.bin")
    (root / "B").symlink_to(root / "store" / "deep")
    (tmp_path / "alias").symlink_to(root)
    for given in (root, tmp_path / "alias"):
        found = {e.name: (e.kind, e.size) for e in read_folder(Place.of(given))}
        assert found["A/2.png"] == found["B/y.png"] == ("file", 1)
        assert set(found) == {"A/1.png", "A/2.png", "B/y.png", "store/x.bin", "store/deep/y.png"}


def archive(role: Role, *classes: tuple[str, int]) -> Archive:
    return Archive(
        role=role, name=f"{role}.tar", location="", index="", sha256="", bytes=0, columns={},
        pieces=tuple(Piece(name, count, "", 0) for name, count in classes), outside={},
    )  # fmt: skip


def one_each(_role: Role) -> int:
    return 1


def test_classes_must_be_as_many_as_expected() -> None:
    both = archive("large", ("A", 5), ("B", 5)), archive("small", ("A", 5), ("B", 5))
    assert check_classes(both, 2, one_each, alike=True) == ("A", "B")
    with pytest.raises(DataError, match=r"large\.tar has 2 class folders \(A, B\) where 3 are expected"):
        check_classes(both, 3, one_each, alike=True)


def test_classes_must_have_their_minimum() -> None:
    both = archive("large", ("A", 5), ("B", 5)), archive("small", ("A", 5), ("B", 4))
    with pytest.raises(DataError, match=r"class B of small\.tar has 4 images, fewer than the 5"):
        check_classes(both, 2, lambda role: 5 if role == "small" else 1, alike=True)


def test_a_run_needs_the_same_classes_and_an_audit_says_how_they_differ() -> None:
    many = [(f"class {number:03d}", 5) for number in range(1000)]
    both = archive("train", ("A", 5), ("B", 5)), archive("test", ("A", 5), ("C", 5), *many)
    with pytest.raises(DataError, match="the same classes, but train lacks 1001 of 1003 classes: C, ") as refused:
        check_classes(both, None, one_each, alike=True)
    assert len(str(refused.value)) < 300
    assert len(check_classes(both, None, one_each, alike=False)) == 1003
    assert differences(both) == [
        "train lacks 1001 of 1003 classes: C, class 000, class 001, class 002, class 003 and 996 more.",
        "test lacks 1 of 1003 classes: B.",
    ]


@pytest.mark.parametrize(
    ("classes", "said"),
    [(((UNLABELLED, 5),), "has no class folders"), ((("A", 5),), "needs two")],
)
def test_a_run_needs_two_classes(classes: tuple[tuple[str, int], ...], said: str) -> None:
    both = archive("large", *classes), archive("small", *classes)
    with pytest.raises(DataError, match=said):
        check_classes(both, None, one_each, alike=True)
    assert check_classes(both, None, one_each, alike=False) == (classes[0][0],)


def test_images_without_class_folders_are_one_class(tmp_path: Path) -> None:
    entries = [entry("1.png"), entry("2.png"), entry("notes/a.txt"), entry("a.txt")]
    pieces, outside, root = write_index(list_members(entries, "s"), Place.of(tmp_path / "i.parquet"))
    assert ([(piece.class_name, piece.members) for piece in pieces], root) == ([(UNLABELLED, 4)], "")
    assert outside == {"quarantined": 0, "ignored": 0}
    assert {row["member"]: row["reason"] for row in pq.read_table(tmp_path / "i.parquet").to_pylist()} == {
        "1.png": None, "2.png": None, "notes/a.txt": "not_image_name", "a.txt": "not_image_name",
    }  # fmt: skip


def test_a_source_of_splits_is_no_source_of_classes(tmp_path: Path) -> None:
    entries = [entry(f"data/{split}/{name}/1.png") for split in ("train", "val", "test") for name in "ab"]
    said = r"s holds 6 images in data/test \(2\), data/train \(2\), data/val \(2\), which are splits, not classes; run "
    with pytest.raises(UsageError, match=said + "`cleansplit audit s`"):
        splits_of(replace(ROOT, role="large"), list_members(entries, "s"))
    entries += [entry("data/labels.csv"), entry("__MACOSX/data/train/a/1.png")]
    listing = list_members(entries, "s")
    found = by_split(listing, splits_of(ROOT, listing))
    assert {name: (root, len(own)) for name, (root, own) in found.items()} == {
        "train": ("data/train", 4), "validation": ("data/val", 2), "test": ("data/test", 2),
    }  # fmt: skip
    root, own = found["train"]
    pieces, outside, _ = write_index(own, Place.of(tmp_path / "t.parquet"), root)
    assert [piece.class_name for piece in pieces] == ["a", "b"]
    assert outside == {"quarantined": 0, "ignored": 2}, "members outside the splits are accounted for once"


@pytest.mark.parametrize(
    "folders",
    [{"train/a", "bus/a"}, {"train/a"}, {"val/a", "test/a"}, {"train", "test", "misc"}, {"a/train", "b/test"}],
)
def test_classes_that_are_named_like_a_split_stay_classes(folders: set[str]) -> None:
    assert split_folders(folders) == {}
    with pytest.raises(UsageError, match="; run `"):
        splits_of(ROOT, list_members([entry(f"{folder}/1.png") for folder in folders], "s"))


def test_splits_inside_classes_are_to_be_listed_in_a_table() -> None:
    names = [f"{label}/{split}/1.png" for label in ("cat", "dog") for split in ("train", "test")]
    said = r"cat \(2\), dog \(2\), with the splits inside; list the path, label and split of each in a table; run "
    with pytest.raises(UsageError, match=f"{said}`cleansplit audit TABLE`"):
        splits_of(ROOT, list_members([entry(name) for name in names], "s"))


def test_a_set_of_many_classes_is_described_at_once_by_its_first() -> None:
    listing = list_members([entry(f"{number:05d}/1.png") for number in range(20_000)], "s")
    with pytest.raises(UsageError, match=r"s holds 20,000 images in 00000 \(1\), .* and 19995 more, and no splits"):
        splits_of(ROOT, listing)


def test_a_set_of_one_image_is_described_in_the_singular() -> None:
    with pytest.raises(UsageError, match=r"s holds 1 image in train \(1\), and no split but train"):
        splits_of(ROOT, list_members([entry("train/1.png")], "s"))


def test_an_image_beside_the_folders_of_splits_is_counted_once() -> None:
    entries = [entry(name) for name in ("preview.png", "train/a/1.png", "train/b/1.png", "test/a/1.png")]
    said = r"s holds 4 images in no folder \(1\), test \(1\), train \(2\); run `cleansplit audit --train s/train"
    with pytest.raises(UsageError, match=said):
        splits_of(ROOT, list_members(entries, "s"))


def test_folders_under_other_names_come_before_tables_beside_them() -> None:
    names = ("train2017/1.png", "val2017/1.png", "labels/train.csv", "labels/val.csv")
    with pytest.raises(UsageError, match="run `cleansplit audit --train s/train2017 --test s/val2017`"):
        splits_of(ROOT, list_members([entry(name) for name in names], "s"))
