"""Which trainings a run makes: sizes, seeds, arms, and what runs side by side."""

from collections.abc import Iterator, Sequence

from tasks.records import Training
from tasks.records.spec import RunSpec
from tasks.vocabulary import CONTROLS

SEEDS = 3  # trainings per size; one where train is too small for more
SEEDED_UP_TO = 5000
ALONE_FROM = 50_000  # rows from which trainings run one after another, each on two threads, to stay within memory


def trainings(sizes: tuple[int | str, ...], rows: int, train: int) -> list[tuple[int, int]]:
    """Return (rows, number of the seed) of every training.

    Parameters
    ----------
    sizes : tuple
        Requested sizes; "all" is the number of rows that every arm has.
    rows : int
        Rows that every arm has: the rows of train without a twin in test.
    train : int
        Rows of train; only the arm of unchanged train can use all of them.

    >>> trainings((50, 100, 130, "all"), 120, 150)
    [(50, 0), (50, 1), (100, 0), (120, 0), (130, 0)]
    """
    counts = sorted({rows if size == "all" else int(size) for size in sizes})
    return [
        (count, number)
        for count in counts
        for number in range(SEEDS if count <= SEEDED_UP_TO and count < rows else 1)
        if 0 < (number + 1) * count <= (rows if number else train)
    ]


def plan(spec: RunSpec, rows: int, train: int) -> list[Training]:
    """Return every training of a run, all arms and seeds of a model and size side by side; see `trainings`."""
    return [
        Training(model=model, rows=count, seed=spec.seed + number, control=control)
        for model in spec.models
        for count, number in trainings(spec.sizes, rows, train)
        for control in CONTROLS
        if count <= rows or control == "none"
    ]


def notes_on(sizes: tuple[int | str, ...], rows: int, train: int) -> list[str]:
    """Say which sizes can't be trained, or not on every arm; see `trainings`."""
    asked = sorted(size for size in sizes if isinstance(size, int) and size > rows)
    alone = [f"{size:,}" for size in asked if size <= train]
    missing = [f"{size:,}" for size in asked if size > train]
    notes = [f"no training on {', '.join(missing)} rows: train has {train:,}"] if missing else []
    if alone:
        notes.append(f"training on {', '.join(alone)} rows without controls: train has {rows:,} without a twin in test")
    return notes


def threads_of(rows: int) -> int:
    """Return the number of threads of a training: fixed, so that its result is the same to the last bit."""
    return 2 if rows >= ALONE_FROM else 1


def in_batches(plans: Sequence[Training]) -> Iterator[list[Training]]:
    """Yield trainings that may run side by side: small ones together, large ones alone."""
    together = [training for training in plans if threads_of(training.rows) == 1]
    if together:
        yield together
    yield from ([training] for training in plans if threads_of(training.rows) > 1)
