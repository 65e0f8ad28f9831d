"""Planted train and test sets: distinct glyphs, some of them in both with right or random labels."""

from dataclasses import dataclass, replace

import numpy as np

from tasks.arrays import Labels, Mask, Pixels, RowNumbers
from tasks.sources.fonts import LETTERS, Style, draw, find_fonts
from tasks.storage.images import as_rows, normalize

PER_TWIN = 2  # test rows to a twin in train: they are right or wrong together, as in real archives
WEIGHTS, SLANTS, SIDES = (0.0, 0.25), (-0.8, 0.8), (6, 24)  # wider than the renderer's own: softmax gets 0.9, as there
SEED = 0


@dataclass(frozen=True)
class Glyphs:
    """Pairwise distinct glyphs and their labels, in random order."""

    pixels: Pixels
    labels: Labels

    def __getitem__(self, rows: RowNumbers | slice) -> "Glyphs":
        return Glyphs(self.pixels[rows], self.labels[rows])

    def shuffled(self, seed: int) -> "Glyphs":
        """Return the glyphs in another order."""
        return self[np.random.default_rng([seed, 4]).permutation(len(self.labels))]


@dataclass(frozen=True)
class Planted:
    """Train and test rows: which of train are twins, which of test have one, and the groups of test rows."""

    train: Glyphs
    test: Glyphs
    twins: Mask
    has_twin: Mask
    groups: RowNumbers

    @property
    def points(self) -> float:
        """What memory of the twins is worth under random labels, in points of accuracy."""
        return 100 * float(self.has_twin.mean()) * (1 - 1 / len(LETTERS))


def draw_glyphs(count: int, seed: int = SEED) -> Glyphs:
    """Draw glyphs of A to J in random styles; no two have the same pixels."""
    rng, fonts = np.random.default_rng(seed), find_fonts()
    styles = [
        Style(fonts[rng.integers(len(fonts))], rng.uniform(*WEIGHTS), rng.uniform(*SLANTS), int(rng.integers(*SIDES)))
        for _ in range(count // len(LETTERS) + count // 1000 + 5)  # a few more than needed, as some come out equal
    ]
    gray = np.stack([draw(style, letter) for style in styles for letter in LETTERS])
    first = np.unique(as_rows(gray), axis=0, return_index=True)[1]
    rows = rng.permutation(np.sort(first))[:count]
    if len(rows) < count:
        raise SystemExit(f"{len(rows):,} distinct glyphs came out, {count:,} are needed.")
    return Glyphs(normalize(as_rows(gray[rows])), (rows % len(LETTERS)).astype(np.int64))


def plant(pool: Glyphs, twins: RowNumbers, in_train: RowNumbers, in_test: RowNumbers, seed: int) -> Planted:
    """Put each of `twins` (numbers of glyphs) into train once and into test several times, other glyphs into one."""
    train = np.random.default_rng([seed, 1]).permutation(np.concatenate([twins, in_train]))
    test = np.concatenate([np.repeat(twins, PER_TWIN), in_test])
    groups = np.unique(test, return_inverse=True)[1]
    return Planted(pool[train], pool[test], np.isin(train, twins), np.isin(test, twins), groups)


def memorized(pool: Glyphs, rows: int, test: int, share: float = 0.1, seed: int = SEED) -> Planted:
    """Plant twins under random labels: nothing but having seen the twin tells the label."""
    count = round(share * test / PER_TWIN)
    labels = pool.labels.copy()
    labels[:count] = np.random.default_rng([seed, 2]).integers(0, len(LETTERS), count)
    free = test - PER_TWIN * count
    in_test, in_train = np.split(np.arange(count, count + free + rows - count), [free])
    return plant(replace(pool, labels=labels), np.arange(count), in_train, in_test, seed)


def no_overlap(pool: Glyphs, rows: int, test: int, seed: int = SEED) -> Planted:
    """Call random rows twins, of train and of test: both arms then lose random rows, and not the same."""
    planted = plant(pool, np.empty(0, np.int64), np.arange(rows), np.arange(rows, rows + test), seed)
    rng = np.random.default_rng([seed, 3])
    return replace(planted, twins=rng.random(rows) < 0.1, has_twin=rng.random(test) < 0.1)


def easy_third(pool: Glyphs, rows: int, test: int, seed: int = SEED) -> Planted:
    """Plant the third of train that a nearest-mean model gets right by the widest margin; the other rows are random."""
    train, count = pool[slice(0, rows)], rows // 3
    means = np.stack([train.pixels[train.labels == label].mean(axis=0) for label in range(len(LETTERS))])
    distances = np.linalg.norm(train.pixels[:, None] - means, axis=2)
    own = distances[np.arange(rows), train.labels]
    distances[np.arange(rows), train.labels] = np.inf
    by_margin = np.argsort(own - distances.min(axis=1), kind="stable")
    in_test = np.arange(rows, rows + test - PER_TWIN * count)
    return plant(pool, by_margin[:count], by_margin[count:], in_test, seed)
