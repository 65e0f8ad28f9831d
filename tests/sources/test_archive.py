import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.sources import archive, packed
from tasks.sources.archive import Entry
from tasks.storage.place import Place
from tests.build import png, read_entries, write_tar

MEMBERS = {f"root/A/{i}.png": bytes([i]) * (i * 37) for i in range(40)}


def entries(path: Path) -> list[Entry]:
    return list(read_entries(Place.of(path)))


def names(path: Path) -> list[str]:
    return [entry.name for entry in entries(path)]


def decompress(source: Path, target: Path) -> None:
    packed.decompress(Place.of(source), Place.of(target), packed.packing_of(Place.of(source)) or "gzip")


def test_every_member_is_found_where_it_lies(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    data = path.read_bytes()
    found = {e.name: data[e.offset : e.offset + e.size] for e in entries(path)}
    assert found == MEMBERS


def test_decompressing_gives_the_tar_inside(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar.gz", MEMBERS)
    decompress(tmp_path / "a.tar.gz", tmp_path / "a.tar")
    assert names(tmp_path / "a.tar") == list(MEMBERS)


def test_a_second_gzip_member_is_read_on(tmp_path: Path) -> None:
    data = write_tar(tmp_path / "a.tar", MEMBERS).read_bytes()
    (tmp_path / "two.gz").write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]))
    decompress(tmp_path / "two.gz", tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == data


@pytest.mark.parametrize("damage", ["flip", "cut", "no trailer", "garbage behind"])
def test_damaged_gzip_is_refused(tmp_path: Path, damage: str) -> None:
    data = bytearray(write_tar(tmp_path / "a.tar.gz", MEMBERS).read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 16
    elif damage == "cut":
        del data[-100:]
    elif damage == "no trailer":
        del data[-8:]
    else:
        data += b"garbage"
    (tmp_path / "bad.gz").write_bytes(data)
    with pytest.raises(DataError, match="fetch it again"):
        decompress(tmp_path / "bad.gz", tmp_path / "a.tar")


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(80 << 20)))
    with pytest.raises(DataError, match=r"unpacks to .* bytes or more from"):
        decompress(tmp_path / "bomb.gz", tmp_path / "a.tar")


def test_a_bad_header_in_the_middle_loses_nothing_in_silence(tmp_path: Path) -> None:
    data = bytearray(write_tar(tmp_path / "a.tar", MEMBERS).read_bytes())
    entry = entries(tmp_path / "a.tar")[20]
    data[entry.offset - 512 + 110] ^= 1
    (tmp_path / "bad.tar").write_bytes(data)
    with pytest.raises(DataError, match="bad header"):
        names(tmp_path / "bad.tar")


def test_a_tar_cut_between_members_is_refused(tmp_path: Path) -> None:
    data = write_tar(tmp_path / "a.tar", MEMBERS).read_bytes()
    entry = entries(tmp_path / "a.tar")[20]
    (tmp_path / "cut.tar").write_bytes(data[: entry.offset - 512])
    with pytest.raises(DataError, match="is truncated"):
        names(tmp_path / "cut.tar")


def test_data_behind_the_end_is_refused(tmp_path: Path) -> None:
    data = write_tar(tmp_path / "a.tar", MEMBERS).read_bytes()
    (tmp_path / "more.tar").write_bytes(data + bytes(512) + b"x" * 512)
    with pytest.raises(DataError, match="data after its end"):
        names(tmp_path / "more.tar")


def test_more_zeros_behind_the_end_are_harmless(tmp_path: Path) -> None:
    data = write_tar(tmp_path / "a.tar", MEMBERS).read_bytes()
    (tmp_path / "more.tar").write_bytes(data + bytes(1 << 20))
    assert names(tmp_path / "more.tar") == list(MEMBERS)


def test_a_negative_size_ends_at_once(tmp_path: Path) -> None:
    data = bytearray(write_tar(tmp_path / "a.tar", MEMBERS).read_bytes())
    entry = entries(tmp_path / "a.tar")[5]
    header = entry.offset - 512
    data[header + 124 : header + 136] = b"\xff" * 10 + b"\xfe\x00"
    data[header + 148 : header + 156] = b"%06o\0 " % tarfile.calc_chksums(bytes(data[header : header + 512]))[0]  # type: ignore[attr-defined]
    (tmp_path / "negative.tar").write_bytes(data)
    with pytest.raises(DataError, match="bad header"):
        names(tmp_path / "negative.tar")


def test_a_huge_extended_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "pax.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("root/A/a.png")
        info.pax_headers = {"comment": "x" * (1 << 20)}
        tar.addfile(info, io.BytesIO())
    with pytest.raises(DataError, match="bad header at byte 0, with a size of 1,0"):
        names(tmp_path / "pax.tar")


def test_a_size_that_only_tarfile_can_read_hides_no_extended_header(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("pax").tobuf())
    header[124:136], header[156:157] = b"\x1f" + b"%010o\0" % (600 << 20), tarfile.XHDTYPE
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "pax.tar").write_bytes(bytes(header) + bytes(2048))
    with pytest.raises(DataError, match="bad header at byte 0, with a size of 629,145,600"):
        names(tmp_path / "pax.tar")


def test_what_is_no_tar_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.tar.gz").write_bytes(b"<html>not found</html>" * 100)
    starts = r"page\.tar\.gz is neither a zip nor a readable tar archive .*it starts with b'<html>not found<'"
    with pytest.raises(DataError, match=starts):
        names(tmp_path / "page.tar.gz")
    (tmp_path / "a.png").write_bytes(png(np.zeros((28, 28), np.uint8)))
    with pytest.raises(DataError, match=r"a\.png is an image; name the folder of the images"):
        names(tmp_path / "a.png")


def test_links_and_devices_are_entries_without_bytes(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("h.png", tarfile.LNKTYPE), ("f.png", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"root/A/{name}")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert [(e.kind, e.size, e.digest) for e in entries(tmp_path / "a.tar")] == [
        ("link", 0, b""),
        ("link", 0, b""),
        ("special", 0, b""),
    ]


def test_the_member_count_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "a.tar", MEMBERS)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 10)
    with pytest.raises(DataError):
        names(tmp_path / "a.tar")
