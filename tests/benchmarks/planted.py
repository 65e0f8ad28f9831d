"""Planted train and test sets: distinct glyphs, some of which are in both under right or random labels."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from tasks.evaluation.controls import clusters
from tasks.sources.fonts import LETTERS, Style, draw, find_fonts
from tasks.storage.images import as_rows, normalize
from tasks.vocabulary.arrays import Labels, Mask, Pixels, RowNumbers

SHARE = 0.1  # of test rows that have a twin
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


@dataclass(frozen=True)
class Planted:
    """Train and test rows: which of train are twins, which of test have one, and the groups of test rows."""

    train: Glyphs
    test: Glyphs
    twins: Mask
    has_twin: Mask
    groups: RowNumbers


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


def plant(pool: Glyphs, twins: RowNumbers, rows: int, test: int, seed: int) -> Planted:
    """Put each of `twins` (numbers of glyphs) into train once and into test several times, other glyphs once."""
    others = np.setdiff1d(np.arange(len(pool.labels)), twins)
    free = test - PER_TWIN * len(twins)
    in_test = np.concatenate([np.repeat(twins, PER_TWIN), others[:free]])
    in_train = np.concatenate([twins, others[free : free + rows - len(twins)]])
    in_train = np.random.default_rng([seed, 1]).permutation(in_train)
    has_twin = np.isin(in_test, twins)
    ids = np.array([f"test/{row:05d}" for row in range(test)])
    removed = pa.table({"id": ids[has_twin], "twin_id": [f"train/{glyph:05d}" for glyph in in_test[has_twin]]})
    groups = clusters(pa.array(ids), removed)
    return Planted(pool[in_train], pool[in_test], np.isin(in_train, twins), has_twin, groups)


def memorized(pool: Glyphs, rows: int, test: int, seed: int = SEED) -> Planted:
    """Plant twins under random labels: nothing but having seen the twin tells the label."""
    count = round(SHARE * test / PER_TWIN)
    labels = pool.labels.copy()
    labels[:count] = np.random.default_rng([seed, 2]).integers(0, len(LETTERS), count)
    return plant(replace(pool, labels=labels), np.arange(count), rows, test, seed)


def no_overlap(pool: Glyphs, rows: int, test: int, seed: int = SEED) -> Planted:
    """Call random rows of train twins: both arms then lose random rows, and not the same."""
    planted = plant(pool, np.empty(0, np.int64), rows, test, seed)
    return replace(planted, twins=np.random.default_rng([seed, 3]).random(rows) < SHARE)


def easy_twins(pool: Glyphs, rows: int, test: int, seed: int = SEED) -> Planted:
    """Plant the glyphs of test that a nearest-mean model gets right by the widest margin."""
    count = round(SHARE * test / PER_TWIN)
    rest = pool[slice(test, None)]
    means = np.stack([rest.pixels[rest.labels == label].mean(axis=0) for label in range(len(LETTERS))])
    near = pool[slice(0, test)]
    distances = np.linalg.norm(near.pixels[:, None] - means, axis=2)
    own = distances[np.arange(test), near.labels]
    distances[np.arange(test), near.labels] = np.inf
    easiest = np.argsort(own - distances.min(axis=1), kind="stable")[:count]
    return plant(pool, easiest, rows, test, seed)
