"""The members equal the ones that tarfile lists, or the archive is refused."""

import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.sources.archive import Entry
from tasks.storage.place import Place
from tests.build import read_entries

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
SIZES = [0, 1, 511, 512, 513, 700, 5000, 40_000]
READ = [*range(100), *[*range(124, 136), *range(148, 157)] * 4, *range(257, 265), *range(345, 500)]  # not mode or time


def members(seed: int) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield files with names of 1 to 250 characters, some not ASCII, and a few folders and links."""
    rng = random.Random(seed)  # noqa: S311
    for number in range(60):
        part = rng.choice(["a", "glyph é", "x" * 90, "Zm9u==", "ü" * 40])
        info = tarfile.TarInfo("/".join(["root", *[part] * rng.randint(1, 3), f"{number}.png"]))
        info.type = rng.choices([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE], [8, 4, 1, 1])[0]
        data = rng.randbytes(rng.choice(SIZES)) if info.isfile() else b""
        info.size = len(data)
        yield info, data


def built(seed: int, how: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=how) as tar:
        for info, data in members(seed):
            try:
                tar.addfile(info, io.BytesIO(data))
            except ValueError:  # a name that USTAR can't hold
                continue
    return out.getvalue()


def listed(path: Path) -> list[tuple[str, int, int]]:
    with tarfile.open(path, encoding="utf-8") as tar:
        return [(m.name, m.offset_data, m.size) for m in tar if m.type in (tarfile.REGTYPE, tarfile.AREGTYPE)]


def outcome(path: Path) -> list[Entry] | str:
    try:
        return list(read_entries(Place.of(path)))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("how", FORMATS)
def test_they_are_the_members_that_tarfile_lists(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(built(1, FORMATS[how]))
    assert [(e.name, e.offset, e.size) for e in read_entries(Place.of(path)) if e.kind == "file"] == listed(path)


@pytest.mark.parametrize("blocks", [1, 2, 3, 10, 100])
def test_a_member_may_begin_in_any_block_of_a_window_and_end_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(built(2, tarfile.GNU_FORMAT))
    whole = list(read_entries(Place.of(path)))
    monkeypatch.setattr("tasks.sources.archive.CHUNK", blocks * tarfile.BLOCKSIZE)
    assert list(read_entries(Place.of(path))) == whole


@pytest.mark.parametrize("how", FORMATS)
def test_a_changed_header_is_refused_or_read_as_tarfile_reads_it(tmp_path: Path, how: str) -> None:
    data, path, rng = built(3, FORMATS[how]), tmp_path / "a.tar", random.Random(3)  # noqa: S311
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        starts = [member.offset_data - tarfile.BLOCKSIZE for member in tar]
    read = 0
    for _ in range(200):
        changed, start = bytearray(data), rng.choice(starts)
        for _ in range(rng.randint(1, 3)):
            changed[start + rng.choice(READ)] = rng.choice([0, 32, 47, 48, 55, 56, 120, 128, 255])
        if rng.random() < 0.7:  # with the checksum that belongs to it
            block = changed[start : start + 512]
            block[148:156] = b" " * 8
            changed[start + 148 : start + 156] = f"{sum(block):06o}\0 ".encode()
        path.write_bytes(changed)
        found = outcome(path)
        if isinstance(found, list):
            assert [(e.name, e.offset, e.size) for e in found if e.kind == "file"] == listed(path)
            read += 1
    assert 0 < read < 200
