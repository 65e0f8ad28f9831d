"""Usual JPEGs are decoded without Pillow: to the same as with it, and what is damaged is refused in the same words."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.classes import decoder
from tasks.classes.decoder import photograph
from tasks.classes.guard import guarded
from tasks.classes.jpeg import Frame, frame_of, is_plain, segments
from tasks.classes.png import UnreadableError
from tests.build import saved, scene

SIZES = ((1, 1), (40, 30), (96, 97), (600, 300))  # of thumbnails as they are, and smaller; of the last, a reduced scale
USUAL: tuple[dict[str, Any], ...] = (
    {}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}, {"quality": 20}, {"comment": b"a word"},
    {"restart_marker_blocks": 2},
)  # fmt: skip


def files() -> Iterator[bytes]:
    for number, (size, options, mode) in enumerate(product(SIZES, USUAL, ("RGB", "L"))):
        yield saved(scene(size[0], size[1], seed=number).convert(mode), "JPEG", **options)


def outcome(data: bytes, reduced: bool) -> object:
    try:
        seen = photograph(data, reduced, 28)
    except UnreadableError as error:
        return error.reason, error.detail
    return seen._replace(gray=seen.gray.tobytes(), copy=seen.copy.tobytes())  # type: ignore[arg-type]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def in_header(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(2, min(650, len(data))))
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data))]


def shortened(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + data[at + rng.integers(1, 20) :]


@pytest.mark.parametrize("damage", [None, flipped, in_header, cut, shortened])
def test_the_outcome_is_that_of_pillow(damage: object, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    given = [damage(data, rng) if callable(damage) else data for data in files() for _ in range(4 if damage else 1)]
    asked = list(product(given, (False, True)))
    without = [outcome(*one) for one in asked]
    monkeypatch.setattr(decoder, "is_plain", lambda _data, _parts: False)
    assert without == [outcome(*one) for one in asked]


def test_usual_ones_have_a_frame() -> None:
    for size, options, (mode, name) in product(SIZES, USUAL, (("RGB", "RGB"), ("L", "L"))):
        data = saved(scene(*size).convert(mode), "JPEG", **options)
        assert frame_of(data, parts := list(segments(data))) == Frame(name, *size)
        assert is_plain(data, parts)


def test_those_that_pillow_looks_into_have_one_too() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = scene(40, 30)
    others = [
        saved(image, "JPEG", exif=turned),
        saved(image, "JPEG", icc_profile=b"a profile"),
        saved(image, "JPEG", xmp=b"<x:xmpmeta/>"),
    ]
    for data in others:
        assert frame_of(data, parts := list(segments(data))) == Frame("RGB", 40, 30)
        assert not is_plain(data, parts)
        with guarded() as reader:
            reader.read(data, 28)
            assert reader.process is None, "its pixels come from simplejpeg, here"


def test_what_is_said_of_a_file_is_the_same_in_every_run() -> None:
    data = saved(scene(40, 30), "JPEG")
    tables = data.index(b"\xff\xdb")
    broken = data[: tables + 4] + b"\x10" + data[tables + 5 :]  # of 16 bits, for which it is too short
    assert outcome(broken, reduced=False) == ("undecodable", "UnidentifiedImageError: cannot identify image file")
