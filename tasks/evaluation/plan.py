"""Which trainings a run makes: models, sizes, arms, repetitions, and what runs side by side."""

from collections.abc import Sequence
from itertools import groupby

from tasks.errors import UsageError
from tasks.evaluation.neighbours import NEAREST
from tasks.records import Batch, Training
from tasks.records.spec import TrainedSpec
from tasks.vocabulary import ARMS, ModelName

ALONE_FROM = 50_000  # rows from which trainings run one after another, each on two threads, to stay within memory
FITTED, NEAR = 6, 3  # bytes of memory for a pixel of a training row, measured: of models that are fitted, and of 1nn
DETERMINED: tuple[ModelName, ...] = ("softmax", NEAREST)  # models that the same rows make the same, whatever the seed


def plan(spec: TrainedSpec, usable: int, train: int) -> list[Training]:
    """Return every training of a run, all of one model and size side by side, those with twins first.

    `usable` are the rows that both arms have, those of train without a twin in test, or all of `train` if there is
    nothing to compare; the size "all" is `usable`. Only the arm with twins can use all rows of train; it is then
    trained once, and so it is where there is nothing to compare.
    """
    plans = []
    for model in spec.models:
        for count in sorted({usable if size == "all" else int(size) for size in spec.sizes}):
            compared = count <= usable < train
            for arm in ARMS if compared else ARMS[:1]:
                fixed = arm == "without_twins" and count == usable and model in DETERMINED
                times = 1 if fixed or not compared else spec.trainings
                seeds = range(spec.seed, spec.seed + times)
                plans += [Training(model, count, seed, arm) for seed in seeds if 0 < count <= train]
    return plans


def notes_on(sizes: tuple[int | str, ...], usable: int, train: int) -> list[str]:
    """Return which sizes can't be trained, or not without twins."""
    asked = sorted(size for size in sizes if isinstance(size, int) and size > usable)
    alone, missing = (", ".join(f"{n:,}" for n in asked if (n > train) == more) for more in (False, True))
    notes = [f"no training on {missing} rows: train has {train:,}"] if missing else []
    if alone:
        notes.append(f"training on {alone} rows with twins only: train has {usable:,} without a twin in test")
    return notes


def check_memory(plans: Sequence[Training], pixels: int, room: float) -> None:
    """Raise `UsageError` for a training whose images, of so many `pixels`, do not fit into `room` gigabytes."""
    for one in plans:
        needed = one.rows * pixels * (NEAR if one.model == NEAREST else FITTED) / 1e9
        if needed > room:
            raise UsageError(
                f"training {one.model} on {one.rows:,} rows takes some {needed:.1f} GB, and there are {room:.1f}; "
                "choose smaller --sizes. All that comes before is kept."
            )


def threads_of(rows: int) -> int:
    """Return the number of threads of a training: fixed, so that its result is the same to the last bit."""
    return 2 if rows >= ALONE_FROM else 1


def batches(plans: Sequence[Training]) -> list[Batch]:
    """Return the trainings that one task makes: repetitions; of 1nn, whose arms share their distances, both arms."""
    of_batch = groupby(plans, lambda one: (one.model, one.rows, one.model == NEAREST or one.arm))
    return [Batch(tuple(trainings)) for _, trainings in of_batch]


def side_by_side(found: Sequence[Batch]) -> list[list[Batch]]:
    """Return batches that may run at the same time: small ones together, large ones alone."""
    small = [batch for batch in found if batch.trainings[0].rows < ALONE_FROM]
    return ([small] if small else []) + [[batch] for batch in found if batch not in small]
