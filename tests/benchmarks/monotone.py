"""More copies never hide copies: ``python -m tests.benchmarks.monotone [--draws N] [--sets NAME ...]``.

A growing share of the rows of a test set is replaced by changed copies of rows of train, several of each image; within
a draw, copies planted at one share stay at every higher one. The output is the share of planted rows found as
duplicates, in the mean over draws, the number of clean rows found, and the number of near-identical rows that are found
at a lower share but not at a higher one. Sets next to the project are used if available.
"""

import argparse
import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.overlap.threshold import usual_near_identity
from tests.benchmarks.photos import CHANGES
from tests.build import SHARED, scene
from tests.overlap.engine import Measured, glyph_split, measure, picture_split
from tests.real import read_gray

SHARES, COPIES, DRAWS = (0.005, 0.05, 0.25, 1.0), (1, 8, 40), 20
TRAIN, TEST = 500, 200
WAYS = (
    "JPEG 30",
    "cropped by 5 %",
    "moved by 1/16 both ways",
    "rotated by 3 degrees",
    "gamma 0.7",
    "half size and back",
)
ARCHIVES = {
    "CIFAR-10": ("cifar_train.tar.gz", "cifar_test.tar.gz"),
    "brain scans": ("mri_train.tar", "mri_test.tar"),
    "X-rays": ("xray_train.tar", "xray_test.tar"),
}
GLYPHS = "notmnist_real_5k.tar.gz"
FLIPS = (1, 3, 6)  # pixels of a glyph whose ink is changed in a copy
Rows = list[Any]


class Planted(NamedTuple):
    """Which test rows were planted, were called, and were near-identical to one of train."""

    planted: NDArray[np.bool_]
    called: NDArray[np.bool_]
    certain: NDArray[np.bool_]


def pictures(archive: Path, count: int, seed: int) -> Rows:
    """Return some pictures of an archive."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile() and member.size]
        chosen = np.random.default_rng(seed).permutation(len(members))[:count].tolist()
        files = [tar.extractfile(members[at]) for at in chosen]
        return [Image.open(io.BytesIO(file.read())).convert("RGB") for file in files if file]


def sets() -> Iterator[tuple[str, Rows, Rows]]:
    """Yield name, train and test of each set that is there; scenes are always."""
    for name, (train, test) in ARCHIVES.items():
        if (SHARED / "data" / train).exists():
            yield name, pictures(SHARED / "data" / train, TRAIN, 1), pictures(SHARED / "data" / test, TEST, 2)
    if (SHARED / "data" / GLYPHS).exists():
        gray = read_gray(SHARED / "data" / GLYPHS)
        rows = list(gray[np.random.default_rng(3).permutation(len(gray))[: TRAIN + TEST]] > 127)
        yield "glyphs", rows[:TRAIN], rows[TRAIN:]
    scenes = [scene(120, 120, seed) for seed in range(TRAIN + TEST)]
    yield "scenes", scenes[:TRAIN], scenes[TRAIN:]


def copied(row: Any, way: str, rng: np.random.Generator) -> Any:
    """Return a changed copy of a picture or a glyph."""
    if isinstance(row, Image.Image):
        return CHANGES[way](row)
    copy = row.copy()
    edge = np.flatnonzero(row ^ np.roll(row, 1, axis=0))
    copy.flat[rng.permutation(edge)[: rng.choice(FLIPS)]] ^= True
    return copy


def planted(train: Rows, test: Rows, copies: int, ways: Sequence[str], draw: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return a copy for each row of test, several of each image of train, and the order of planting them."""
    rng = np.random.default_rng([draw, copies])
    order, of = rng.permutation(len(test)), rng.permutation(len(train))
    found = {}
    for place, row in enumerate(order.tolist()):
        found[row] = copied(train[of[place // copies]], ways[int(rng.integers(len(ways)))], rng)
    return [found[row] for row in range(len(test))], order


def called(train: Rows, test: Rows, folder: Path) -> Measured:
    """Compare two sets."""
    if isinstance(train[0], Image.Image):
        splits = picture_split(folder, "train", train), picture_split(folder, "test", test)
        return measure(folder, splits[0], splits[1], "photo")
    bits = [np.stack(rows).reshape(len(rows), -1) for rows in (train, test)]
    splits = glyph_split(folder, "train", bits[0]), glyph_split(folder, "test", bits[1])
    return measure(folder, splits[0], splits[1], "ink")


def at_shares(train: Rows, test: Rows, copies: int, ways: Sequence[str], draw: int) -> list[Planted]:
    """Plant a growing share of copies, and return what was called at each."""
    new, order = planted(train, test, copies, ways, draw)
    found = []
    for share in SHARES:
        here = np.zeros(len(test), np.bool_)
        here[order[: max(1, round(share * len(test)))]] = True
        rows = [new[row] if here[row] else test[row] for row in range(len(test))]
        with tempfile.TemporaryDirectory() as temporary:
            measured = called(train, rows, Path(temporary))
            best, line = measured.direction(1).best, usual_near_identity(measured.join.second.short_side)
        certain = best["exact"] | (best["similarity"] >= (line if measured.join.view.on_pixels else 1))
        found.append(Planted(here, best["exact"] | best["near"], certain))
    return found


def report(name: str, kind: str, copies: int, draws: Sequence[Sequence[Planted]]) -> None:
    """Print a line."""
    recalls, clean, lost = [], 0.0, 0
    for number in range(len(SHARES)):
        at = [draw[number] for draw in draws]
        recalls.append(100 * np.mean([one.called[one.planted].mean() for one in at]))
        clean = max(clean, float(np.mean([(one.called & ~one.planted).sum() for one in at])))
    for draw in draws:
        for before, after in pairwise(draw):
            kept = before.planted & after.planted
            lost += int((before.called & before.certain & ~after.called)[kept].sum())
    print(
        f"{name:<12} {kind:<26} {copies:>6}",
        *(f"{recall:>7.1f}" for recall in recalls),
        f"{clean:>7.1f} {lost:>8}",
        flush=True,
    )


def main() -> None:
    """Print a line per set, kind of change and number of copies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--sets", nargs="*")
    given = parser.parse_args()
    heads = " ".join(f"{100 * share:>6.4g}%" for share in SHARES)
    print(f"{'set':<12} {'change':<26} {'copies':>6} {heads} {'clean':>7} {'uncalled':>8}")
    for name, train, test in sets():
        if given.sets and name not in given.sets:
            continue
        for copies in COPIES:
            report(name, "mixed", copies, [at_shares(train, test, copies, WAYS, draw) for draw in range(given.draws)])
        if isinstance(train[0], Image.Image):
            for way in WAYS:
                few = range(max(1, given.draws // 5))
                report(name, way, 1, [at_shares(train, test, 1, [way], draw) for draw in few])


if __name__ == "__main__":
    main()
