"""Plan the trainings of a run: models, sizes, arms, repetitions, and which of them run in parallel."""

from collections.abc import Sequence
from itertools import groupby

from tasks.errors import UsageError
from tasks.evaluation.neighbours import NEAREST
from tasks.records import Batch, Training
from tasks.records.spec import TrainedSpec
from tasks.vocabulary import ARMS, ModelName

ALONE_FROM = 50_000  # rows from which trainings run sequentially, with two threads each, to stay within memory
FITTED, NEAR = 6, 3  # measured bytes of memory per pixel of the training rows: for fitted models, and for 1nn
DETERMINED: tuple[ModelName, ...] = ("softmax", NEAREST)  # models that do not depend on the seed


def plan(spec: TrainedSpec, usable: int, train: int) -> list[Training]:
    """Return every training of a run, by model and size, with duplicates first.

    `usable` rows of train have no duplicate in test, so both arms can use them; if nothing is compared, it is all rows.
    The size "all" means `usable`. Only the arm with duplicates can use all rows of train; it is then trained once, and
    so it is if nothing is compared.
    """
    plans = []
    for model in spec.models:
        for count in sorted({usable if size == "all" else int(size) for size in spec.sizes}):
            compared = count <= usable < train
            for arm in ARMS if compared else ARMS[:1]:
                fixed = arm == "without_twins" and count == usable and model in DETERMINED
                seeds = range(spec.seed, spec.seed + (1 if fixed or not compared else spec.trainings))
                plans += [Training(model, count, seed, arm) for seed in seeds if 0 < count <= train]
    return plans


def notes_on_sizes(sizes: tuple[int | str, ...], usable: int, train: int) -> list[str]:
    """Return notes about sizes that cannot be trained, or only with duplicates."""
    asked = sorted(size for size in sizes if isinstance(size, int) and size > usable)
    alone, missing = (", ".join(f"{n:,}" for n in asked if (n > train) == more) for more in (False, True))
    notes = [f"no training on {missing} rows: train has {train:,}"] if missing else []
    if alone:
        notes.append(f"training on {alone} rows with duplicates only: {usable:,} rows of train have none in test")
    return notes


def check_memory(plans: Sequence[Training], pixels: int, room: float) -> None:
    """Raise `UsageError` if the images of a training, with this many `pixels`, exceed `room` gigabytes."""
    for one in plans:
        needed = one.rows * pixels * (NEAR if one.model == NEAREST else FITTED) / 1e9
        if needed > room:
            raise UsageError(
                f"training {one.model} on {one.rows:,} rows needs about {needed:.1f} GB; {room:.1f} GB are available. "
                "Choose smaller --sizes; all earlier results are kept."
            )


def threads_of(rows: int) -> int:
    """Return the number of threads of a training, which is fixed to make its result reproducible to the last bit."""
    return 2 if rows >= ALONE_FROM else 1


def batches(plans: Sequence[Training]) -> list[Batch]:
    """Return batches of trainings for one task each: all repetitions and, for 1nn, both arms, which share distances."""
    of_batch = groupby(plans, lambda one: (one.model, one.rows, one.model == NEAREST or one.arm))
    return [Batch(tuple(trainings)) for _, trainings in of_batch]


def rounds(found: Sequence[Batch]) -> list[list[Batch]]:
    """Return groups of batches that may run in parallel; large batches run by themselves."""
    small = [batch for batch in found if batch.trainings[0].rows < ALONE_FROM]
    return ([small] if small else []) + [[batch] for batch in found if batch not in small]
