"""The rows of a report on models: what they score, what the twins did to that, and what may be said of it."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Accuracy, Count, Points, Share
from tasks.vocabulary import Arm, Comparison, ModelName, Unmeasured


@dataclass(frozen=True, config=STRICT)
class Score:
    """Accuracy of one model on one set of rows, with a 95 % interval; null when there are no rows."""

    model: ModelName
    train_rows: Count
    seed: int
    arm: Arm
    evaluated_on: Annotated[str, Field(pattern="^(validation|test)_(raw|exact|near|removed|random)$")]
    n: Count
    accuracy: Accuracy
    low: Accuracy
    high: Accuracy


@dataclass(frozen=True, config=STRICT)
class Effect:
    """A difference between two accuracies in percentage points, with a 95 % interval of its own.

    Three compare the arms, with twins less without twins, in their mean over trainings: on test rows with a twin, on
    the others, and what the twins add to accuracy: the first less the second, times the share of rows with a twin.
    """

    model: ModelName
    train_rows: Count
    trainings: Count  # per arm
    comparison: Comparison
    points: Points
    low: Points
    high: Points


@dataclass(frozen=True, config=STRICT)
class Conclusion:
    """What the twins add to the accuracy of a model, in points of all test rows, or the reason why that can't be told.

    The intervals of all models hold together in 97 % of runs.
    """

    model: ModelName
    train_rows: Count
    trainings: Count
    reason: Unmeasured | None
    points: Points
    low: Points
    high: Points

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, config=STRICT)
class Claim:
    """Accuracy on test rows that is claimed for a model when splits are drawn in one way or another."""

    model: ModelName
    train_rows: Count
    drawn: Literal["random", "random_sanitized", "grouped"]
    n: Count
    accuracy: Accuracy
    low: Accuracy
    high: Accuracy


@dataclass(frozen=True, config=STRICT)
class Drawing:
    """How grouped splits were drawn, and what splits of the same sizes leak when rows are drawn at random.

    `largest` is the size of the largest group; `unmatched` are images that the user's own groups leave out. `purity`
    and `completeness` say how well groups of twins, or of what is alike, agree with those before they are joined. Of
    the random test rows, `random_twins` have a twin in train, and `random_shared` a row of their group in train or
    validation.
    """

    groups: Count
    largest: Count
    unmatched: Count
    purity: Share
    completeness: Share
    random_test: Count
    random_twins: Count
    random_shared: Count
    claims: tuple[Claim, ...]


@dataclass(frozen=True, config=STRICT)
class Confusion:
    """What a model answered on raw test rows: one row of counts per true class, one column per answer."""

    model: ModelName
    train_rows: Count
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, config=STRICT)
class Mistake:
    """A test row that a model got wrong with much confidence: often its label is wrong."""

    model: ModelName
    train_rows: Count
    id: str
    class_name: str
    predicted: str
    confidence: float
