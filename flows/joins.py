"""Splits are compared with each other and with themselves, a task each; large ones tile by tile before, a task each."""

from collections.abc import Sequence
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
from tasks.records.spec import ComparingSpec, SearchSpec
from tasks.views import VIEWS
from tasks.vocabulary import PAIRS, SplitName, ViewName

PairTiles = list[tuple[tuple[Prints, Prints], int, Slices]]  # pairs of splits, and a tile of each with its number


@our_flow(name="compare tiles")
def compare_tiles(spec: ComparingSpec, view: ViewName, tiles: Unstored[PairTiles], bands: Bands | None) -> list[Tile]:
    """Compare slices of splits with slices of others, a task each."""
    comparing = (compare_tile.submit(spec, view, *pair, bands, *tile, spec.place) for pair, *tile in tiles.value)
    return collect("compare tiles", comparing, len(tiles.value))


@our_flow(name="compare tiles within")
def compare_tiles_within(
    spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None, alike: Alike, tiles: Unstored[list[Slices]]
) -> list[Tile]:
    """Compare slices of a split with each other, and each with itself, a task each."""
    comparing = (
        compare_within.submit(spec, view, prints, bands, alike, number, tile, spec.place)
        for number, tile in enumerate(tiles.value)
    )
    return collect("compare tiles within", comparing, len(tiles.value))


def submit_joins(
    spec: ComparingSpec, view: ViewName, prints: dict[SplitName, Prints], bands: Bands | None
) -> list[PrefectFuture[Any]]:
    """Start comparing each pair of splits."""
    pairs = [(prints[first], prints[second]) for first, second in PAIRS]
    cut = [tiles_between(spec, view, *pair, bands) for pair in pairs]
    tiles = [(pair, *tile) for pair, some in zip(pairs, cut, strict=True) for tile in enumerate(some)]
    runner = for_tiles(max(one.rows for one in prints.values()), view, spec)
    found = iter(again_in_one(compare_tiles, runner, spec, spec, view, Unstored(tiles), bands) if tiles else ())
    return [
        find_overlap.submit(spec, view, *pair, bands, list(islice(found, len(some))), spec.place)
        for pair, some in zip(pairs, cut, strict=True)
    ]


def submit_links(
    spec: SearchSpec, view: ViewName, sets: Sequence[Prints], bands: Bands | None
) -> list[PrefectFuture[Any]]:
    """Start comparing each of some splits with itself."""
    found = [_tiles_within(spec, view, prints, bands) for prints in sets]
    return [
        find_links.submit(spec, view, prints, bands, alike, tiles, spec.place)
        for prints, (alike, tiles) in zip(sets, found, strict=True)
    ]


def _tiles_within(
    spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None
) -> tuple[Alike | None, list[Tile]]:
    """Compare a large split with itself tile by tile; of others, there is nothing to be done before."""
    if not is_in_tiles(spec, view, prints, bands):
        return None, []
    (alike,) = collect("tell images apart", [tell_apart.submit(view, prints, spec.place)])
    tiles = Unstored(tiles_within(alike.images, VIEWS[view], bands))
    runner = for_tiles(prints.rows, view, spec)
    return alike, again_in_one(compare_tiles_within, runner, spec, spec, view, prints, bands, alike, tiles)
