"""Join two splits: their twins in each other, as tables, and what no threshold changes."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.exact import as_void
from tasks.overlap.merge import Found, by_slice, merged
from tasks.overlap.mirrored import MIRRORED, best_mirrored
from tasks.overlap.prints import StoredRows
from tasks.overlap.recall import RecallCounts, contradicts
from tasks.overlap.search import AFFORDABLE_IN_NEED, Method, cost_of, method_of
from tasks.overlap.tables import TWINS
from tasks.overlap.tiles import Join, Slices, StoredTile, compare
from tasks.records.conservation import conserve
from tasks.storage import disk, tables
from tasks.storage.place import Place

TILES = "tiles"


def write_tile(join: Join, tile: Slices, target: Place) -> dict[str, Any]:
    """Write what one of the tiles found; return what `StoredTile` takes beside its folder."""
    return compare(join, *tile, method_of(*join.sides, join.search)).write(target)


def write_twins(join: Join, stored: Sequence[StoredTile], target: Place) -> dict[str, Any]:
    """Write one table of twins per direction, and if asked for one of twins that are mirrored.

    Parameters
    ----------
    join : Join
    stored : sequence of StoredTile
        What `write_tile` made of each tile; without them the join is done here, tile by tile.
    target : Place

    Returns
    -------
    dict
        How the twins were found, and the measured recall of MinHash.
    """
    bands, floor = join.search.bands, join.search.percent
    if join.view.on_pixels:
        return _write_pictures(join, stored or _found(join, "all pairs", target), target)
    stated, method = bands.recall_at(floor / 100) if bands else 1.0, method_of(*join.sides, join.search)
    found = stored or _found(join, method, target)
    recall = _write_sides(join, found, target)
    contradicted = method == "minhash" and recall is not None and contradicts(recall, floor, stated)
    if contradicted and cost_of(*join.sides, floor) <= AFFORDABLE_IN_NEED:
        method = "all pairs"
        without = replace(join, search=replace(join.search, bands=None))  # what it misses is known
        _write_sides(join, _found(without, method, target), target)
    disk.remove(target / TILES)
    facts = recall and asdict(recall)
    return {"method": method, "stated": stated, "contradicted": contradicted, "recall": facts}


def shared_by(join: Join, one: StoredRows, two: StoredRows, twins: Place) -> dict[str, Any]:
    """Count what two splits share and no threshold changes, by name; `twins` has the tables of `write_twins`.

    Fonts count in any class. The short side is the median of both splits' photographs.
    """
    exact = tables.read(twins / f"{join.names[0]}.parquet", ["exact"])["exact"].to_numpy()
    common = len(np.unique(as_void(one.digests[exact])))
    fonts = [rows.column("font") for rows in (one, two)]
    facts: dict[str, Any] = {
        name: {
            "same_font": int(pc.sum(pc.is_in(own, value_set=others.drop_null().unique())).as_py() or 0),
            "unknown_font": own.null_count,
            "distinct_exact": common,
        }
        for name, own, others in zip(join.names, fonts, fonts[::-1], strict=True)
    }
    sides = [rows.column("short_side").to_numpy() for rows in (one, two) if join.view.on_pixels and len(rows)]
    facts["short_side"] = int(np.median(np.concatenate(sides))) if sides else None
    facts["recall_from"] = None if join.view.recall_from is None else round(100 * join.view.recall_from)
    return facts


def _write_pictures(join: Join, found: Found, target: Place) -> dict[str, Any]:
    bands, best = join.search.bands, join.view.recall_from
    recall = _write_sides(join, found, target)
    if join.mirrored:
        searched = zip(by_slice(join, join.searched, found), merged(join, join.searched, found), strict=True)
        seen = [
            best_mirrored([table for tile in tiles if (table := tile.mirrored) is not None], plain)
            for tiles, plain in searched
        ]
        tables.write(pa.concat_tables(seen), target / MIRRORED)
    disk.remove(target / TILES)
    if recall is None or bands is None or best is None:
        return {"method": "all pairs", "stated": 1.0, "contradicted": False, "recall": None}
    stated = bands.recall_at(best)
    missed = contradicts(recall, round(100 * best), stated)
    return {"method": "minhash", "stated": stated, "contradicted": missed, "recall": asdict(recall)}


def _write_sides(join: Join, found: Found, target: Place) -> RecallCounts | None:
    """Write the twins of both splits; return what MinHash found, where it was asked."""
    for side, name in enumerate(join.names):
        rows = 0
        with tables.writer(target / f"{name}.parquet", TWINS) as writer:
            for table in merged(join, side, found):
                writer.write_table(table.select(TWINS.names).combine_chunks())
                rows += len(table)
        conserve(f"twins of {name}", len(join.sides[side]), rows)
    asked = [recall for tile in found if (recall := tile.recall) is not None]
    return reduce(add, asked) if asked else None


def _found(join: Join, method: Method, target: Place) -> Found:
    """Return what every tile finds; of several, kept on disk for the time being."""
    if len(join.tiles) == 1:
        return [compare(join, *join.tiles[0], method)]
    folders = [target / TILES / f"{number:05d}" for number in range(len(join.tiles))]
    found = (compare(join, *tile, method) for tile in join.tiles)
    return [StoredTile(folder, tile.write(folder)) for folder, tile in zip(folders, found, strict=True)]
