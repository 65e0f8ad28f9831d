"""Compare the images of two splits, or of one with itself: tile by tile, a slice of one with a slice of the other.

A set that is compared with itself is a join whose sides are the same. Three strategies find pairs: all pairs of glyphs
by bounds (`complete.py`), MinHash where those are too many (`candidates.py`), and candidates that are laid over each
other for photographs (`pictures.py`). What tiles find is put together exactly; where slices end does not depend on the
machine.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, reduce
from itertools import combinations_with_replacement, product
from operator import add
from typing import Any

import numpy as np

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.overlap.agreements import agreements
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import AFFORDABLE, choose_bounds, complete_pairs
from tasks.overlap.images import Images, read_images, read_sample
from tasks.overlap.minhash import Bands
from tasks.overlap.pairs import NO_PAIRS, Pairs, gathered, in_order, read_pairs, that_matter, together, write_pairs
from tasks.overlap.patterns import shared_bits, similarity
from tasks.overlap.pictures import candidate_pairs, mirrored_pairs, with_more
from tasks.overlap.prints import slices
from tasks.overlap.proposals import CANDIDATES, How, cost_of
from tasks.overlap.recall import SAMPLE_ROWS, RecallCounts, contradicts, count_named, sampled
from tasks.overlap.threshold import near_identical
from tasks.records import Prints, Tile
from tasks.records.overlaps import Method
from tasks.registration.views import View
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.threads import blas_threads

Slices = tuple[range, range]  # images of both sides of a tile
Numbered = tuple[Images, RowNumbers]  # some images of a split, and their numbers there

SLICE = 250_000  # glyphs of either side
SEARCHED, AMONG = 25_000, 1_000_000  # photographs that are searched for, and those that they are searched in
IN_FULL = 3_000  # that are searched for where all pairs are compared, and nothing is signed anew for each tile
ALWAYS_UP_TO = 10**9  # pairs of glyphs: at most half a minute
AFFORDABLE_IN_NEED = 100 * AFFORDABLE  # where MinHash is known to miss what it should find
UNASKED = 6e10  # nanoseconds: a minute of one core, for what nobody asked for
LAID_OVER = 4e5  # nanoseconds of laying a candidate over a photograph
AT_ONCE = 1 << 18  # pairs whose similarity is measured at a time
PAIRS, MIRRORED = "pairs.parquet", "mirrored.parquet"


@dataclass(frozen=True)
class Join:
    """Two splits to be compared, or one with itself, and how.

    Attributes
    ----------
    first, second : Prints
    workspace : Place
    view : View
    percent : int
        Similarity of glyphs, in whole percent, from which pairs are found.
    bands : Bands or None
        How to cut MinHash signatures; None compares all pairs, whatever that costs.
    seed : int
        Of the hash positions of MinHash.
    searched : int
        Number of the split that may lose rows to the other: of photographs, candidates are sought for its images.
    mirrored : bool
        Search for photographs also as they look in a mirror.
    """

    first: Prints
    second: Prints
    workspace: Place
    view: View
    percent: int
    bands: Bands | None
    seed: int
    searched: int = 0
    mirrored: bool = False

    @property
    def sides(self) -> tuple[Prints, Prints]:
        """Both splits."""
        return self.first, self.second

    @property
    def within(self) -> bool:
        """Whether a split is compared with itself."""
        return self.first == self.second

    @property
    def short_side(self) -> int | None:
        """The smaller of the median short sides of both splits, in pixels; None of glyphs."""
        return min((side.short_side for side in self.sides if side.short_side), default=None)

    @property
    def turned(self) -> bool:
        """Whether candidates are sought for the images of the second split, among those of the first."""
        return self.searched == 1 and not self.within

    @property
    def how(self) -> How:
        """How candidates of photographs are searched."""
        return How(self.bands, self.seed, self.first.images * self.second.images)

    @property
    def tiles(self) -> list[Slices]:
        """The tiles, in the order in which they are compared: none, where either side has no images."""
        if not self.first.images or not self.second.images:
            return []
        if self.within and not self.view.on_pixels:
            return list(combinations_with_replacement(slices(self.first.images, SLICE), 2))
        one, two = (slices(side.images, self._slice(number)) for number, side in enumerate(self.sides))
        return list(product(one, two))

    def _slice(self, number: int) -> int:
        if not self.view.on_pixels:
            return SLICE
        if number != self.searched:
            return AMONG
        most, images = SEARCHED if self.how.method == "minhash" else IN_FULL, self.sides[number].images
        return -(-images // max(1, -(-images // most)))  # equally many in each

    @property
    def method(self) -> Method:
        """How images are searched."""
        if self.view.on_pixels:
            return self.how.method
        return "all pairs" if self.bands is None or self.cost <= AFFORDABLE else "minhash"

    @property
    def cost(self) -> float:
        """Nanoseconds of one core that comparing all pairs is expected to take; of few glyphs 0, since it is little."""
        pairs = self.first.images * self.second.images
        if self.view.on_pixels:
            return cost_of(pairs) + LAID_OVER * CANDIDATES * self.sides[self.searched].images
        samples = [read_sample(side, self.workspace) for side in self.sides] if pairs > ALWAYS_UP_TO else []
        return pairs * choose_bounds(samples[0], samples[1], self.percent).cost if samples else 0.0

    def images(self, number: int, some: range | None = None) -> Images:
        """Return the images of a side, or some of them."""
        return read_images(self.sides[number], self.workspace, some)

    @cached_property
    def labels(self) -> tuple[RowNumbers, RowNumbers]:
        """Classes of all images of both sides."""
        one, two = (tables.read(self.workspace / s.images_table, ["label"])["label"].to_numpy() for s in self.sides)
        return one, two

    def keep(self, pairs: Pairs) -> Pairs:
        """Return the pairs that matter: of photographs all, since each has few."""
        if self.view.on_pixels:
            return in_order(pairs, self.within)
        return that_matter(pairs, self.labels, self.within)


@dataclass(frozen=True)
class Found:
    """What a tile or a join found: pairs, the same in a mirror, and what MinHash found, where it was asked."""

    pairs: Pairs
    mirrored: Pairs = NO_PAIRS
    recall: RecallCounts | None = None

    def write(self, target: Place) -> dict[str, Any]:
        """Write the pairs into a folder; return the rest, for JSON."""
        write_pairs(self.pairs, target / PAIRS)
        write_pairs(self.mirrored, target / MIRRORED)
        return {"recall": self.recall and asdict(self.recall)}

    @classmethod
    def read(cls, folder: Place, facts: dict[str, Any]) -> "Found":
        """Return what `write` wrote."""
        recall = RecallCounts.from_json(facts["recall"]) if facts["recall"] else None
        return cls(read_pairs(folder / PAIRS), read_pairs(folder / MIRRORED), recall)


def write_tile(join: Join, tile: Slices, target: Place) -> dict[str, Any]:
    """Write what a tile finds; return the rest."""
    return search_tile(join, *tile).write(target)


def search_tile(join: Join, first: range, second: range) -> Found:
    """Search the pairs of two slices, whose numbers are those of the splits."""
    one = join.images(0, first)
    two = one if join.within and first == second else join.images(1, second)
    sides = (one, np.array(first)), (two, np.array(second))
    if join.view.on_pixels:
        return _pictures(join, *sides)
    with blas_threads(1):
        found = near_pairs(join, *sides, join.method)
        recall = None if join.within or join.bands is None else _recall(join, *sides, found)
        return Found(found, recall=recall)


def write_join(join: Join, tiles: Sequence[Tile], target: Place) -> dict[str, Any]:
    """Write the pairs of two splits, put together from their tiles, or searched here where there are none.

    Returns
    -------
    dict
        How the pairs were found, and what MinHash states and was measured to find.
    """
    method = join.method
    found = [Found.read(join.workspace / tile.folder, tile.result) for tile in tiles]
    found = found or [search_tile(join, *tile) for tile in join.tiles]
    recalls = [part.recall for part in found if part.recall]
    recall = reduce(add, recalls) if recalls else None
    stated, contradicted = _stated(join, method, recall)
    if contradicted and not join.view.on_pixels and join.cost <= AFFORDABLE_IN_NEED:
        method, exact = "all pairs", replace(join, bands=None)  # what MinHash misses is known
        found = [search_tile(exact, *tile) for tile in join.tiles]
    pairs = join.keep(together([part.pairs for part in found]))
    if join.view.on_pixels:  # more copies of pictures that have many near-identical ones: that depends on no threshold
        line = near_identical(join.short_side)
        pairs = more_of(join, pairs, (np.full(join.first.images, line), np.full(join.second.images, line)))
    mirrored = in_order(together([part.mirrored for part in found]), within=False)
    Found(pairs, mirrored).write(target)
    return {"method": method, "stated": stated, "contradicted": contradicted, "recall": recall and asdict(recall)}


def _stated(join: Join, method: Method, recall: RecallCounts | None) -> tuple[float, bool]:
    """Return the recall that MinHash states, and whether what was measured contradicts it."""
    if join.bands is None or (join.view.on_pixels and method == "all pairs"):
        return 1.0, False
    percent = join.percent if join.view.recall_from is None else round(100 * join.view.recall_from)
    stated = join.bands.recall_at(percent / 100)
    return stated, method == "minhash" and recall is not None and contradicts(recall, percent, stated)


def more_of(join: Join, pairs: Pairs, lines: tuple[Floats, Floats]) -> Pairs:
    """Return the pairs of photographs and further ones; see `tasks.overlap.pictures.with_more`."""
    if not len(pairs.first):
        return pairs
    images = join.images(0), join.images(1)
    if not join.turned:
        return with_more(pairs, *images, lines, join.how, join.within)
    return in_order(
        _turned(with_more(_turned(pairs), *images[::-1], lines[::-1], join.how, within=False)), within=False
    )


def _turned(pairs: Pairs) -> Pairs:
    return Pairs(pairs.second, pairs.first, pairs.similarity)


def _pictures(join: Join, one: Numbered, two: Numbered) -> Found:
    searched, among = (two, one) if join.turned else (one, two)
    sample = -(-SAMPLE_ROWS * len(one[0]) * len(two[0]) // join.how.pairs)  # of this tile
    pairs, recall = candidate_pairs(searched, among, join.how, join.within, 0 if join.within else sample)
    seen = mirrored_pairs(searched, among, join.how) if join.mirrored and not join.within else NO_PAIRS
    return Found(_turned(pairs), _turned(seen), recall) if join.turned else Found(pairs, seen, recall)


def near_pairs(
    join: Join, one: Numbered, two: Numbered, method: Method, but: Callable[[Pairs], Mask] | None = None
) -> Pairs:
    """Return the near-duplicates that matter of some glyphs, each with their numbers; `but` says which are none.

    Glyphs without any bit set say nothing of what they show: they can only be identical.
    """
    says = [np.flatnonzero(images.patterns.counts > 0) for images, _ in (one, two)]
    first = one[0].patterns.take(says[0])
    second = first if two is one or two[0] is one[0] else two[0].patterns.take(says[1])
    numbers, digests = (one[1][says[0]], two[1][says[1]]), (one[0].digests[says[0]], two[0].digests[says[1]])
    if method == "minhash" and join.bands:
        stream = lsh_pairs(first, second, join.percent, join.bands, join.seed)
    else:
        stream = complete_pairs(first, second, join.percent)

    def measured() -> Iterator[Pairs]:
        for i, j, shared in stream:
            found = similarity(first.counts[i], second.counts[j], shared, first.length)
            differ = (digests[0][i] != digests[1][j]).any(axis=1)  # identical images are no near-duplicates
            pairs = Pairs(numbers[0][i], numbers[1][j], found).where(differ)
            yield pairs.where(~but(pairs)) if but else pairs

    return gathered(measured(), join.keep)


def similarity_of(one: Images, two: Images) -> Floats:
    """Return how similar images are, pair by pair, float64 (n,): measured, since a pair may have been no candidate."""
    found = np.ones(len(one))
    differ = np.flatnonzero((one.digests != two.digests).any(axis=1))
    for start in range(0, len(differ), AT_ONCE):
        some = differ[start : start + AT_ONCE]
        first, second = one.take(some), two.take(some)
        if first.copies and second.copies:
            both = agreements(first.copies, second.copies), agreements(second.copies, first.copies)
            found[some] = np.maximum(0, np.maximum(*both))
            continue
        (a, b), each = (first.patterns, second.patterns), np.arange(len(some))
        near = similarity(a.counts, b.counts, shared_bits(a.words, b.words, each, each), a.length)
        found[some] = np.where((a.counts > 0) & (b.counts > 0), near, 0.0)
    return found


def _recall(join: Join, one: Numbered, two: Numbered, found: Pairs) -> RecallCounts | None:
    """Ask MinHash beside all pairs, in the first tile alone, or all pairs beside MinHash, for a sample.

    Signing all images of large splits takes longer than comparing them, and MinHash verifies its pairs: so it is asked
    for images that have any.
    """
    if join.method == "all pairs":
        if one[1][0] or two[1][0]:
            return None
        ends = [np.isin(side[1], end) for side, end in zip((one, two), found[:2], strict=True)]
        asked = near_pairs(join, _some(one, ends[0]), _some(two, ends[1]), "minhash")
        counts = count_named(found, asked) + count_named(_turned(found), _turned(asked))
        return replace(counts, rows=len(one[0]) + len(two[0]))
    rows = np.isin(two[1], sampled(join.second.images, join.seed))
    truth = near_pairs(join, one, _some(two, rows), "all pairs")
    own = found.where(np.isin(found.second, two[1][rows]))
    return replace(count_named(_turned(truth), _turned(own)), rows=int(rows.sum()))


def _some(side: Numbered, which: Mask) -> Numbered:
    at = np.flatnonzero(which)
    return side[0].take(at), side[1][at]
