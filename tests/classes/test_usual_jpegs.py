"""Usual JPEGs are decoded by simplejpeg: to the pixels that Pillow gives."""

import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.classes.decoder import decode, photograph
from tasks.classes.guard import guarded
from tasks.classes.jpeg import Frame, frame_of, segments
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


FILES = list(files())


def test_pixels_are_those_of_pillow() -> None:
    for data in files():
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(decode(data, reduced=False).image), np.asarray(image))


def test_usual_ones_have_a_frame() -> None:
    for size, options, (mode, name) in product(SIZES, USUAL, (("RGB", "RGB"), ("L", "L"))):
        data = saved(scene(*size).convert(mode), "JPEG", **options)
        assert frame_of(data, list(segments(data))) == Frame(name, *size)


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
        assert frame_of(data, list(segments(data))) == Frame("RGB", 40, 30)
        with guarded() as reader:
            reader.read(data, 28)
            assert reader.process is None, "its pixels come from simplejpeg, here"


def test_what_is_said_of_a_file_is_the_same_in_every_run() -> None:
    data = saved(scene(40, 30), "JPEG")
    tables = data.index(b"\xff\xdb")
    broken = data[: tables + 4] + b"\x10" + data[tables + 5 :]  # of 16 bits, so it is too short
    with pytest.raises(UnreadableError) as refused:
        photograph(broken, False, 28)
    assert (refused.value.reason, refused.value.detail) == (
        "undecodable",
        "UnidentifiedImageError: cannot identify image file",
    )
