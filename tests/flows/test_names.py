"""Names of images and the order of rows change nothing: the same pixels give the same duplicates and figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.records import Report
from tests.build import glyphs, noise, png, saved, scene, write_folder
from tests.overlap.test_copies import SIDE, changed
from tests.plain import audit


def photographs() -> list[bytes]:
    """Return 160 look-alikes, changed copies of 20, and 40 that are mixed with another one: many are undecided."""
    rng, base = np.random.default_rng(1), scene(SIDE, SIDE, seed=1000)
    alike = [Image.blend(base, scene(SIDE, SIDE, seed), 0.5) for seed in range(160)]
    copies = [changed(picture, rng) for picture in alike[:20]]
    mixed = [Image.blend(alike[20 + n], alike[60 + n], 0.3 + n / 200) for n in range(40)]
    return [saved(picture.resize((96, 96)), "PNG") for picture in [*alike, *copies, *mixed]]


def letters() -> list[bytes]:
    """Return glyphs, and up to three of each with a few pixels less."""
    return [png(noise(one, 2 * less, less)) for n, one in enumerate(glyphs(120, seed=1)) for less in range(1 + n % 4)]


def written(path: Path, images: list[bytes], seed: int, form: str) -> str:
    """Write train and test, the same for every seed, under random names or as the rows of Parquet in another order."""
    rng, drawn = np.random.default_rng(seed), np.random.default_rng(0).permutation(len(images))
    for name, part in (("train", drawn[len(images) // 4 :]), ("test", drawn[: len(images) // 4])):
        rows = [images[number] for number in rng.permutation(part)]
        if form == "folder":
            write_folder(path / name, {f"{rng.bytes(4).hex()}-{row}.png": image for row, image in enumerate(rows)})
        else:
            path.mkdir(exist_ok=True)
            pq.write_table(pa.table({"image": rows}), path / f"{name}.parquet")
    return str(path)


def content(report: Report) -> tuple[Any, ...]:
    """Return all figures, and all pairs and groups by the pixels of their images."""
    raw = [row for file in sorted((report.run / "raw").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    pixels = {row.pop("id"): str(row) for row in raw}
    assert len(pixels) == len(set(pixels.values())) == report.rows.train + report.rows.test
    pairs, groups = set(), dict[tuple[str, int], set[str]]()
    for name in ("removed", "unconfirmed"):
        if (file := report.run / f"{name}.parquet").exists():
            for id_, _, _, reason, similarity, twin, *_ in (row.values() for row in pq.read_table(file).to_pylist()):
                pairs.add((pixels[id_], reason, similarity, pixels[twin]))
    for row in pq.read_table(report.run / "duplicates.parquet").to_pylist():
        groups.setdefault((row["split"], row["group"]), set()).add(pixels[row["id"]])
    return report.verdict, report.overlap, report.sanitized, pairs, set(map(frozenset, groups.values()))


@pytest.mark.parametrize(("view", "images"), [("photo", photographs), ("ink", letters)])
def test_new_names_and_another_order_of_rows_change_no_duplicate_and_no_figure(
    view: Any, images: Any, tmp_path: Path
) -> None:
    reports = [
        audit(root=written(tmp_path / name, images(), seed, form), workspace=tmp_path / "w", view=view)
        for seed, (name, form) in enumerate([("named", "folder"), ("renamed", "folder"), ("rows", "parquet")])
    ]
    found = [content(report) for report in reports]
    verdict, _, _, pairs, groups = found[0]
    assert {reason for _, reason, *_ in pairs} == ({"near", "undecided"} if view == "photo" else {"near"})
    assert len(groups) > 5
    assert found[1] == found[0]
    assert found[2] == found[0]
    if view == "photo":  # which glyphs of a chain are removed depends on which stays, which is the first by its name
        assert reports[0].duplicates == reports[1].duplicates == reports[2].duplicates
    assert verdict.baseline_rows > 20
