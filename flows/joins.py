"""Splits are compared with each other and with themselves, a task each; large ones tile by tile before, a task each."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from prefect.futures import PrefectFuture

from flows.engine.progress import collect
from tasks.overlap.bands import Bands
from tasks.overlap.tasks import compare_tile, find_overlap, tiles_between
from tasks.overlap.within.tasks import compare_within, find_links, is_in_tiles, tell_apart, tiles_within
from tasks.records import Alike, Prints
from tasks.records.spec import ComparingSpec, SearchSpec
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
    large = [prints for prints in sets if is_in_tiles(spec, view, prints)]
    telling = [tell_apart.submit(view, prints, spec.place) for prints in large]
    apart: list[Alike] = collect("tell images apart", telling) if large else []
    alike = dict(zip((prints.split for prints in large), apart, strict=True))
    counts = [tiles_within(spec, view, prints, bands, alike[prints.split]) for prints in large]
    numbered = [(prints, tile) for prints, count in zip(large, counts, strict=True) for tile in range(count)]
    comparing = (
        compare_within.submit(spec, view, prints, bands, alike[prints.split], tile, spec.place)
        for prints, tile in numbered
    )
    found = iter(collect("compare tiles within", comparing, len(numbered)) if numbered else ())
    tiles = {prints.split: list(islice(found, count)) for prints, count in zip(large, counts, strict=True)}
    return [
        find_links.submit(spec, view, prints, bands, alike.get(prints.split), tiles.get(prints.split, []), spec.place)
        for prints in sets
    ]
