"""The whole story: prepare -> sanitize -> evaluate -> report."""

from datetime import date
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import NonNegativeInt, PositiveInt

from flows.evaluate import evaluate
from flows.failure import in_one_sentence
from flows.prepare import prepare
from flows.progress import timed
from flows.publish import publish
from flows.runners import threads
from flows.sanitize import sanitize
from tasks.records import Findings, Report
from tasks.sources import SourceName, short_name
from tasks.spec import (
    DEFAULT_WORKSPACE,
    ClassCount,
    ModelName,
    Probability,
    Protect,
    Recipe,
    Runner,
    RunSpec,
    Share,
    Side,
    Size,
    Variant,
    View,
)
from tasks.workspace import in_use


def _run_name() -> str:
    given = flow_run.parameters
    return f"{short_name(given['large'] or given['dataset'])} {date.today()}"


@flow(name="cleansplit", flow_run_name=_run_name, validate_parameters=False)  # RunSpec says what is wrong
@in_one_sentence
def cleansplit(
    large: SourceName | None = None,
    small: SourceName | None = None,
    dataset: str = "fonts",
    workspace: Path = DEFAULT_WORKSPACE,
    train: PositiveInt | None = None,
    validation: NonNegativeInt | None = None,
    test: PositiveInt | None = None,
    recipe: Recipe = "cleansplit",
    seed: NonNegativeInt = 0,
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
    models: tuple[ModelName, ...] = ("softmax", "sgd", "1nn"),
    sizes: tuple[Size, ...] = (50, 100, 1000, 5000, "all"),
    classes: ClassCount | None = None,
    side: Side = 28,
    min_per_class: PositiveInt | None = None,
    max_overlap: Share | None = None,
    max_quarantine: Share = 0.01,
    min_rows: PositiveInt | None = None,
) -> Report:
    """Build splits, measure their overlap, write sanitized splits, and show what the overlap did to accuracy.

    Args:
        large: Source of train and validation: an archive (.tar.gz or .tar), a folder with one subfolder
            per class, an http(s) URL, notmnist, fonts, or fonts:FOLDER.
        small: Source of test, of the same kinds. Give both sources or neither.
        dataset: Both sources by one name, where they are not given: fonts, fonts:FOLDER, or notmnist.
        workspace: Folder for intermediate results and runs; CLEANSPLIT_WORKSPACE changes the default.
        train: Rows of train; a multiple of the number of classes. By default what the data give, to 20,000 a class.
        validation: Rows of validation; may be 0.
        test: Rows of test.
        recipe: How splits are drawn: cleansplit, or course: as the notMNIST course's notebook does, with its seed.
        seed: Seed of every random choice.
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
        models: Models to train: softmax, sgd, 1nn, mlp.
        sizes: Training sizes in rows, or all.
        classes: Number of class folders that both sources must have; by default what they have.
        side: Width and height of a glyph in pixels; photographs have any.
        min_per_class: Members that each class must have; 1, and 45,000 and 1,800 for notmnist.
        max_overlap: Gate: share of test rows that may have a twin in train. The run fails above it, its report written.
        max_quarantine: Gate: share of a class that may be unreadable.
        min_rows: Gate: test rows that sanitizing must leave.
    """
    spec = RunSpec.of(**locals())
    side_by_side = threads(spec.workers)
    with timed() as seconds, in_use(spec.workspace, spec.fresh):
        spec, loaded, splits = prepare.with_options(task_runner=side_by_side)(spec)
        cleaned = sanitize.with_options(task_runner=side_by_side)(spec, splits, loaded.fingerprints)
        trained = evaluate.with_options(task_runner=side_by_side)(
            spec, splits, cleaned.train_and_test, cleaned.sanitized
        )
        return publish(Findings(spec, *loaded, splits, *cleaned, trained), seconds)


if __name__ == "__main__":
    cleansplit()
