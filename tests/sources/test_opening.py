import gzip
import hashlib
import io
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.records import Source
from tasks.sources.archive import read_entries
from tasks.sources.listing import list_members
from tasks.sources.opening import open_source
from tasks.storage import disk
from tasks.storage.growing import Growing
from tasks.storage.place import Place
from tests.build import glyphs, png, write_tar

GRAY = glyphs(400, seed=1)
MEMBERS = {f"s/{name}/{number:03d}.png": png(GRAY[number]) for name in "AB" for number in range(200)}


def source(file: Path) -> Source:
    return Source(
        "source", file.name, str(file), hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size, {}
    )


def test_members_are_the_same_whether_they_were_listed_while_unpacking_or_later(tmp_path: Path) -> None:
    packed = write_tar(tmp_path / "a.tar.gz", MEMBERS)
    workspace = Place.of(tmp_path / "w")
    listed = open_source(source(packed), workspace)
    again = open_source(source(packed), workspace)
    plain = list_members(read_entries(workspace / listed.location), "a.tar.gz")
    assert len(plain) == len(MEMBERS)
    for found in (listed.members(), again.members()):
        assert found.table == plain.table
        assert found.folders == plain.folders


def test_what_is_wrong_with_the_packed_file_is_said_and_nothing_is_kept(tmp_path: Path) -> None:
    data = gzip.compress(write_tar(tmp_path / "a.tar", MEMBERS).read_bytes()[:-15_000])
    workspace = Place.of(tmp_path / "w")
    (tmp_path / "cut.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="ends in the middle of its gzip stream"):
        open_source(source(tmp_path / "cut.gz"), workspace)
    (tmp_path / "short.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"short\.gz is truncated"):
        open_source(source(tmp_path / "short.gz"), workspace)
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"empty\.gz"):
        open_source(source(tmp_path / "empty.gz"), workspace).members()
    assert not disk.exists(workspace / "stages/unpacked") or not disk.names_in(workspace / "stages/unpacked")


def test_a_packed_zip_is_read_as_a_zip(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    (tmp_path / "a.zip.gz").write_bytes(gzip.compress(data.getvalue()))
    assert len(open_source(source(tmp_path / "a.zip.gz"), Place.of(tmp_path / "w")).members()) == len(MEMBERS)


def test_a_file_is_read_as_it_grows(tmp_path: Path) -> None:
    whole, growing, at = write_tar(tmp_path / "a.tar", MEMBERS).read_bytes(), Growing(), Place.of(tmp_path / "b.tar")

    def write() -> None:
        with disk.writing(at) as file:
            for start in range(0, len(whole), 50_000):
                time.sleep(0.01)
                file.write(whole[start : start + 50_000])
                file.flush()
                growing.grown(min(start + 50_000, len(whole)))
        growing.ended()

    writer = threading.Thread(target=write)
    writer.start()
    entries = list(read_entries(at, "b", growing.reading))
    writer.join()
    assert entries == list(read_entries(at, "b"))
    assert len(entries) == len(MEMBERS)
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert len(tar.getmembers()) == len(MEMBERS)
