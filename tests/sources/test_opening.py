"""Archives are listed once, whether they have just been unpacked or not, and damaged ones are named."""

import contextlib
import gzip
import hashlib
import io
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tasks.errors import DataError, UsageError
from tasks.records import Source
from tasks.sources import archive
from tasks.sources.archive import Entry, content_digest
from tasks.sources.opening import open_source
from tasks.storage.place import Place
from tasks.storage.stages import digest_of
from tests.build import write_folder, write_tar

MEMBERS = {f"root/A/{number}.png": bytes([number]) * (number * 371) for number in range(60)}


def source(path: Path) -> Source:
    return Source("large", path.name, str(path), 0, {})


def members(path: Path, workspace: Path) -> tuple[str, list[tuple[str, int]]]:
    opened = open_source(source(path), Place.of(workspace))
    return opened.location, [(entry.name, entry.offset) for entry in opened.members().entries()]


def test_what_is_unpacked_is_listed_once_and_as_it_is_when_it_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    read = archive.read_entries

    def counting(tar: BinaryIO, called: str) -> Iterator[Entry]:
        listed.append(called)
        return read(tar, called)

    monkeypatch.setattr(archive, "read_entries", counting)
    path = write_tar(tmp_path / "a.tar.gz", MEMBERS)
    location, found = members(path, tmp_path / "w")
    assert [name for name, _ in found] == list(MEMBERS)
    assert listed == ["a.tar.gz"]
    assert (location, found) == members(path, tmp_path / "w")
    assert listed == ["a.tar.gz", "a.tar.gz"]


def test_several_archives_lie_one_behind_the_other(tmp_path: Path) -> None:
    names = list(MEMBERS)
    write_tar(tmp_path / "1.tar.gz", {name: MEMBERS[name] for name in names[:20]})
    write_tar(tmp_path / "2.tar", {name: MEMBERS[name] for name in names[20:40]})
    write_tar(tmp_path / "3.tar.gz", {name: MEMBERS[name] for name in names[40:]})
    location, found = members(tmp_path / "*.tar*", tmp_path / "w")
    assert location.endswith("archive-*.tar")
    assert [name for name, _ in found] == names
    assert (location, found) == members(tmp_path / "*.tar*", tmp_path / "w")


@pytest.fixture
def archives(tmp_path: Path) -> list[Place]:
    """Write a tar, a zip, a shard with labels in files of their own, and a tar without members."""
    names = list(MEMBERS)
    with zipfile.ZipFile(tmp_path / "2.tar", "w") as zipped:
        for name in names[20:40]:
            zipped.writestr(name, MEMBERS[name])
    write_tar(tmp_path / "1.tar", {name: MEMBERS[name] for name in names[:20]})
    write_tar(tmp_path / "3.tar", {f"{number}.{form}": b"cat" for number in range(9) for form in ("cls", "jpg")})
    write_tar(tmp_path / "4.tar", {})
    return [Place.of(tmp_path / f"{number}.tar") for number in range(1, 5)]


def test_archives_of_any_form_are_listed_like_one(archives: list[Place]) -> None:
    pattern = Path(str(archives[0])).with_name("*.tar")
    whole = open_source(source(pattern), Place.of(pattern.parent / "w"))
    entries = [entry for entry in whole.members().entries() if entry.kind == "file"]
    labelled = [f"cat/3-{number}.jpg" for number in range(9)]
    assert [entry.name for entry in entries] == [*list(MEMBERS)[:40], *labelled]
    contents = [*list(MEMBERS.values())[:40], *[b"cat"] * 9]
    assert [entry.digest for entry in entries] == list(map(content_digest, contents))
    hashes = [hashlib.sha256(Path(str(place)).read_bytes()).hexdigest() for place in archives]
    assert whole.digest == digest_of([[place.last for place in archives], hashes])


def open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            yield os.readlink(link)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not say what is open")
def test_not_all_of_many_archives_are_open_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most: list[int] = []
    read = archive.read_entries

    def slowly(tar: BinaryIO, called: str) -> Iterator[Entry]:
        time.sleep(0.02)  # longer than it takes to unpack one
        most.append(sum(name.endswith(".tar") and "unpacked" in name for name in open_files()))
        return read(tar, called)

    names = list(MEMBERS)[:20]
    for number, name in enumerate(names):
        write_tar(tmp_path / f"{number:02}.tar.gz", {name: MEMBERS[name]})
    monkeypatch.setattr(archive, "read_entries", slowly)
    assert [name for name, _ in members(tmp_path / "*.tar.gz", tmp_path / "w")[1]] == names
    assert max(most) <= 2, "one that is listed, and one that is written"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("stream", "damaged gzip"),
        ("end of the stream", "damaged gzip .Compressed file ended before"),
        ("nothing", "damaged gzip .Compressed file ended before"),
        ("end of the tar", "truncated"),
        ("header", "nor a readable tar|bad header"),
    ],
)
def test_what_is_damaged_is_named_and_what_was_wrong_first(tmp_path: Path, damage: str, says: str) -> None:
    tar = bytearray(write_tar(tmp_path / "a.tar", MEMBERS).read_bytes())
    if damage == "end of the tar":
        del tar[-20_000:]
    if damage == "header":
        tar[100:110] = b"x" * 10
    data = bytearray(gzip.compress(tar))
    if damage == "stream":
        data[len(data) // 2] ^= 16
    if damage == "end of the stream":
        del data[-100:]
    if damage == "nothing":
        del data[10:]
    (tmp_path / "bad.tar.gz").write_bytes(data)
    with pytest.raises(DataError, match=says):
        members(tmp_path / "bad.tar.gz", tmp_path / "w")
    assert not list((tmp_path / "w").glob("stages/unpacked/.*building"))


def test_a_zip_in_another_compression_is_read(tmp_path: Path) -> None:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w") as zipped:
        zipped.writestr("root/A/1.png", b"one")
    (tmp_path / "a.zip.gz").write_bytes(gzip.compress(inside.getvalue()))
    assert [name for name, _ in members(tmp_path / "a.zip.gz", tmp_path / "w")[1]] == ["root/A/1.png"]


def test_the_workspace_below_a_source_is_not_read(tmp_path: Path) -> None:
    images = {f"{name}/{i}.png": b"%d" % i for name in "ab" for i in range(3)}
    write_folder(tmp_path / "data", images)
    before = members(tmp_path / "data", tmp_path / "data" / "work")
    write_folder(tmp_path / "data", {"work/runs/x/figures/rows.png": b"x", "work.png": b"own"})
    found = members(tmp_path / "data", tmp_path / "data" / "work")
    assert [name for name, _ in found[1]] == ["work.png", *(name for name, _ in before[1])]
    write_folder(tmp_path / "alone", {"work/runs/x/figures/rows.png": b"x"})
    assert members(tmp_path / "alone", tmp_path / "alone" / "work")[1] == []
    with pytest.raises(UsageError, match="data is the source itself; choose another --workspace"):
        members(tmp_path / "data", tmp_path / "data")
