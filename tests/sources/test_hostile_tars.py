"""Headers that no tar program writes: each is refused in one sentence, at once."""

import time
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.storage.place import Place
from tests.build import read_entries

END = bytes(1024)


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """Return a header with a right checksum; `size` is its field."""
    block = bytearray(512)
    block[: len(name)], block[124 : 124 + len(size)], block[156:157] = name, size, kind
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[136:148], block[257:265], block[148:156] = b"00000000000\0", b"ustar\x0000", b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """Return a record of a pax header, which begins with its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    data = b"".join(records)
    return header(b"pax", octal(len(data)), kind) + padded(data)


FILE = header(b"A/a.png", octal(3)) + padded(b"abc")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pax(record(b"comment", b"x")) * 600, "more than 16 extended headers"),
        (pax(record(b"comment", b"x"), kind=b"g") * 600, "more than 16 extended headers"),
        ((header(b"long", octal(5), b"L") + padded(b"A/b\0\0")) * 600, "more than 16 extended headers"),
        (header(b"A/a.png", b"\x80" + (1 << 62).to_bytes(11)), "a bad header at byte 0"),
        (header(b"A/a.png", b"\x80" + (1 << 63).to_bytes(11)), "a bad header at byte 0"),
        (pax(record(b"size", b"%d" % (1 << 62))), "a bad header at byte 0"),
        (pax(record(b"size", b"%d" % (1 << 70))), "a bad header at byte 0"),
        (pax(record(b"size", b"-512")), "a bad header a(t|fter) byte 0"),
        (pax(record(b"GNU.sparse.map", b"a,b"), record(b"GNU.sparse.size", b"zz")), "neither a zip nor a readable tar"),
        (pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0")), "neither a zip nor a readable tar"),
        (pax(b"1" * 60_000), "a bad header at byte 0, with a size of 60,000"),
    ],
    ids=["pax", "global", "names", "62", "63", "pax 62", "pax 70", "negative", "map", "sparse", "digits"],
)
def test_odd_headers_are_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    path.write_bytes(content + FILE + END)
    begin = time.process_time()
    with pytest.raises(DataError, match=said):
        list(read_entries(Place.of(path)))
    assert time.process_time() - begin < 5


def test_a_few_extended_headers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "usual.tar"
    path.write_bytes(pax(record(b"comment", b"x")) * 8 + FILE + END)
    assert [entry.name for entry in read_entries(Place.of(path))] == ["A/a.png"]
