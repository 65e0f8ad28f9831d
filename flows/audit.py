"""Splits that exist -> their overlap -> sanitized splits: nothing is drawn, nothing is trained."""

from datetime import date
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import PositiveInt

from flows.failure import in_one_sentence
from flows.prepare import load_sources
from flows.progress import collect, timed
from flows.publish import publish
from flows.runners import threads
from flows.sanitize import sanitize
from tasks.records import Findings, Report
from tasks.sources import SourceName, short_name
from tasks.spec import (
    DEFAULT_WORKSPACE,
    AuditSpec,
    ClassCount,
    Probability,
    Protect,
    Runner,
    Share,
    Side,
    Variant,
    View,
)
from tasks.splits.tasks import take_splits
from tasks.workspace import in_use


def _run_name() -> str:
    return f"audit {short_name(flow_run.parameters['test'])} {date.today()}"


@flow(name="audit", flow_run_name=_run_name, validate_parameters=False)  # AuditSpec says what is wrong
@in_one_sentence
def audit(
    train: SourceName,
    test: SourceName,
    validation: SourceName | None = None,
    workspace: Path = DEFAULT_WORKSPACE,
    view: View | Literal["auto"] = "auto",
    also: tuple[Variant, ...] = (),
    scaled: bool = False,
    threshold: Share | None = None,
    floor: Share | None = None,
    recall: Probability | None = None,
    exhaustive: bool = False,
    protect: Protect = "train",
    workers: PositiveInt | None = None,
    runner: Runner = "auto",
    fresh: bool = False,
    classes: ClassCount | None = None,
    side: Side = 28,
    min_per_class: PositiveInt | None = None,
    max_overlap: Share | None = None,
    max_quarantine: Share = 0.01,
    min_rows: PositiveInt | None = None,
) -> Report:
    """Measure the overlap between splits that exist, and write them without it.

    Args:
        train: Source of the train split: an archive (.tar.gz or .tar), a folder with one subfolder per class,
            or an http(s) URL.
        test: Source of the test split, of the same kinds.
        validation: Source of the validation split; may be left out.
        workspace: Folder for intermediate results and runs; CLEANSPLIT_WORKSPACE changes the default.
        view: What of an image is compared: ink for glyphs, photo for photographs; auto looks at a sample and says so.
        also: Forms of test and validation images that are looked for as well, and counted apart: mirrored, shifted.
        scaled: Decode large JPEGs at a reduced scale: faster; equal reduced pixels then make exact twins.
        threshold: Similarity from which a row is removed, in whole percent: 0.95 for ink, 0.65 for photo.
        floor: Similarity from which pairs are searched and reported: 0.90 for ink, 0.60 for photo.
        recall: Least probability with which MinHash finds a pair at the floor: 0.99 for ink, 0.93 for photo.
        exhaustive: Compare all pairs instead, for a recall of 1.
        protect: Which of train and test keeps its rows.
        workers: Tasks side by side; by default one per core.
        runner: Decode in threads or in processes; auto takes processes where there is enough to do.
        fresh: Do everything anew instead of reusing what earlier runs stored.
        classes: Number of class folders that every source must have; by default what they have.
        side: Width and height of a glyph in pixels; photographs have any.
        min_per_class: Members that each class must have; 1 by default.
        max_overlap: Gate: share of test rows that may have a twin in train. The run fails above it, its report written.
        max_quarantine: Gate: share of a class that may be unreadable.
        min_rows: Gate: test rows that sanitizing must leave.
    """
    spec = AuditSpec.of(**locals())
    with timed() as seconds, in_use(spec.workspace, spec.fresh):
        spec, loaded = load_sources(spec)
        (splits,) = collect("take splits", [take_splits.submit(loaded.shards, spec.workspace)])
        clean = sanitize.with_options(task_runner=threads(spec.workers))
        cleaned = clean(spec, splits, loaded.fingerprints)
        return publish(Findings(spec, *loaded, splits, *cleaned), seconds)
