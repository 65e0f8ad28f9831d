"""Prefect tasks of the overlap stage that find pairs: look up, take decisions, and compare."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.kernel import computed_by
from tasks.overlap.embeddings import read_embeddings, write_vectors
from tasks.overlap.join import UNASKED, Join, Slices, join_of
from tasks.overlap.prints import prints_of, write_prints
from tasks.overlap.search import search_tile, write_join
from tasks.processes import in_worker
from tasks.records import Decided, Drawn, Fingerprints, Joined, Prints, SplitPair, Tile
from tasks.records.overlaps import VECTORS
from tasks.records.spec import ComparingSpec
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, stages, tables
from tasks.storage.decisions import NAME, read_decisions

LOOKED_UP = 6


@stage_task("look up fingerprints of {split.name}")
def look_up(split: Drawn, fingerprints: Sequence[Fingerprints], workspace: Place) -> Prints:
    """Collect the fingerprints of a split's rows in their order, and find its distinct images."""
    own = prints_of(split, fingerprints)
    inputs = {"version": LOOKED_UP, "split": split.sha256, "fingerprints": [each.sha256 for each in own]}
    stage = stages.stage(workspace, "prints", inputs, lambda to: write_prints(split, fingerprints, workspace, to))
    prints = Prints(
        split=split.name,
        rows=split.rows,
        folder=stage.folder.name,
        sha256=split.sha256,
        of=tuple(each.sha256 for each in own),
        copies=tuple(each.copies for each in own if each.copies),
        **stage.result,
    )
    return finished(prints, stage.reused, f"{split.name}: {split.rows:,} fingerprints of {prints.images:,} images")


@stage_task("take embeddings of {prints.split}")
def take_embeddings(prints: Prints, file: str, workspace: Place) -> Prints:
    """Look up the embedding of each distinct image of a split."""
    ids, vectors = read_embeddings(Place.of(file))
    given = [stages.digest_of(ids.to_pylist()), sha256(vectors.tobytes()).hexdigest()]
    inputs = {"version": LOOKED_UP, "embeddings": given, "split": prints.sha256, "fingerprints": prints.of}
    stage = stages.stage(workspace, "vectors", inputs, lambda to: write_vectors(prints, ids, vectors, workspace, to))
    said = f"{prints.split}: {stage.result['known']:,} of {prints.rows:,} rows have an embedding"
    return finished(replace(prints, vectors=f"{stage.folder.name}/{VECTORS}"), stage.reused, said)


@stage_task("take decisions")
def take_decisions(file: str, fingerprints: Sequence[Fingerprints], workspace: Place, either: bool) -> Decided:
    """Copy the decisions about the images of a run, since the file may grow; `either` as in `Decisions.about`."""
    given = read_decisions(Place.of(file))
    digests = pa.concat_tables([tables.read(workspace / each.table, ["md5"]) for each in fingerprints])["md5"]
    found = given.about(digests.combine_chunks(), either)
    kept = found.table.drop_columns(["decided", "first_id", "second_id"])
    pairs = [[first.hex(), second.hex(), same] for (first, second), same in found.by_pair.items()]
    labels = [[first.hex(), second.hex(), label] for (first, second), label in found.right_labels.items()]
    staying = [[first.hex(), second.hex(), digest.hex()] for (first, second), digest in found.staying.items()]
    shown = [found.table[name].to_pylist() for name in ("similarity", "view")]  # for the report
    inputs = {"version": 4, "pairs": pairs, "labels": labels, "staying": staying, "shown": shown}
    stage = stages.stage(workspace, "decisions", inputs, lambda target: tables.write(kept, target / NAME))
    same = pc.sum(found.table["same"], min_count=0).as_py()
    digest = stages.digest_of([pairs, labels, staying])
    decided = Decided(stage.folder.name, digest, len(given), same, len(found) - same)
    return finished(decided, stage.reused, f"{decided.same:,} pairs are the same, {decided.different:,} are different")


def tiles_of(spec: ComparingSpec, pair: SplitPair, in_process: bool) -> list[Slices]:
    """Return the tiles of two splits that become tasks; a single tile becomes one only if it runs `in_process`."""
    join, _ = join_of(spec, pair, spec.place)
    tiles = [] if _is_left_out(spec, join) else join.tiles
    return tiles if len(tiles) > 1 or in_process else []


@stage_task("compare {pair}, tile {number}")
def compare_tile(spec: ComparingSpec, pair: SplitPair, number: int, slices: Slices, workspace: Place) -> Tile:
    """Find the similar pairs between slices of two splits, or of one."""
    join, inputs = join_of(spec, pair, workspace)
    inputs |= {"tile": [[some.start, some.stop] for some in slices]}

    def build(target: Place) -> dict[str, Any]:
        return in_worker(search_tile, join, *slices).write(target) | {"computed_by": [computed_by()]}

    stage = stages.stage(workspace, "tiles", inputs, build)
    one, two = (f"{some.start + 1:,} to {some.stop:,}" for some in slices)
    found = Tile(stage.folder.name, stage.result)
    return finished(found, stage.reused, f"tile {number}: images {one} with {two} of {pair}")


@stage_task("find overlap of {pair}")
def find_overlap(spec: ComparingSpec, pair: SplitPair, tiles: Sequence[Tile], workspace: Place) -> Joined:
    """Find the similar pairs between two splits, or inside one if requested or quick; or merge the pairs of tiles."""
    join, inputs = join_of(spec, pair, workspace, tiles)
    if pair.first.vectors:
        inputs["vectors"] = [pair.first.vectors, pair.second.vectors]

    def build(target: Place) -> dict[str, Any]:
        if _is_left_out(spec, join):
            return {"method": None, "stated": 1.0, "contradicted": False, "recall": None, "computed_by": []}
        machines = {computed_by(), *(own for tile in tiles for own in tile.computed_by)}
        return in_worker(write_join, join, tiles, target) | {"computed_by": sorted(machines)}

    stage = stages.stage(workspace, "overlap", inputs, build)
    cut = (join.bands.bands, join.bands.rows) if join.bands and stage.result["recall"] else None
    folders = stage.folder.name, tuple(tile.folder for tile in tiles)
    joined = Joined(pair, *folders, stages.digest_of(inputs), cut, stage.result)
    return finished(joined, stage.reused, f"{pair}: {joined.method or 'not compared, which takes long'}")


def _is_left_out(spec: ComparingSpec, join: Join) -> bool:
    """Return whether to skip comparing a split with itself: it takes over a minute of one core, and nobody asked."""
    return join.within and not spec.joins_within and join.cost > UNASKED
