"""The answer of a run in numbers: each image of a split is in one state."""

from typing import Annotated

from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Count, shown
from tasks.vocabulary import SplitName


@dataclass(frozen=True, config=STRICT)
class SplitStates:
    """The images of test, of validation, or of one set, each in one state.

    `duplicates` have a duplicate in an earlier split, whichever it is: `in_train` of them in train, and `exact` of them
    an identical one. In one set, all but one image of each group are duplicates. `undecided` images have no duplicate,
    but may have one; `blank` ones cannot be compared; the others are `left`. `unreadable` files are no rows; their
    number is null where the splits were drawn from the sources.
    """

    split: SplitName
    rows: Count
    duplicates: Count
    in_train: Count
    exact: Count
    undecided: Count
    blank: Count
    left: Count
    unreadable: Annotated[int | None, shown("count", 0)]
