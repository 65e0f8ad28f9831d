"""Measure similarities without a leak: between images of train and the rest of train, and of random pairs.

Duplicates make a component of near-identical photographs nearly a clique. Where a component is not one, such as the
frames of a film, or where almost all images are in one, near-identity proves nothing: these images are *chained*.
Random pairs count between components, because copies would make random pairs look similar; all that are drawn show
whether images have one layout, where the agreement of near-identical images is higher.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from tasks.arrays import Bits, Floats, RowNumbers
from tasks.joined import groups_of, links_of
from tasks.overlap.agreements import similarity_of
from tasks.overlap.components import components_of, look_alikes_of
from tasks.overlap.images import Images, read_images
from tasks.overlap.join import AMONG, Join, join_of
from tasks.overlap.pairs import Pairs, concatenated, read_pairs
from tasks.overlap.pictures import candidate_pairs
from tasks.overlap.prints import slices
from tasks.overlap.proposals import affordable
from tasks.overlap.search import PAIRS, near_pairs
from tasks.overlap.threshold import NEAR_IDENTICAL, near_identity, usual_near_identity
from tasks.records import Joined
from tasks.records.spec import ComparingSpec
from tasks.storage import Place, tables
from tasks.vocabulary import SplitName

GLYPHS, PICTURES = 2000, 500  # images of train to measure; aligning photographs takes longer
RANDOM_PAIRS = 500
COMPONENTS, INSIDE = 200, 10  # largest components to inspect, and pairs of each
NEARLY, RESEMBLES = 0.9, 0.95  # share of the pairs that a near-clique contains, and their agreement
ALMOST_ALL = 0.9  # of all images
Side = tuple[SplitName, str]  # split and folder of fingerprints
BASELINE = pa.schema(
    {"kind": pa.string(), "similarity": pa.float64(), "beyond": pa.float64(), "label": pa.int64()}
)  # `beyond`: see `tasks.overlap.components.look_alikes_of`


def joins_of(spec: ComparingSpec, joined: Sequence[Joined], workspace: Place) -> tuple[list[Join], list[Pairs]]:
    """Return comparisons that were made, and their pairs."""
    joins = [join_of(spec, one.pair, workspace, [one])[0] for one in joined]
    return joins, [read_pairs(workspace / one.folder / PAIRS) for one in joined]


def measure_baseline(
    joins: Sequence[Join], found: Sequence[Pairs], train: SplitName, seed: int
) -> tuple[pa.Table, Bits]:
    """Return similarities without a leak, and the digests of chained images, uint8 (n, 16).

    The joins are all pairs of compared splits with images; `found` are their pairs. The table has the schema
    `BASELINE`: ``train`` rows have the best match of an image of train in the rest of train; ``drawn`` rows have a
    random pair of an image of another split and one of train, or of two of train if there is only train;
    ``random`` rows have such a pair that no duplicates connect. The seed
    and the images of train decide which images are drawn, so the form of a source changes nothing, and nobody can craft
    data for the draw.
    """
    splits = {prints.split: prints for join in joins for prints in join.sides}
    every, of = _every(joins)
    starts = {name: of[name, prints.folder] for name, prints in splits.items()}
    own = every.take(slice(starts[train], starts[train] + splits[train].images))
    rng = np.random.default_rng([seed, *hashlib.sha256(own.digests.tobytes()).digest()])
    best = _within_train(replace(joins[0], first=splits[train], second=splits[train]), own, rng)
    others = [name for name, prints in splits.items() if name != train and prints.images] or [train]
    one = np.concatenate([rng.permutation(splits[name].images)[:RANDOM_PAIRS] + starts[name] for name in others])
    two = rng.integers(0, max(len(own), 1), len(one)) + starts[train]
    differ = (every.digests[one] != every.digests[two]).any(axis=1) if len(own) else np.zeros(len(one), np.bool_)
    one, two = one[differ], two[differ]
    drawn = np.maximum(similarity_of(every.take(one), every.take(two)), 0)  # certain matches only
    line = near_identity(drawn, best[0], max(prints.images for prints in splits.values()), _short_side(joins))
    components = _components(joins, found, every, of, line)
    random = drawn[components[one] != components[two]]
    kinds = np.repeat(["train", "random", "drawn"], [len(best[0]), len(random), len(drawn)])
    nothing = np.zeros(len(random) + len(drawn))
    columns = [np.concatenate([best[0], random, drawn]), np.append(best[1], nothing)]
    labels = np.append(best[2], nothing.astype(np.int64))
    chained = _chained(every, components, rng) if joins[0].view.on_pixels else np.empty((0, 16), np.uint8)
    return pa.table([pa.array(kinds, pa.string()), *columns, labels], schema=BASELINE), chained


def chained_among(joins: Sequence[Join], found: Sequence[Pairs], known: Bits, line: float | None) -> Bits:
    """Return the digests of chained images, uint8 (n, 16), among the photographs of some joins, given their pairs.

    So is every image of a component with one of the digests `known`, uint8 (m, 16). `line` is the lowest agreement of
    near-identical images, if the set has its own.
    """
    every, of = _every(joins)
    components = _components(joins, found, every, of, line or usual_near_identity(_short_side(joins)))
    rng = np.random.default_rng([*hashlib.sha256(every.digests.tobytes()).digest()])
    chained = every.are_among(np.concatenate([known, _chained(every, components, rng)]))
    return np.unique(every.digests[np.isin(components, components[chained])], axis=0)


def _every(joins: Sequence[Join]) -> tuple[Images, dict[Side, int]]:
    """Return all images, and the start of each side."""
    sides = {(prints.split, prints.folder): prints for join in joins for prints in join.sides}
    every = Images.concatenated([read_images(prints, joins[0].workspace) for prints in sides.values()])
    return every, dict(zip(sides, np.cumsum([0, *(prints.images for prints in sides.values())]).tolist(), strict=False))


def _short_side(joins: Sequence[Join]) -> int | None:
    return min((join.short_side for join in joins if join.short_side), default=None)


def _components(
    joins: Sequence[Join], found: Sequence[Pairs], every: Images, starts: dict[Side, int], line: float
) -> RowNumbers:
    """Return the component of each image. Glyphs are connected only by identity."""
    links = [links_of(tables.binary(every.digests).dictionary_encode().indices.to_numpy())]
    for join, pairs in zip(joins, found, strict=True):
        if join.view.on_pixels:
            near = pairs.where(pairs.similarity >= line)
            one, two = (starts[prints.split, prints.folder] for prints in join.sides)
            links.append((near.first + one, near.second + two))
    return groups_of(len(every), links)


def _within_train(join: Join, train: Images, rng: np.random.Generator) -> tuple[Floats, Floats, RowNumbers]:
    """Return similarity, `beyond` and label of the best matches of some images in the rest of train."""
    order = rng.permutation(len(train))
    count = min(PICTURES if join.view.on_pixels else GLYPHS, len(train) // 4)
    sample = np.sort(order[:count])
    # Glyphs are searched for in all of train, because the answer tells their share.
    rest = np.sort(order[count:]) if join.view.on_pixels else np.arange(len(train))
    one, best, beyond = train.take(sample), np.zeros(len(train)), np.zeros(len(train))
    bands = affordable(join.bands, count * len(rest))
    parts = (train.take(rest[some.start : some.stop]) for some in slices(len(rest), AMONG) if count)
    if join.view.on_pixels:
        pairs = concatenated([candidate_pairs(one, two, bands, within=True)[0] for two in parts])
    else:
        pairs = concatenated([near_pairs(join, one, two, "all pairs") for two in parts])
    seen = pairs.seen_from(0, within=True)
    np.maximum.at(best, seen.first, seen.similarity)
    if join.view.on_pixels:
        certain = pairs.where(pairs.similarity >= NEAR_IDENTICAL)
        beyond = look_alikes_of(seen, components_of(certain, train, train, within=True))
    return best[sample], beyond[sample], train.labels[sample]


def _chained(every: Images, component: RowNumbers, rng: np.random.Generator) -> Bits:
    """Return the digests of images whose component is not nearly a clique, or contains almost all images."""
    sizes = np.bincount(component, minlength=1)
    largest = np.argsort(-sizes, kind="stable")[: int((sizes > 2).sum())]
    members = np.argsort(component, kind="stable")
    starts = np.cumsum(sizes) - sizes
    looked = largest[:COMPONENTS]
    of = np.repeat(looked, INSIDE)
    one = rng.integers(0, sizes[of])
    two = (one + rng.integers(1, sizes[of])) % sizes[of]
    pairs = (every.take(members[starts[of] + end]) for end in (one, two))
    shares = (similarity_of(*pairs) >= RESEMBLES).reshape(len(looked), INSIDE).mean(axis=1)
    wrong = set(looked[shares < NEARLY].tolist())
    if len(looked) and shares.mean() < NEARLY:  # assume the same of the smaller components
        wrong |= set(largest[COMPONENTS:].tolist())
    if len(sizes) and sizes.max() > ALMOST_ALL * len(component):
        wrong.add(int(sizes.argmax()))
    return every.digests[np.isin(component, sorted(wrong))]
