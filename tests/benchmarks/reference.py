"""A batch against a made reference: ``python -m tests.benchmarks.reference [--images N] [--batch N] [--view photo]``.

It prints a row of the table in docs/scale.md. With ``--workers N``, workers of a Dask cluster on this machine compare,
and the seconds of comparing are those that passed. Fingerprints are random, so that no pair is a duplicate by chance;
a hundredth of the batch is identical to images of the reference.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from prefect import Flow
from prefect.logging import disable_run_logger
from prefect.testing.utilities import prefect_test_harness

from flows.sanitize import compare
from tasks.overlap.arriving import keep_segment, take_unknown
from tasks.overlap.judging import settle_overlap
from tasks.overlap.prints import write_images
from tasks.overlap.tasks import find_overlap
from tasks.records import Joined, Prints, Ruling, SplitPair
from tasks.records.overlaps import BASELINE, CHAINED, PRINTS, Baseline
from tasks.records.references import Arrived, Reference
from tasks.records.spec_searching import ArrivalsSpec
from tasks.records.verdict import Verdict
from tasks.registration.views import BITS
from tasks.storage import stages, tables
from tasks.storage.copies import COPY_SIDE
from tasks.storage.place import Place
from tasks.vocabulary import SplitName, ViewName
from tests.build import colourless
from tests.cluster.dask import Cluster
from tests.plain import record_of

GLYPH, DISTINCT = 28 * 28, 5_000  # bits; gray copies that are made, each used several times
KNOWN = 100  # one of so many images of the batch is known


def made(space: Place, name: SplitName, view: ViewName, count: int, seed: int, known: pa.Table | None = None) -> Prints:
    """Write random fingerprints of a batch; the first images are those of `known`."""
    rng, length = np.random.default_rng(seed), GLYPH if view == "ink" else BITS

    def build(target: Place) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "id": [f"source/a/{name}{number:09d}.png" for number in range(count)],
            "class_name": ["a"] * count,
            "label": np.zeros(count, np.int64),
            "md5": tables.binary(rng.integers(0, 256, (count, 16), np.uint8)),
            "bits": tables.binary(rng.integers(0, 256, (count, -(-length // 8)), np.uint8)),
            "font": pa.nulls(count, pa.string()),
            "one_colour": np.zeros(count, np.bool_),
            "rank": np.arange(count),
        }
        if view == "photo":
            columns |= {"file": np.zeros(count, np.int64), "copy": np.arange(count) % DISTINCT}
            columns |= {
                "short_side": np.full(count, 256),
                "texture": np.ones(count, np.float32),
                "framed": np.zeros(count, np.bool_),
                "aspect": np.ones(count, np.float32),
                "colours": tables.binary(colourless(count)[:, :32]),
            }
            gray = rng.integers(0, 256, (DISTINCT, COPY_SIDE, COPY_SIDE), np.uint8)
            Path(str(target / "copies.gray")).write_bytes(gray.tobytes())
        table = pa.table(columns)
        if known:
            for column in ("md5", "bits"):
                rest = table[column].combine_chunks()[len(known) :]
                values = pa.concat_arrays([known[column].combine_chunks(), rest])
                table = table.set_column(table.column_names.index(column), column, values)
        tables.write(table, target / PRINTS)
        return {"length": length, **write_images(target, length, photographs=view == "photo")}

    stage = stages.stage(space, "made", {"name": name, "view": view, "count": count, "seed": seed}, build)
    copies = (f"{stage.folder.name}/copies.gray",) if view == "photo" else ()
    facts: dict[str, Any] = {"sha256": (name,), "of": (), "copies": copies, **stage.result}
    return Prints(split=name, rows=count, folder=stage.folder.name, **facts)


def ruling_in(space: Place) -> Ruling:
    """Return a verdict with a threshold of 0.95 and without chained images."""

    def build(target: Place) -> None:
        for name in (BASELINE, CHAINED):
            tables.write(pa.table({"md5": pa.array([], pa.binary(16))}), target / name)

    folder = stages.stage(space, "baseline", {"made": True}, build).folder.name
    asked: dict[str, Any] = dict.fromkeys(("why_not", "near_identical", "least", "own", "short_side", "expected"))
    asked |= dict.fromkeys(("rows", "baseline_rows", "random_pairs", "unconfirmed"), 0)
    asked |= {"threshold": 0.95, "reason": "asked", "kinds": (), "bands": (), "curve": ()}
    return Ruling(Verdict(**asked), Baseline(folder, "made"), "made")


def on_cluster(spec: ArrivalsSpec, pair: SplitPair, workers: int, folder: Path) -> tuple[Joined, float]:
    """Return the join of a pair that the workers of a cluster search tile by tile, and the seconds that passed."""
    with prefect_test_harness(server_startup_timeout=90), Cluster(folder, [{}] * workers, "4GB") as cluster:
        there = replace(spec, runner="dask", cluster=cluster.address)
        start = time.perf_counter()
        (joined,) = Flow(lambda: compare(there, [pair]), name="compare")()
        return joined, time.perf_counter() - start


def main() -> None:
    """Print a row of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--view", choices=("ink", "photo"), default="ink")
    parser.add_argument("--workers", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, disable_run_logger():
        space = Place.of(folder)
        spec = ArrivalsSpec.of(source="made", against=("made",), workspace=folder).settled(asked.view, 28, 1)
        large = made(space, "train", asked.view, asked.images, 0)
        added = timed(lambda: keep_segment.fn(Reference("made"), large, "made", Arrived("made", {}), space))
        segment = added[0].live[0].prints
        some = tables.read_rows(space / segment.table, 0, asked.batch // KNOWN)
        batch = made(space, "test", asked.view, asked.batch, 1, some)
        pair = SplitPair(segment, batch)
        if asked.workers:
            joined, *search = on_cluster(spec, pair, asked.workers, Path(folder) / "cluster")
        else:
            joined, *search = timed(lambda: find_overlap.fn(spec, pair, [], space))
        overlap, *settled = timed(lambda: settle_overlap.fn(spec, joined, ruling_in(space), None, space))
        unknown, *left = timed(lambda: take_unknown.fn(batch, [("made", "0", overlap)], space))
        held = sum(file.stat().st_size for file in Path(folder, "references").rglob("*.*"))
    if unknown.rows != asked.batch - asked.batch // KNOWN:
        raise SystemExit(f"{unknown.rows} rows are unknown")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    cells = [f"{asked.images:,}", f"{asked.batch:,}", asked.view, f"{added[1]:,.1f}", f"{search[0]:,.1f}"]
    print("|", " | ".join([*cells, f"{settled[0] + left[0]:,.1f}", f"{memory:.2f}", f"{held / 1e6:,.0f}"]), "|")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the record of a task and the seconds of processor time that it took."""
    start = time.process_time()
    return record_of(work()), time.process_time() - start


if __name__ == "__main__":
    main()
