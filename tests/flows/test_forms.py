"""The same images in every form give the same counts, overlap and sanitized rows."""

import io
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError, UsageError
from tasks.records import Report
from tasks.vocabulary import UNLABELLED
from tests.build import glyphs, noise, png, saved, scene, write_folder, write_tar
from tests.plain import audit
from tests.sources.listed import Listed, listed

Members = Mapping[str, bytes]


def splits() -> dict[str, dict[str, bytes]]:
    """Return two splits of two classes with exact and near duplicates, a text file, and a broken one."""
    train = {f"{name}/{i}.png": png(image) for name in "ab" for i, image in enumerate(glyphs(20, seed=ord(name)))}
    test = {f"{name}/{i}.png": png(image) for name in "ab" for i, image in enumerate(glyphs(12, seed=1000 + ord(name)))}
    for name in "ab":
        known = glyphs(20, seed=ord(name))
        test |= {f"{name}/copy-{i}.png": png(known[i]) for i in range(3)}
        test |= {f"{name}/near-{i}.png": png(noise(known[i], 1, seed=0)) for i in range(5, 7)}
    return {"train": train | {"a/broken.png": b"", "b/notes.txt": b"x"}, "test": test}


def zipped(path: Path, members: Members, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def packed(path: Path, members: Members) -> Path:
    """Write a tar that is compressed as its name says."""
    plain = write_tar(path.with_suffix(""), members)
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(plain.read_bytes())
    else:
        kind = {".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
        with tarfile.open(path, kind) as tar:  # type: ignore[call-overload]
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def in_two(path: Path, members: Members, ending: str) -> Path:
    """Write two archives of half the members each, and return a pattern that names both."""
    for number in range(2):
        half = dict(sorted(members.items())[number::2])
        FORMS[ending](path.with_name(f"{path.name}-{number}.{ending}"), half)
    pattern = path.with_name(f"{path.name}-*.{ending}")
    assert len(list(path.parent.glob(pattern.name))) == 2
    return pattern


FORMS: dict[str, Callable[[Path, Members], Path]] = {
    "folder": lambda path, members: write_folder(path, members),
    "tar": lambda path, members: write_tar(path.with_suffix(".tar"), members),
    "tar.gz": lambda path, members: write_tar(path.with_suffix(".tar.gz"), members),
    "tar.bz2": lambda path, members: packed(path.with_suffix(".tar.bz2"), members),
    "tar.xz": lambda path, members: packed(path.with_suffix(".tar.xz"), members),
    "tar.zst": lambda path, members: packed(path.with_suffix(".tar.zst"), members),
    "zip": zipped,
    "zip, stored": lambda path, members: zipped(path, members, zipfile.ZIP_STORED),
    "two packed tars": lambda path, members: in_two(path, members, "tar.zst"),
    "zip, lzma": lambda path, members: zipped(path, members, zipfile.ZIP_LZMA),
}
QUARANTINE: dict[str, Any] = {"max_quarantine": 0.5}


def content(report: Report) -> tuple[object, ...]:
    """Return what must be the same in every form: all but ids and names of sources."""
    left = pq.read_table(report.run / "sanitized" / "test-00000-of-00001.parquet")
    rows = Counter(zip(left["class_name"].to_pylist(), map(str, left["pixels"].to_pylist()), strict=True))
    members = Counter((c.class_name, c.members, c.accepted, c.quarantined, c.ignored) for c in report.conservation)
    return report.rows, report.overlap, report.sanitized, report.label_conflicts, members, rows


@pytest.fixture(scope="module")
def expected(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("expected")
    given: dict[str, Any] = {name: str(write_folder(folder / name, members)) for name, members in splits().items()}
    report = audit(**given, workspace=folder / "w", **QUARANTINE)
    assert report.pair("test", "train").exact == 6
    assert report.pair("test", "train").near == 4
    return content(report)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    folder = tmp_path_factory.mktemp("images")
    given = {name: str(write_folder(folder / name, members)) for name, members in splits().items()}
    return listed(given, folder / "w")


@pytest.mark.parametrize("form", FORMS)
def test_two_sources_of_every_form_hold_the_same(images: Listed, form: str, tmp_path: Path) -> None:
    assert images[1]["train", "a", "empty"] == images[1]["train", "b", "not_png_name"] == 1
    given = {name: str(FORMS[form](tmp_path / name, members)) for name, members in splits().items()}
    assert listed(given, tmp_path / "w") == images


@pytest.mark.parametrize("form", ["two packed tars"])
def test_whole_runs_on_two_sources_give_the_same(expected: tuple[object, ...], form: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {name: str(FORMS[form](tmp_path / name, members)) for name, members in splits().items()}
    assert content(audit(**given, workspace=tmp_path / "w", **QUARANTINE)) == expected


@pytest.mark.parametrize(("form", "below"), [("folder", ""), ("folder", "data/"), ("tar.xz", "data/"), ("zip", "")])
def test_a_root_holds_the_same_in_one_piece(images: Listed, form: str, below: str, tmp_path: Path) -> None:
    members = {f"{below}{split}/{name}": data for split, own in splits().items() for name, data in own.items()}
    assert listed({"root": str(FORMS[form](tmp_path / "root", members))}, tmp_path / "w") == images


def test_a_root_gives_the_same_run(expected: tuple[object, ...], tmp_path: Path) -> None:
    members = {f"data/{split}/{name}": data for split, own in splits().items() for name, data in own.items()}
    root = write_folder(tmp_path / "root", members)
    report = audit(root=str(root), workspace=tmp_path / "w", **QUARANTINE)
    assert content(report) == expected
    assert [entry.name for entry in report.inputs] == [f"{root}/data/train", f"{root}/data/test"]


def test_a_root_may_hold_validation_under_its_usual_names(tmp_path: Path) -> None:
    for name in ("val", "valid", "Validation"):
        root = tmp_path / name
        for split, own in (splits() | {name: {f"{c}/v.png": png(glyphs(1, seed=5)[0]) for c in "ab"}}).items():
            write_folder(root / split, own)
        rows = Counter(role for role, _, _ in listed({"root": str(root)}, tmp_path / "w")[0].elements())
        assert rows == {"train": 40, "validation": 2, "test": 34}


def test_images_without_classes_are_audited_and_it_is_said(prefect_server: None, tmp_path: Path) -> None:
    flat = {split: {name.replace("/", "-"): data for name, data in own.items()} for split, own in splits().items()}
    given: dict[str, Any] = {split: str(write_folder(tmp_path / split, own)) for split, own in flat.items()}
    report = audit(**given, workspace=tmp_path / "w", **QUARANTINE)
    assert report.classes == (UNLABELLED,)
    assert (report.pair("test", "train").exact, report.pair("test", "train").near) == (6, 4)
    assert "The images have no classes." in (report.run / "README.md").read_text()
    root = zipped(
        tmp_path / "root.zip", {f"{split}/{name}": data for split, own in flat.items() for name, data in own.items()}
    )
    assert listed({"root": str(root)}, tmp_path / "in one") == listed(given, tmp_path / "in two")


def test_photographs_without_classes_are_read_from_a_folder(prefect_server: None, tmp_path: Path) -> None:
    pictures = [scene(80, 60, seed=number) for number in range(24)]
    for split, own in (("train", pictures[:16]), ("test", pictures[12:])):
        write_folder(tmp_path / split, {f"{i}.jpg": saved(p, "JPEG") for i, p in enumerate(own)})
    report = audit(train=str(tmp_path / "train"), test=str(tmp_path / "test"), workspace=tmp_path / "w")
    assert report.pair("test", "train").exact == 4
    assert (report.run / "paths").is_dir()


def test_sources_with_one_class_and_with_other_classes_are_audited(prefect_server: None, tmp_path: Path) -> None:
    own = splits()
    train = {name: data for name, data in own["train"].items() if name.startswith("a/")}
    given: dict[str, Any] = {
        "train": str(write_folder(tmp_path / "train", train)),
        "test": str(write_folder(tmp_path / "test", own["test"])),
    }
    report = audit(**given, workspace=tmp_path / "w", **QUARANTINE)
    assert report.classes == ("a", "b")
    assert (report.rows.train, report.pair("test", "train").exact) == (20, 3)
    assert {(row.split, row.class_name): row.raw for row in report.balance}["train", "b"] == 0


def test_a_source_given_twice_is_refused(prefect_server: None, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "one", splits()["train"])
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(UsageError, match="train and test are the same source"):
        audit(train=str(folder), test=str(tmp_path / "link"), workspace=tmp_path / "w")


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "give either a root that holds"), ({"root": "a", "test": "b"}, "give either a root that holds")],
)
def test_an_audit_takes_a_root_or_two_splits(
    prefect_server: None, given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        audit(**given, workspace=tmp_path / "w")


def test_a_damaged_member_of_a_zip_is_quarantined_and_a_damaged_directory_refused(
    prefect_server: None, tmp_path: Path
) -> None:
    own = splits()
    train = zipped(tmp_path / "train.zip", own["train"], zipfile.ZIP_STORED)
    data = bytearray(train.read_bytes())
    with zipfile.ZipFile(train) as archive:
        at = archive.getinfo("a/3.png").header_offset
    data[at + 60] ^= 1  # inside its bytes: the checksum differs
    train.write_bytes(bytes(data))
    given: dict[str, Any] = {"train": str(train), "test": str(zipped(tmp_path / "test.zip", own["test"]))}
    report = audit(**given, workspace=tmp_path / "w", **QUARANTINE)
    refused = {row["member"]: row["reason"] for row in pq.read_table(report.run / "quarantine.parquet").to_pylist()}
    assert refused == {"3.png": "damaged_member", "broken.png": "empty", "notes.txt": "not_image_name"} | {
        "notes.txt": refused["notes.txt"]
    }
    train.write_bytes(bytes(data[:-40]))
    with pytest.raises(DataError, match=r"train\.zip is not a readable zip archive"):
        audit(**given, workspace=tmp_path / "w", **QUARANTINE)
    shutil.rmtree(tmp_path / "w")
