"""Search the pairs of similar images inside one set: all verified ones, of which a spanning forest is kept.

Large sets are searched tile by tile, so that memory is bounded: of glyphs every slice meets itself and those after it,
of photographs every slice of those that are searched for meets every slice of all. What tiles find is put together
exactly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement, product

import numpy as np

from tasks.overlap import tiles
from tasks.overlap.bands import Bands
from tasks.overlap.exact import as_void
from tasks.overlap.find import Search, near_pairs
from tasks.overlap.jaccard import similarity
from tasks.overlap.patterns import Patterns
from tasks.overlap.pictures import picture_pairs
from tasks.overlap.proposals import is_affordable
from tasks.overlap.search import Method, method_of
from tasks.overlap.tables import Rows, SplitFingerprints
from tasks.overlap.threshold import Best
from tasks.overlap.within.distinct import Distinct, distinct_images
from tasks.overlap.within.forest import Forest, maximum_forest
from tasks.overlap.within.matches import BestMatches
from tasks.storage.decisions import Decisions
from tasks.threads import blas_threads
from tasks.views import View
from tasks.vocabulary.arrays import Mask

How = tuple[View, int, Bands | None, int]  # a set is joined with itself: see `SelfJoin` from `view` on


@dataclass(frozen=True)
class SelfJoin:
    """A set that is joined with itself, and how.

    Attributes
    ----------
    rows : Rows
    distinct : Distinct
        Its images, whose numbers all results are about.
    view : View
    floor : int
        Similarity in whole percent; of photographs all pairs that are decided are kept.
    bands, seed
        Of MinHash, for sets too large to compare all pairs.
    but : Decisions, optional
        Pairs that were judged to be different are none.
    """

    rows: Rows
    distinct: Distinct
    view: View
    floor: int
    bands: Bands | None
    seed: int
    but: Decisions | None = None

    @property
    def tiles(self) -> list[tuple[range, range]]:
        """Numbers of images that meet in each tile."""
        return tiles_within(len(self.distinct), self.view, self.bands)

    @cached_property
    def method(self) -> Method:
        """How the whole set is searched."""
        if self.view.on_pixels:
            return "minhash" if self.bands and not is_affordable(len(self.distinct) ** 2) else "all pairs"
        return method_of(self.rows, self.rows, self.search)

    @property
    def search(self) -> Search:
        """What is searched for among glyphs."""
        return Search(self.rows.length, self.floor, self.bands, self.seed)

    def images(self, some: range) -> SplitFingerprints:
        """Return the first rows of some images."""
        return self.rows.take(self.distinct.example[some.start : some.stop])


@dataclass(frozen=True)
class Found:
    """What hangs together among the images of a tile, by their numbers, and the best match of each."""

    forest: Forest
    matches: BestMatches


@dataclass(frozen=True)
class Links:
    """What hangs together in a set.

    Attributes
    ----------
    forest : Forest
        Of the numbers of `Distinct`.
    best : Best
        Of each image by its digest, its best match that is not identical; 0 where it has none from the floor on.
    other_class : ndarray
        bool: whether that match has another class.
    """

    forest: Forest
    best: Best
    other_class: Mask


def search_within(join: SelfJoin) -> Links:
    """Search the pairs of a set from a similarity on, tile by tile."""
    return put_together(join, (search_tile(join, *tile) for tile in join.tiles))


def search_tile(join: SelfJoin, first: range, second: range) -> Found:
    """Search the pairs of two slices, or those inside one."""
    with blas_threads(1):
        return _of_pictures(join, first, second) if join.view.on_pixels else _of_glyphs(join, first, second)


def put_together(join: SelfJoin, found: Iterable[Found]) -> Links:
    """Return what hangs together in the whole set, by what was found in its tiles."""
    count = len(join.distinct)
    matches = BestMatches.none(np.arange(count))

    def forests() -> Iterator[Forest]:
        for tile in found:
            matches.take_in(tile.matches)
            yield tile.forest

    forest = maximum_forest(count, forests())
    _, example = np.unique(as_void(join.rows.digests), return_index=True)
    number = join.distinct.of_row[example]  # of images, of which several may have the same bits
    again = np.bincount(number, minlength=count)[number] > 1
    similar = np.where(again, 1.0, matches.similarity[number])
    return Links(forest, Best(similar, matches.crowd[number]), matches.other_class[number])


def _of_pictures(join: SelfJoin, first: range, second: range) -> Found:
    searched = join.images(first)
    parts = searched, searched if first == second else join.images(second)
    pairs = len(join.distinct) ** 2
    found = picture_pairs(
        (parts[0].pictures, parts[1].pictures), (first, second), join.bands, join.seed, pairs, join.but
    )
    numbers = np.union1d(first, second)
    places = Forest(np.searchsorted(numbers, found.first), np.searchsorted(numbers, found.second), found.agreed)
    labels = np.empty(len(numbers), np.int64)
    for some, part in zip((first, second), parts, strict=True):
        labels[np.searchsorted(numbers, some)] = part.side.labels
    matches = BestMatches.none(numbers)
    matches.add(places, labels)
    matches.crowd[np.searchsorted(numbers, first)] = found.crowd
    forest = maximum_forest(len(numbers), [places])
    return Found(Forest(numbers[forest.first], numbers[forest.second], forest.similarity), matches.known())


def _of_glyphs(join: SelfJoin, first: range, second: range) -> Found:
    slices = [first] if first == second else [first, second]
    images = [join.images(some) for some in slices]
    numbers = np.concatenate([np.array(some, np.int64) for some in slices])
    labels = np.concatenate([some.side.labels for some in images])
    start = 0 if first == second else len(images[0])
    says = [np.flatnonzero(some.side.bits.max(axis=1, initial=0) > 0) for some in images]
    sides = [Patterns.of(some.side.bits[rows], join.rows.length) for some, rows in zip(images, says, strict=True)]
    matches, digests = BestMatches.none(numbers), np.concatenate([some.side.digests for some in images])
    search = join.search if join.method == "minhash" else replace(join.search, bands=None)
    once = first == second and search.bands is None  # all pairs of a slice come in one order only, whichever it is

    def pairs() -> Iterator[Forest]:
        for i, j, shared, fresh in near_pairs(sides[0], sides[-1], search):
            one, two = says[0][i], says[-1][j] + start
            kept = (one != two if once else one < two) & fresh
            if join.but:
                kept &= ~join.but.are_different(digests[one], digests[two])
            counts = sides[0].counts[i[kept]], sides[-1].counts[j[kept]]
            some = Forest(one[kept], two[kept], similarity(*counts, shared[kept], join.rows.length))
            matches.add(some, labels)
            yield some

    forest = maximum_forest(len(numbers), pairs())
    return Found(Forest(numbers[forest.first], numbers[forest.second], forest.similarity), matches.known())


def self_join(
    rows: Rows, view: View, floor: int, bands: Bands | None, seed: int, but: Decisions | None = None
) -> SelfJoin:
    """Return a set as it is to be joined with itself."""
    return SelfJoin(rows, distinct_images(rows, view.on_pixels, but is not None), view, floor, bands, seed, but)


def tiles_within(images: int, view: View, bands: Bands | None) -> list[tiles.Slices]:
    """Return the numbers of images that meet in each tile of a set that is joined with itself."""
    if view.on_pixels:
        searched = tiles.slices(images, tiles.searched_at_once(images, images, bands))
        return list(product(searched, tiles.slices(images, tiles.AMONG)))
    return list(combinations_with_replacement(tiles.slices(images, tiles.SLICE), 2))


def is_cut(rows: int, view: View, bands: Bands | None) -> bool:
    """Say whether a set is so large that its tiles are searched apart."""
    return rows > (tiles.searched_at_once(rows, rows, bands) if view.on_pixels else tiles.SLICE)
