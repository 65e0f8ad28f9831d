"""How similar images are that are no leak: images of train in the rest of train, and random pairs.

Near-identical photographs hang together in components. Where copies are, a component is nearly a clique: each of its
pictures resembles each other one. Where it is not, as in the frames of a film, or where almost all pictures are one
component, near-identity proves nothing: those pictures are *chained*. Random pairs are drawn between components, since
copies make random pairs, too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from tasks.arrays import Bits, Floats, RowNumbers
from tasks.joined import groups_of
from tasks.overlap.images import Images, as_void, read_images
from tasks.overlap.join import AMONG, Join, near_pairs, similarity_of
from tasks.overlap.pairs import Pairs, together
from tasks.overlap.pictures import candidate_pairs, hanging
from tasks.overlap.prints import slices
from tasks.overlap.proposals import How
from tasks.overlap.threshold import NEAR_IDENTICAL, best_of, look_alikes_of, near_identical

GLYPHS, PICTURES = 2000, 500  # images of train; laying pictures over each other takes longer
RANDOM_PAIRS = 500
COMPONENTS, INSIDE = 200, 10  # largest components that are looked into, and pairs of each
NEARLY, RESEMBLES = 0.9, 0.95  # share of the pairs of a clique, and their agreement
ALMOST_ALL = 0.9  # of the pictures
BASELINE = pa.schema(
    {"kind": pa.string(), "similarity": pa.float64(), "beyond": pa.float64(), "label": pa.int64()}
)  # `beyond`: see `tasks.overlap.threshold.look_alikes_of`


@dataclass(frozen=True)
class Compared:
    """The splits that were compared, train first: the joins of all pairs of them that have images, and their pairs."""

    joins: Sequence[Join]
    pairs: Sequence[Pairs]

    @cached_property
    def images(self) -> dict[str, Images]:
        """The images of each split."""
        prints = {side.split: side for join in self.joins for side in join.sides}
        return {name: read_images(side, self.joins[0].workspace) for name, side in prints.items()}

    @property
    def starts(self) -> dict[str, int]:
        """Number of the first image of each split among the images of all."""
        sizes = [len(images) for images in self.images.values()]
        return dict(zip(self.images, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))

    @cached_property
    def components(self) -> RowNumbers:
        """Component of each image of all splits; glyphs hang together by identity alone."""
        digests = np.concatenate([images.digests for images in self.images.values()])
        _, first, number = np.unique(as_void(digests), return_index=True, return_inverse=True)
        links = [(np.arange(len(digests)), first[number])]
        line = near_identical(min((join.short_side for join in self.joins if join.short_side), default=None))
        for join, pairs in zip(self.joins, self.pairs, strict=True):
            if join.view.on_pixels:
                near = pairs.where(pairs.similarity >= line)
                one, two = (self.starts[side.split] for side in join.sides)
                links.append((near.first + one, near.second + two))
        return groups_of(len(digests), links)

    def measured(self, one: RowNumbers, two: RowNumbers) -> Floats:
        """Return the similarity of pairs of images, by their numbers among those of all splits."""
        names, found = list(self.images), np.zeros(len(one))
        splits = [np.searchsorted(list(self.starts.values()), side, side="right") - 1 for side in (one, two)]
        for a, b in sorted(set(zip(splits[0].tolist(), splits[1].tolist(), strict=True))):
            at = np.flatnonzero((splits[0] == a) & (splits[1] == b))
            ends = (one[at] - self.starts[names[a]], two[at] - self.starts[names[b]])
            found[at] = similarity_of(*(self.images[names[s]].take(end) for s, end in zip((a, b), ends, strict=True)))
        return found


def measure_baseline(found: Compared, train: str, seed: int) -> tuple[pa.Table, Bits]:
    """Return the similarity of matches that are no leak, and the digests of chained pictures.

    Parameters
    ----------
    found : Compared
    train : str
        Name of the split in whose rest its own images are searched.
    seed : int
        That images and pairs are drawn by, with what the images of train are: no data can be made for it, and the
        form of a source changes nothing.

    Returns
    -------
    table : Table
        Schema `BASELINE`: ``train`` of the best match of images of train in the rest of it, ``random`` of random pairs
        of an image of another split and one of train, or of two of train where there is no other.
    chained : ndarray
        uint8 (n, 16).
    """
    digest = hashlib.sha256(found.images[train].digests.tobytes()).digest()
    rng = np.random.default_rng([seed, *digest])
    best = _within_train(_with_itself(found.joins[0], train), found.images[train], rng)
    sizes, own = {name: len(images) for name, images in found.images.items()}, found.images[train]
    others = [name for name in found.images if name != train and sizes[name]] or [train]
    one = np.concatenate([rng.permutation(sizes[name])[:RANDOM_PAIRS] + found.starts[name] for name in others])
    two = rng.integers(0, max(len(own), 1), len(one)) + found.starts[train]
    apart = found.components[one] != found.components[two]
    random = found.measured(one[apart], two[apart]) if len(own) else np.empty(0)
    nothing = np.zeros(len(random))
    parts = [("train", *best), ("random", random, nothing, nothing.astype(np.int64))]
    columns = [pa.array(np.concatenate([part[k] for part in parts])) for k in (1, 2, 3)]
    kinds = pa.array([kind for kind, values, *_ in parts for _ in values], pa.string())
    return pa.table([kinds, *columns], schema=BASELINE), _chained(found, rng)


def _with_itself(join: Join, split: str) -> Join:
    side = next(prints for prints in join.sides if prints.split == split)
    return replace(join, first=side, second=side)


def _within_train(join: Join, train: Images, rng: np.random.Generator) -> tuple[Floats, Floats, RowNumbers]:
    """Return similarity, what is beyond the copies, and label of the best matches of some images in the rest."""
    order = rng.permutation(len(train))
    count = min(PICTURES if join.view.on_pixels else GLYPHS, len(train) // 4)
    sample, rest = np.sort(order[:count]), np.sort(order[count:])
    one = train.take(sample), sample

    def found() -> Iterator[Pairs]:
        for some in slices(len(rest), AMONG):
            two = train.take(rest[some.start : some.stop]), rest[some.start : some.stop]
            if join.view.on_pixels:
                how = How(join.bands, join.seed, count * len(rest))
                yield candidate_pairs(one, two, how, within=True).pairs
            else:
                yield near_pairs(join, one, two, "all pairs")

    pairs = together(list(found()) if count else [])
    best, beyond = best_of(pairs, len(train), side=0, within=True), np.zeros(len(train))
    if join.view.on_pixels:
        certain = pairs.where(pairs.similarity >= NEAR_IDENTICAL)
        beyond = look_alikes_of(pairs, hanging(certain, train, train, within=True), side=0, within=True)
    return best[sample], beyond[sample], train.labels[sample]


def _chained(found: Compared, rng: np.random.Generator) -> Bits:
    """Return the digests of pictures whose component is not nearly a clique, or almost all there is."""
    if not found.joins[0].view.on_pixels:
        return np.empty((0, 16), np.uint8)
    component = found.components
    sizes = np.bincount(component, minlength=1)
    largest = np.argsort(-sizes, kind="stable")[: int((sizes > 2).sum())]
    members = np.argsort(component, kind="stable")
    starts = np.cumsum(sizes) - sizes
    looked = largest[:COMPONENTS]
    of = np.repeat(looked, INSIDE)
    one = rng.integers(0, sizes[of])
    two = (one + rng.integers(1, sizes[of])) % sizes[of]
    resembles = found.measured(members[starts[of] + one], members[starts[of] + two]) >= RESEMBLES
    shares = resembles.reshape(len(looked), INSIDE).mean(axis=1)
    wrong = set(looked[shares < NEARLY].tolist())
    if len(looked) and shares.mean() < NEARLY:  # so much for those that are not looked into
        wrong |= set(largest[COMPONENTS:].tolist())
    if len(sizes) and sizes.max() > ALMOST_ALL * len(component):
        wrong.add(int(sizes.argmax()))
    digests = np.concatenate([images.digests for images in found.images.values()])
    return digests[np.isin(component, sorted(wrong))]
