"""One step alone: prepare splits, or sanitize or evaluate those of a published run with other settings."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import NonNegativeInt, PositiveInt

from flows import evaluate as comparing
from flows import prepare as preparing
from flows import sanitize as cleaning
from flows.failure import in_one_sentence
from flows.progress import timed
from flows.publish import publish
from flows.runners import threads
from tasks.errors import UsageError
from tasks.records import Report, Trained
from tasks.reporting.run import read_findings
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
from tasks.workspace import find_run, in_use


def _prepare_name() -> str:
    given = flow_run.parameters
    return f"prepare {short_name(given['large'] or given['dataset'])} {date.today()}"


def _sanitize_name() -> str:
    return f"sanitize {short_name(flow_run.parameters['run'])} {date.today()}"


def _evaluate_name() -> str:
    return f"evaluate {short_name(flow_run.parameters['run'])} {date.today()}"


@flow(name="prepare", flow_run_name=_prepare_name, validate_parameters=False)  # RunSpec says what is wrong
@in_one_sentence
def prepare(
    large: SourceName | None = None,
    small: SourceName | None = None,
    dataset: str = "fonts",
    workspace: Path = DEFAULT_WORKSPACE,
    train: PositiveInt | None = None,
    validation: NonNegativeInt | None = None,
    test: PositiveInt | None = None,
    recipe: Recipe = "cleansplit",
    seed: NonNegativeInt = 0,
    workers: PositiveInt | None = None,
    runner: Runner = "auto",
    fresh: bool = False,
    view: View | Literal["auto"] = "auto",
    also: tuple[Variant, ...] = (),
    scaled: bool = False,
    classes: ClassCount | None = None,
    side: Side = 28,
    min_per_class: PositiveInt | None = None,
) -> Path:
    """Fetch, load and draw splits into the workspace, where a run with the same parameters finds them done.

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
        workers: Tasks side by side; by default one per core.
        runner: Decode in threads or in processes; auto takes processes where there is enough to do.
        fresh: Do everything anew instead of reusing what earlier runs stored.
        view: What of an image is compared: ink for glyphs, photo for photographs; auto looks at a sample and says so.
        also: Forms of test and validation images that are looked for as well, and counted apart: mirrored, shifted.
        scaled: Decode large JPEGs at a reduced scale: faster; equal reduced pixels then make exact twins.
        classes: Number of class folders that both sources must have; by default what they have.
        side: Width and height of a glyph in pixels; photographs have any.
        min_per_class: Members that each class must have; 1, and 45,000 and 1,800 for notmnist.
    """
    spec = RunSpec.of(**locals())
    with in_use(spec.workspace, spec.fresh):
        *_, splits = preparing.prepare.with_options(task_runner=threads(spec.workers))(spec)
        return splits.folder


@flow(name="sanitize", flow_run_name=_sanitize_name, validate_parameters=False)
@in_one_sentence
def sanitize(
    run: str = "latest",
    workspace: Path = DEFAULT_WORKSPACE,
    threshold: Share | None = None,
    floor: Share | None = None,
    recall: Probability | None = None,
    exhaustive: bool | None = None,
    protect: Protect | None = None,
    workers: PositiveInt | None = None,
    max_overlap: Share | None = None,
    min_rows: PositiveInt | None = None,
) -> Report:
    """Measure the overlap in the splits of a run again, and publish a run without it; nothing is trained.

    Args:
        run: The run's folder, its id, or latest.
        workspace: Folder that holds the runs.
        threshold: Similarity from which a row is removed, in whole percent; what is not given stays as in the run.
        floor: Similarity from which pairs are searched and reported.
        recall: Least probability with which MinHash finds a pair at the floor.
        exhaustive: Compare all pairs instead, for a recall of 1.
        protect: Which of train and test keeps its rows.
        workers: Tasks side by side; by default one per core.
        max_overlap: Gate: share of test rows that may have a twin in train. The run fails above it, its report written.
        min_rows: Gate: test rows that sanitizing must leave.
    """
    given = {name: value for name, value in locals().items() if name not in ("run", "workspace") and value is not None}
    found = read_findings(find_run(run, Path(workspace)))
    spec = found.spec
    if isinstance(spec, RunSpec):  # whose check wants models; those of a run that trained nothing are none
        spec = replace(spec.but(**given, models=spec.models or ("1nn",)), models=())
    else:
        spec = spec.but(**given)
    with timed() as seconds, in_use(spec.workspace):
        cleaned = cleaning.sanitize.with_options(task_runner=threads(spec.workers))(
            spec, found.splits, found.fingerprints
        )
        return publish(replace(found, spec=spec, trained=Trained(), **cleaned._asdict()), seconds)


@flow(name="evaluate", flow_run_name=_evaluate_name, validate_parameters=False)
@in_one_sentence
def evaluate(
    run: str = "latest",
    workspace: Path = DEFAULT_WORKSPACE,
    models: tuple[ModelName, ...] = ("softmax", "sgd", "1nn"),
    sizes: tuple[Size, ...] = (50, 100, 1000, 5000, "all"),
    workers: PositiveInt | None = None,
) -> Report:
    """Train and compare accuracy on the raw and the sanitized splits of a run, and publish a run that shows it.

    Args:
        run: The run's folder, its id, or latest.
        workspace: Folder that holds the runs.
        models: Models to train: softmax, sgd, 1nn, mlp.
        sizes: Training sizes in rows, or all.
        workers: Tasks side by side; by default one per core.
    """
    found = read_findings(find_run(run, Path(workspace)))
    if not isinstance(found.spec, RunSpec):
        raise UsageError(f"{run} is an audit: its train is not shuffled, so it can't be trained on; do a run instead.")
    spec = found.spec.but(models=models, sizes=sizes, workers=workers)
    twins = cleaning.Cleaned(found.overlaps, found.within, found.sanitized).train_and_test
    with timed() as seconds, in_use(spec.workspace):
        compare = comparing.evaluate.with_options(task_runner=threads(spec.workers))
        trained = compare(spec, found.splits, twins, found.sanitized)
        return publish(replace(found, spec=spec, trained=trained), seconds)
