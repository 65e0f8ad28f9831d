"""Photographs are identical if their full pixels are, although JPEGs are decoded at a reduced scale."""

import io
from itertools import combinations, product
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.storage.place import Place
from tests.build import saved, scene, write_folder
from tests.plain import audit

GIVEN: dict[str, Any] = {"view": "photo", "workers": 2}


def commented(data: bytes, text: bytes) -> bytes:
    """Return a JPEG with a comment and, as cameras write them, an application's own segment."""
    parts = [b"\xff" + kind + (len(text) + 2).to_bytes(2, "big") + text for kind in (b"\xfe", b"\xe5")]
    return data[:2] + b"".join(parts) + data[2:]


def striped(stripes: int) -> bytes:
    """Return a JPEG whose stripe is invisible at an eighth of the scale, since the mean of each block stays."""
    blocks = np.random.default_rng(0).integers(60, 190, (128, 128), dtype=np.uint8)
    pixels = blocks.repeat(8, axis=0).repeat(8, axis=1)
    for block in range(stripes):
        pixels[8 * block : 8 * block + 8, ::2] += 30
        pixels[8 * block : 8 * block + 8, 1::2] -= 30
    return saved(Image.fromarray(pixels), "JPEG", quality=90)


def full_pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.size, image.tobytes()


def files() -> dict[str, dict[str, bytes]]:
    one, two, three = (saved(scene(640, 480, seed=seed), "JPEG", quality=90) for seed in (1, 2, 3))
    as_png = saved(Image.open(io.BytesIO(two)), "PNG")
    plain = saved(Image.new("RGB", (512, 512), (9, 9, 9)), "JPEG")
    return {
        "train": {"one.jpg": one, "two.jpg": two, "three.jpg": three, "striped.jpg": striped(0), "plain.jpg": plain},
        "test": {
            "one, commented.jpg": commented(one, b"by me"),
            "two.png": as_png,
            "three, again.jpg": saved(scene(640, 480, seed=3), "JPEG", quality=89),
            "other stripes.jpg": striped(3),
            "no stripes.jpg": commented(striped(0), b"x"),
            "plain.png": saved(Image.new("RGB", (512, 512), (9, 9, 9)), "PNG"),
            "fourth.jpg": saved(scene(640, 480, seed=4), "JPEG"),
        },
    }


@pytest.fixture(scope="module")
def audited(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    place = tmp_path_factory.mktemp("identical")
    given = {
        name: str(write_folder(place / name, {f"{name}/a/{file}": data for file, data in of.items()}) / name)
        for name, of in files().items()
    }
    return audit(**given, **GIVEN, exhaustive=True, workspace=place / "w")


def test_reduced_pixels_of_the_stripes_are_equal_and_full_ones_are_not() -> None:
    images = [Image.open(io.BytesIO(striped(stripes))) for stripes in (0, 3)]
    assert images[0].tobytes() != images[1].tobytes()
    reduced = [Image.open(io.BytesIO(striped(stripes))) for stripes in (0, 3)]
    for image in reduced:
        image.draft(None, (128, 128))
    assert reduced[0].tobytes() == reduced[1].tobytes()


def test_exact_twins_are_those_of_equal_full_pixels(audited: Report) -> None:
    of = files()
    pairs = product(of["test"].items(), of["train"].items())
    expected = {one for (one, data), (_, other) in pairs if full_pixels(data) == full_pixels(other)}
    assert expected == {"one, commented.jpg", "two.png", "no stripes.jpg", "plain.png"}
    removed = pq.read_table(audited.run / "removed.parquet").to_pylist()
    assert {row["id"].split("/", 2)[2] for row in removed if row["reason"] == "exact"} == expected


def test_digests_differ_where_full_pixels_do(audited: Report) -> None:
    prints = read_findings(Place.of(audited.run)).fingerprints
    tables = [pq.read_table(audited.run.parents[1] / one.table, columns=["id", "md5"]).to_pylist() for one in prints]
    digests = {row["id"].split("/", 2)[2]: row["md5"] for rows in tables for row in rows}
    pixels = {name: full_pixels(data) for name, data in (files()["train"] | files()["test"]).items()}
    assert digests.keys() == pixels.keys()
    for one, other in combinations(digests, 2):
        assert (digests[one] == digests[other]) == (pixels[one] == pixels[other]), (one, other)
