"""Many pictures of one layout: true copies are duplicates, look-alikes and pictures with a new mark are undecided."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFilter

from tasks.overlap.agreements import UNSHARED
from tasks.registration.agreement import overlay, unshared
from tasks.registration.align import register
from tests.build import saved, scene, write_folder
from tests.plain import audit, dedupe

ROWS, COLUMNS = 6, 10
WIDTH, HEIGHT = 400, 240


@cache
def module(seed: int, light: float, cracks: float) -> Image.Image:
    """Return a solar module of 6 x 10 cells, with light and cracks of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT, WIDTH]).reshape(2, 1, 1)
    cell = rng.normal(0, 0.03 * light, (ROWS, COLUMNS))
    across, down = x * COLUMNS % 1, y * ROWS % 1
    seen = 0.72 + cell[(y * ROWS).astype(int), (x * COLUMNS).astype(int)]
    seen *= 1 - 0.75 * ((abs(across - 0.5) > 0.44) | (abs(down - 0.5) > 0.44))
    seen *= 1 - 0.35 * ((abs(down - 0.33) < 0.03) | (abs(down - 0.67) < 0.03))
    tilt = rng.normal(0, 0.06 * light, 2)
    seen *= 1.1 + tilt[0] * (x - 0.5) + tilt[1] * (y - 0.5) - 0.15 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    picture = Image.fromarray((255 * seen.clip(0, 1)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.poisson(cracks)):
        place, angle = rng.uniform(0, 1, 2) * (WIDTH, HEIGHT), rng.uniform(0, 2 * np.pi)
        steps = np.cumsum(4 * np.exp(1j * (angle + np.cumsum(rng.normal(0, 0.5, 5)))))
        draw.line([(place[0] + z.real, place[1] + z.imag) for z in steps], fill=int(rng.uniform(20, 80)))
    noisy = np.asarray(picture, float) + rng.normal(0, 2, (HEIGHT, WIDTH))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


def marked(picture: Image.Image, seed: int) -> Image.Image:
    """Return a picture with a spot of 6 % of its side."""
    rng = np.random.default_rng(seed)
    found, radius = picture.copy(), 0.03 * min(picture.size)
    x, y = rng.uniform(0.2, 0.8, 2) * picture.size
    colour = 255 if np.asarray(picture.convert("L"))[int(y), int(x)] < 128 else 0
    ImageDraw.Draw(found).ellipse(
        [x - radius, y - radius, x + radius, y + radius], fill=(colour,) * len(found.getbands())
    )
    return found


@pytest.mark.parametrize(("light", "cracks"), [(1.0, 2.0), (0.3, 0.7), (2.0, 5.0)])
def test_copies_of_solar_modules_are_duplicates_and_other_modules_are_not(
    light: float, cracks: float, tmp_path: Path, prefect_server: None
) -> None:
    train, test, copied = range(200), range(200, 360), range(0, 180, 6)
    modules = {seed: module(seed, light, cracks) for seed in (*train, *test)}
    files = {f"train/a/{seed}.jpg": saved(modules[seed], "JPEG", quality=92) for seed in train}
    files |= {f"test/a/{seed}.jpg": saved(modules[seed], "JPEG", quality=92) for seed in test}
    files |= {f"test/a/copy{seed}.jpg": saved(modules[seed], "JPEG", quality=75) for seed in copied}
    report = audit(root=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    removed = [path.rpartition("/")[2] for path in pq.read_table(report.run / "removed.parquet")["id"].to_pylist()]
    assert sum(name.startswith("copy") for name in removed) == len(copied)
    assert sum(not name.startswith("copy") for name in removed) <= 0.05 * len(test)


def test_copies_of_solar_modules_are_found_inside_one_set(tmp_path: Path, prefect_server: None) -> None:
    modules = {f"a/{seed}.jpg": saved(module(seed, 1.0, 2.0), "JPEG", quality=92) for seed in range(200)}
    copies = {f"a/copy{n}.jpg": saved(module(n, 1.0, 2.0), "JPEG", quality=75) for n in range(30)}
    report = dedupe(source=str(write_folder(tmp_path / "set", modules | copies)), workspace=tmp_path / "w")
    rows = pq.read_table(report.run / "removed.parquet").to_pylist()
    assert sum("copy" in row["id"] or "copy" in row["twin_id"] for row in rows) == 30
    assert len(rows) <= 30 + 0.05 * len(modules)


def test_a_picture_with_a_new_mark_is_undecided_where_pictures_have_one_layout(
    tmp_path: Path, prefect_server: None
) -> None:
    boards = {seed: module(seed, 0.3, 0.7) for seed in range(160)}
    files = {f"train/a/{seed}.png": saved(boards[seed], "PNG") for seed in range(100)}
    files |= {f"test/a/{seed}.png": saved(boards[seed], "PNG") for seed in range(100, 160)}
    files |= {f"test/a/copy{seed}.jpg": saved(boards[seed], "JPEG", quality=80) for seed in range(20)}
    files |= {f"test/a/mark{seed}.png": saved(marked(boards[seed], seed), "PNG") for seed in range(50, 70)}
    report = audit(root=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    removed = [path.rpartition("/")[2] for path in pq.read_table(report.run / "removed.parquet")["id"].to_pylist()]
    assert sum(name.startswith("copy") for name in removed) == 20
    assert sum(name.startswith("mark") for name in removed) <= 1


def test_a_mark_is_structure_of_one_picture_only_and_a_changed_copy_has_none() -> None:
    def copied(picture: Image.Image) -> np.ndarray:
        return np.asarray(picture.convert("L").resize((64, 64), Image.Resampling.BILINEAR), np.float32)

    scenes = [scene(240, 240, seed) for seed in range(20)]
    changes = {
        "mark": [marked(one, seed) for seed, one in enumerate(scenes)],
        "half": [one.resize((120, 120), Image.Resampling.BICUBIC) for one in scenes],
        "blurred": [one.filter(ImageFilter.GaussianBlur(240 / 128)) for one in scenes],
        "contrast": [one.point(lambda value: int(40 + 0.6 * value)) for one in scenes],
        "cropped": [one.crop((7, 7, 233, 233)) for one in scenes],
    }
    first = np.stack([copied(one) for one in scenes])
    shares = {}
    for name, pictures in changes.items():
        second = np.stack([copied(one) for one in pictures])
        shares[name] = unshared(overlay(first, second, register(first, second)))
    third = 0.01 / UNSHARED
    assert (shares.pop("mark") > third).mean() >= 0.9
    for name, share in shares.items():
        assert (share < third).all(), name
