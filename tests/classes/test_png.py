import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.classes.glyphs import decode as decode_together
from tasks.classes.png import SIGNATURE, UnreadableError, filtered_rows
from tests.build import chunk, glyphs, png, raw_png
from tests.real import read_members

GOOD = png(glyphs(1, seed=0)[0])
ROWS = bytes(28 * 29)


def decode(data: bytes, side: int) -> NDArray[np.uint8]:
    return decode_together([filtered_rows(data, side)], side)[0]


def reason(data: bytes, side: int = 28) -> str:
    with pytest.raises(UnreadableError) as caught:
        filtered_rows(data, side)
    return caught.value.reason


def header(width: int = 28, height: int = 28, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)


def test_a_plain_gray_png_is_accepted_with_its_pixels() -> None:
    image = glyphs(1, seed=0)[0]
    assert np.array_equal(decode(png(image), 28), image)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"<html>", "not_png"),
        (b"GIF89a" + bytes(50), "not_png"),
        (SIGNATURE, "png_truncated"),
        (GOOD[:-1], "png_truncated"),
        (GOOD[:40], "png_truncated"),
        (GOOD + b"x", "png_trailing"),
        (raw_png(ROWS, header=header(27, 28)), "wrong_size"),
        (raw_png(ROWS, header=header(30_000, 30_000)), "wrong_size"),
        (raw_png(ROWS, header=header(depth=16)), "unsupported_mode"),
        (raw_png(ROWS, header=header(colour=2)), "unsupported_mode"),
        (raw_png(ROWS, header=header(colour=3)), "unsupported_mode"),
        (raw_png(ROWS, header=header(interlace=1)), "unsupported_mode"),
        (raw_png(ROWS[:-29]), "png_idat_length"),
        (raw_png(ROWS + bytes(29)), "png_idat_length"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"IDAT", b"rubbish") + chunk(b"IEND", b""), "png_data"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"acTL", bytes(8)), "animated"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"tRNS", bytes(2)), "unsupported_mode"),
        (SIGNATURE + chunk(b"IHDR", header()) * 2, "png_chunk"),
        (SIGNATURE + chunk(b"IDAT", b""), "png_chunk"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"ABCD", b""), "png_chunk"),
        (SIGNATURE + chunk(b"IHDR", header()[:-1]), "png_chunk"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"IEND", b""), "png_idat_length"),
    ],
)
def test_everything_else_has_a_reason(data: bytes, expected: str) -> None:
    assert reason(data) == expected


def test_a_few_bytes_that_unpack_to_many_have_a_reason() -> None:
    assert reason(raw_png(bytes(50 << 20))) == "png_idat_length"


def test_every_single_bit_flip_is_refused_or_harmless() -> None:
    image = glyphs(1, seed=1)[0]
    data = bytearray(png(image))
    accepted = 0
    for position in range(len(data) * 8):
        data[position // 8] ^= 1 << position % 8
        try:
            assert np.array_equal(decode(bytes(data), 28), image)
            accepted += 1
        except UnreadableError:
            pass
        data[position // 8] ^= 1 << position % 8
    assert accepted == 0


def test_images_decoded_together_are_those_decoded_alone_by_pillow(shared: Path) -> None:
    for name in ("notmnist_real_5k", "openfonts_small"):
        members = [data for _, data in read_members(shared / "data" / f"{name}.tar.gz")]
        together = decode_together([filtered_rows(data, 28) for data in members], 28)
        for image, data in zip(together, members, strict=True):
            assert np.array_equal(image, np.asarray(Image.open(io.BytesIO(data), formats=["PNG"])))


@pytest.mark.parametrize("kind", range(6))
def test_every_row_filter_is_undone_and_others_are_refused(kind: int) -> None:
    rows = b"".join(bytes([kind]) + bytes(range(y, y + 28)) for y in range(28))
    if kind > 4:
        assert reason(raw_png(rows)) == "png_data"
        return
    alone = np.asarray(Image.open(io.BytesIO(raw_png(rows))))
    mixed = decode_together([rows, filtered_rows(GOOD, 28), rows], 28)
    assert np.array_equal(mixed[0], alone)
    assert np.array_equal(mixed[2], alone)


def test_scattered_image_data_is_refused() -> None:
    body = zlib.compress(ROWS)
    parts = chunk(b"IDAT", body[:5]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", body[5:])
    assert reason(SIGNATURE + chunk(b"IHDR", header()) + parts + chunk(b"IEND", b"")) == "png_chunk"


def pngsuite(shared: Path) -> list[Path]:
    files = sorted((shared / "corpora" / "png" / "pngsuite").glob("*.png"))
    assert len(files) > 150
    return files


def test_no_picture_of_pngsuite_passes_at_28(shared: Path) -> None:
    assert all(reason(path.read_bytes()) for path in pngsuite(shared))


def test_pngsuite_at_32_gives_the_oracles_pixels_for_what_is_plain_8_bit_gray(shared: Path) -> None:
    accepted = 0
    for path in pngsuite(shared):
        data = path.read_bytes()
        try:
            pixels = decode(data, 32)
        except UnreadableError:
            plain = data[24:29] == bytes([8, 0, 0, 0, 0]) and data[16:24] == struct.pack(">II", 32, 32)
            assert not plain or path.name.startswith("x") or b"tRNS" in data, path.name
            continue
        accepted += 1
        assert not path.name.startswith("x"), f"{path.name} is corrupt"
        oracle = json.loads((shared / "corpora" / "png" / "pngsuite_oracle" / f"{path.stem}.json").read_text())
        red = np.array(oracle, np.uint8).reshape(32, 32, 4)[:, :, 0]  # the oracle is RGBA; gray has three equal parts
        assert np.array_equal(pixels, red), path.name
    assert accepted > 5
