"""Compare splits with each other and with themselves, one task per pair, or for large ones one task per tile first."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from prefect.futures import PrefectFuture

from flows.engine.declare import subflow
from flows.engine.progress import collect
from flows.engine.runners import Workers, again_in_one, for_tiles, side_by_side
from tasks.overlap.join import Slices
from tasks.overlap.tasks import compare_tile, find_overlap, tiles_of
from tasks.records import Joined, SplitPair, Tile
from tasks.records.spec import ComparingSpec

Tiles = list[tuple[SplitPair, int, Slices]]  # with their numbers in their pair

FEW = 5_000  # photographs that threads search in less time than processes need to start


@subflow("compare tiles")
def compare_tiles(spec: ComparingSpec, tiles: Tiles) -> list[Tile]:
    """Compare slices of splits with slices of others or of their own, one task each."""

    def comparing() -> Iterator[PrefectFuture[Any]]:
        for pair, number, slices in tiles:
            yield compare_tile.submit(spec, pair, number, slices, spec.place)

    searched = [_searched(spec, pair) for pair, _, _ in tiles]
    work = [len(slices[side]) for side, (_, _, slices) in zip(searched, tiles, strict=True)]
    return collect("compare tiles", comparing(), work, "images")


def _searched(spec: ComparingSpec, pair: SplitPair) -> int:
    """Return the side of a pair whose images are searched for on the other."""
    return int(not pair.within and spec.protect == "train")


def compare(spec: ComparingSpec, pairs: Sequence[SplitPair]) -> list[Joined]:
    """Compare the images of pairs of splits, or of splits with themselves."""
    searched = sum(min(pair.first.rows, pair.second.rows) for pair in pairs)
    in_process = spec.compared_by.on_pixels and searched > FEW
    cut = [tiles_of(spec, pair, in_process) for pair in pairs]
    tiles = [(pair, *tile) for pair, slices in zip(pairs, cut, strict=True) for tile in enumerate(slices)]
    found = iter(_compared(spec, tiles) if tiles else ())
    joining = [
        find_overlap.submit(spec, pair, list(islice(found, len(slices))), spec.place)
        for pair, slices in zip(pairs, cut, strict=True)
    ]
    return collect("find overlap", joining, [0 if tiles else _images(spec, pair) for pair in pairs], "images")


def _images(spec: ComparingSpec, pair: SplitPair) -> int:
    both = pair.first.images, pair.second.images
    return both[_searched(spec, pair)] if all(both) else 0


def _compared(spec: ComparingSpec, tiles: Tiles) -> list[Tile]:
    images = max(len(some) for _, _, tile in tiles for some in tile)
    workers = for_tiles(images, spec) if spec.compared_by.on_pixels else Workers(side_by_side(spec))
    return again_in_one(lambda runner: compare_tiles(runner, spec, tiles), workers, spec)
