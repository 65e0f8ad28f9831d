"""Splits are compared with each other and with themselves, a task each; large ones tile by tile before, a task each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from prefect.futures import PrefectFuture

from flows.engine.declare import our_flow
from flows.engine.lost import again_in_one
from flows.engine.parameters import Unstored
from flows.engine.progress import collect
from flows.engine.runners import for_tiles
from tasks.overlap.bands import Bands
from tasks.overlap.tasks import compare_tile, find_overlap, tiles_between
from tasks.overlap.tiles import Slices
from tasks.overlap.within.search import tiles_within
from tasks.overlap.within.tasks import compare_within, find_links, is_in_tiles, tell_apart
from tasks.records import Alike, Prints, Tile
from tasks.records.spec import ComparingSpec
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

Pair = tuple[Prints, Prints]
Futures = list[PrefectFuture[Any]]

FEW = 5_000  # photographs up to which to search for them in threads takes less time than to start processes


@dataclass(frozen=True)
class Tiles:
    """What is compared before the splits are: tiles of pairs of them, and of some of them with themselves."""

    between: list[tuple[Pair, list[Slices]]]
    within: list[tuple[Prints, Alike, list[Slices]]]

    @property
    def all(self) -> list[Slices]:
        """All tiles, in the order in which they are compared."""
        between = [tile for _, slices in self.between for tile in slices]
        return between + [tile for _, _, slices in self.within for tile in slices]


@our_flow(name="compare tiles")
def compare_tiles(spec: ComparingSpec, view: ViewName, bands: Bands | None, tiles: Unstored[Tiles]) -> list[Tile]:
    """Compare slices of splits with slices of others or of their own, a task each."""

    def comparing() -> Iterator[PrefectFuture[Any]]:
        for pair, slices in tiles.value.between:
            for tile in enumerate(slices):
                yield compare_tile.submit(spec, view, *pair, bands, *tile, spec.place)
        for prints, alike, slices in tiles.value.within:
            for tile in enumerate(slices):
                yield compare_within.submit(spec, view, prints, bands, alike, *tile, spec.place)

    return collect("compare tiles", comparing(), len(tiles.value.all))


def submit_comparisons(
    spec: ComparingSpec, view: ViewName, pairs: Sequence[Pair], alone: Sequence[Prints], bands: Bands | None
) -> tuple[Futures, Futures]:
    """Start comparing pairs of splits, and each of some splits with itself; return the futures of both."""
    searched = sum(min(one.rows, two.rows) for one, two in pairs) + sum(prints.rows for prints in alone)
    apart = VIEWS[view].on_pixels and searched > FEW
    cut = [prints for prints in alone if is_in_tiles(spec, view, prints, bands, apart)]
    telling = [tell_apart.submit(view, prints, spec.place) for prints in cut]
    alike = dict(zip(cut, collect("tell images apart", telling) if cut else (), strict=True))
    tiles = Tiles(
        [(pair, tiles_between(spec, view, *pair, bands, apart)) for pair in pairs],
        [(prints, one, tiles_within(one.images, VIEWS[view], bands)) for prints, one in alike.items()],
    )
    found = iter(_found(spec, view, bands, tiles))
    joins = [
        find_overlap.submit(spec, view, *pair, bands, list(islice(found, len(slices))), spec.place)
        for pair, slices in tiles.between
    ]
    within = {prints: list(islice(found, len(slices))) for prints, _, slices in tiles.within}
    links = [
        find_links.submit(spec, view, prints, bands, alike.get(prints), within.get(prints, []), spec.place)
        for prints in alone
    ]
    return joins, links


def _found(spec: ComparingSpec, view: ViewName, bands: Bands | None, tiles: Tiles) -> list[Tile]:
    if not tiles.all:
        return []
    workers = for_tiles(max(len(rows) for tile in tiles.all for rows in tile), view, spec)
    return again_in_one(lambda runner: compare_tiles.on(runner)(spec, view, bands, Unstored(tiles)), workers, spec)
