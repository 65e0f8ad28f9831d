"""A comparison of two splits, or of one with itself: its method, its cost, and its tiles.

A set that is compared with itself is a join of two equal sides. The slices do not depend on the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement, product
from typing import Any

from tasks.errors import UsageError
from tasks.kernel import computed_by
from tasks.libraries import shaped_by
from tasks.overlap.complete import AFFORDABLE, cost_of_a_pair
from tasks.overlap.images import Images, read_images
from tasks.overlap.minhash import Bands, bands_for
from tasks.overlap.patterns import Patterns
from tasks.overlap.prints import slices
from tasks.overlap.proposals import CANDIDATES, PAIR, affordable
from tasks.records import Joined, Prints, SplitPair, Tile
from tasks.records.spec import ComparingSpec
from tasks.registration import agreement
from tasks.registration.views import View
from tasks.storage import Place, stages, tables
from tasks.vocabulary import Method

Slices = tuple[range, range]  # images of both sides of a tile

VERSION = 24
SEEDED = 3  # version of the seed of hash positions, which changes with nothing but the data
SLICE = 250_000  # glyphs of either side
SEARCHED, AMONG = 25_000, 1_000_000  # searched photographs of a tile, and photographs to search among
IN_FULL = 3_000  # searched photographs if all pairs are compared, since tiles then repeat no signing
ALWAYS_UP_TO = 10**9  # pairs of glyphs: at most half a minute
UNASKED = 6e10  # nanoseconds: a minute of one core for work that nobody requested
LAID_OVER = 4e5  # nanoseconds to align a candidate with a photograph


@dataclass(frozen=True)
class Join:
    """Two splits to compare, or one with itself, and how."""

    first: Prints
    second: Prints
    workspace: Place
    view: View
    percent: int  # lowest similarity of glyphs to find
    bands: Bands | None  # bands of MinHash; None compares all pairs at any cost
    searched: int = 0  # side that may lose rows to the other, where candidates of its photographs are sought
    mirrored: bool = False  # also search for mirrored photographs

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
        """The smaller of the median short sides of both splits, in pixels; None for glyphs."""
        return min((side.short_side for side in self.sides if side.short_side), default=None)

    @property
    def pairs(self) -> int:
        """Number of pairs of images."""
        return self.first.images * self.second.images

    @property
    def tiles(self) -> list[Slices]:
        """The tiles in the order of comparison; empty if either side has no images."""
        if not self.pairs:
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
        most, images = SEARCHED if self.method == "minhash" else IN_FULL, self.sides[number].images
        return -(-images // max(1, -(-images // most)))  # of nearly equal size

    @property
    def method(self) -> Method:
        """The method of the search."""
        if self.view.on_pixels:
            return "minhash" if affordable(self.bands, self.pairs) else "all pairs"
        return "all pairs" if self.bands is None or self.cost <= AFFORDABLE else "minhash"

    @property
    def cost(self) -> float:
        """Expected nanoseconds of one core for comparing all pairs; 0 for few glyphs, whose cost is negligible."""
        if self.view.on_pixels:
            return PAIR * self.pairs + LAID_OVER * CANDIDATES * self.sides[self.searched].images
        if self.pairs <= ALWAYS_UP_TO:
            return 0.0
        first, second = (
            Patterns.of(tables.bytes_of(tables.read(self.workspace / side.sample)["bits"]), side.length)
            for side in self.sides
        )
        return self.pairs * cost_of_a_pair(first, second, self.percent)

    @cached_property
    def both(self) -> tuple[Images, Images]:
        """All images of both sides."""
        first = read_images(self.first, self.workspace)
        return first, first if self.within else read_images(self.second, self.workspace)


def join_of(
    spec: ComparingSpec, pair: SplitPair, workspace: Place, found: Sequence[Tile | Joined] = ()
) -> tuple[Join, dict[str, Any]]:
    """Return the comparison of two splits, and the inputs that determine its result.

    Raises `UsageError` if the kernel compared the photographs of `found` and this machine uses numpy, or the reverse.
    """
    view = spec.compared_by
    if view.on_pixels:
        own, here = computed_by()
        for engine, machine in {each for part in found for each in part.computed_by}:
            if engine != own:
                raise UsageError(
                    f"Workers differ: {machine} compared images by {engine}, and {here} uses {own}, which gives other "
                    "last digits; install cleansplit on all workers with a C compiler, or on none."
                )
    bands, searched = bands_for(spec), pair.searched(spec.protect)
    inputs = {
        "version": VERSION,
        "splits": [[prints.split, prints.sha256] for prints in (pair.first, pair.second)],
        "fingerprints": [sha256 for prints in (pair.first, pair.second) for sha256 in prints.of],
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
        "also": spec.also,
        "asked": pair.within and spec.joins_within,
    }
    if view.on_pixels:
        inputs["searched"] = searched
    seed = int(stages.digest_of(inputs | {"version": SEEDED})[:8], 16)  # unpredictable for whoever crafts data
    bands, mirrored = bands and replace(bands, seed=seed), "mirrored" in spec.also
    join = Join(pair.first, pair.second, workspace, view, spec.floor_percent, bands, searched, mirrored)
    if view.on_pixels:
        inputs["agreement"] = agreement.VERSION
    inputs["costly"] = [join.cost > limit for limit in (UNASKED, AFFORDABLE)]  # which depends on the engine
    return join, inputs | shaped_by(*["hashing"] * bool(bands), *["registration"] * view.on_pixels)
