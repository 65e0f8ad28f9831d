import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.sources import zips
from tasks.sources.index import write_index
from tasks.sources.listing import list_members
from tasks.storage.place import Place

MEMBERS = {f"root/A/{i}.png": bytes([i]) * (i * 37) for i in range(40)}


def write(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def kinds(path: Path) -> dict[str, str]:
    return {entry.name: entry.kind for entry in zips.read_entries(Place.of(path))}


def test_every_member_is_found_and_folders_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"root/": b"", **MEMBERS})
    assert {entry.name: entry.size for entry in zips.read_entries(Place.of(path))} == {
        name: len(data) for name, data in MEMBERS.items()
    }


def test_links_and_encrypted_members_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("r/A/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("r/A/secret.png", b"x" * 100)
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\1\2")
    data[central + 8] |= 1  # the flag of an encrypted member
    path.write_bytes(bytes(data))
    assert kinds(path) == {"r/A/link.png": "link", "r/A/secret.png": "encrypted"}


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {f"A/{i}.png": bytes(40 << 20) for i in range(4)})
    with pytest.raises(DataError, match="too many for images"):
        kinds(path)


def test_a_member_that_is_longer_than_it_says_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {"r/A/1.png": b"ab" * 500})
    data = bytearray(path.read_bytes())
    for start in (data.index(b"PK\3\4") + 22, data.index(b"PK\1\2") + 24):
        data[start : start + 4] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert kinds(path) == {"r/A/1.png": "damaged"}


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "r/../../x.png", "C:\\x.png"])
def test_a_name_that_points_out_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.zip", {"r/A/1.png": b"1", name: b"2"})
    with pytest.raises(DataError, match="points out of the archive"):
        write_index(list_members(zips.read_entries(Place.of(path)), "a.zip"), Place.of(tmp_path / "i.parquet"))


@pytest.mark.parametrize("damage", ["cut", "no directory", "garbage"])
def test_a_damaged_directory_is_refused(tmp_path: Path, damage: str) -> None:
    data = write(tmp_path / "a.zip", MEMBERS).read_bytes()
    bad = {
        "cut": data[: len(data) // 2],
        "no directory": data[: data.index(b"PK\1\2")],
        "garbage": data[:4] + b"x" * 99,
    }
    (tmp_path / "bad.zip").write_bytes(bad[damage])
    with pytest.raises(DataError, match=r"bad\.zip is not a readable zip archive"):
        kinds(tmp_path / "bad.zip")


def test_two_archives_in_one_file_are_refused_as_the_first_would_be_lost(tmp_path: Path) -> None:
    both = [write(tmp_path / f"{name}.zip", {f"r/A/{name}.png": b"1"}).read_bytes() for name in "ab"]
    (tmp_path / "both.zip").write_bytes(b"".join(both))
    with pytest.raises(DataError, match=r"both\.zip is several zip archives in one file; give each"):
        kinds(tmp_path / "both.zip")


def test_two_names_of_one_member_are_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.zip", {"r/A/1.png": b"1", "r/A/2.png": b"2"}).read_bytes()
    second = data.rindex(b"PK\1\2")
    lying = data[: second + 42] + bytes(4) + data[second + 46 :]  # the offset of its header
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises(DataError, match=r"lying\.zip lists r/A/1\.png and r/A/2\.png as one member; pack"):
        kinds(tmp_path / "lying.zip")


def test_two_members_of_one_name_are_both_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("r/A/1.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("r/A/1.png", b"2")
    entries = list(zips.read_entries(Place.of(tmp_path / "a.zip")))
    assert len(entries) == 2
    assert len({entry.digest for entry in entries}) == 2


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bz2", "lzma"])
def test_a_member_that_is_larger_than_it_says_is_damaged(packing: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("A/a.png", bytes(60 << 20))
    lying = path.read_bytes().replace((60 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    path.write_bytes(lying)
    tracemalloc.start()
    (entry,) = zips.read_entries(Place.of(path))
    assert entry.kind == "damaged"
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
