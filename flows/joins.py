"""Splits are compared with each other and with themselves, a task each; large ones tile by tile before, a task each."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from prefect.futures import PrefectFuture

from flows.engine.progress import collect
from tasks.overlap.bands import Bands
from tasks.overlap.tasks import compare_tile, find_overlap, tiles_between
from tasks.overlap.within.search import tiles_within
from tasks.overlap.within.tasks import compare_within, find_links, is_in_tiles, tell_apart
from tasks.records import Alike, Prints, Tile
from tasks.records.spec import ComparingSpec, SearchSpec
from tasks.views import VIEWS
from tasks.vocabulary import PAIRS, SplitName, ViewName


def submit_joins(
    spec: ComparingSpec, view: ViewName, prints: dict[SplitName, Prints], bands: Bands | None
) -> list[PrefectFuture[Any]]:
    """Start comparing each pair of splits."""
    pairs = [(prints[first], prints[second]) for first, second in PAIRS]
    counts = [tiles_between(spec, view, *pair, bands) for pair in pairs]
    numbered = [(pair, tile) for pair, count in zip(pairs, counts, strict=True) for tile in range(count)]
    comparing = (compare_tile.submit(spec, view, *pair, bands, tile, spec.place) for pair, tile in numbered)
    tiles = iter(collect("compare tiles", comparing, len(numbered)) if numbered else ())
    return [
        find_overlap.submit(spec, view, *pair, bands, list(islice(tiles, count)), spec.place)
        for pair, count in zip(pairs, counts, strict=True)
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
    if not is_in_tiles(spec, view, prints):
        return None, []
    (alike,) = collect("tell images apart", [tell_apart.submit(view, prints, spec.place)])
    count = len(tiles_within(alike.images, VIEWS[view]))
    comparing = (compare_within.submit(spec, view, prints, bands, alike, number, spec.place) for number in range(count))
    return alike, collect("compare tiles within", comparing, count)
