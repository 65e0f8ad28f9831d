"""The rows of a report about models: scores, effects of the duplicates, and conclusions."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Accuracy, Count, Points, Share
from tasks.vocabulary import Arm, Comparison, ModelName, Unmeasured


@dataclass(frozen=True, config=STRICT)
class OfModel:
    """Something about a model that was trained on so many rows."""

    model: ModelName
    train_rows: Count


@dataclass(frozen=True, config=STRICT)
class Score(OfModel):
    """Accuracy of one model on some rows, with a 95 % interval; null without rows."""

    seed: int
    arm: Arm
    evaluated_on: Annotated[str, Field(pattern="^(validation|test)_(raw|exact|near|removed|random)$")]
    n: Count
    accuracy: Accuracy
    low: Accuracy
    high: Accuracy


@dataclass(frozen=True, config=STRICT)
class Effect(OfModel):
    """A difference between two accuracies in percentage points, with its own 95 % interval.

    Three compare the arms, with minus without duplicates, averaged over trainings: on test rows with a duplicate, on
    the others, and the contribution of the duplicates to accuracy. The last is the first minus the second, times the
    share of rows with a duplicate.
    """

    trainings: Count  # per arm
    comparison: Comparison
    points: Points
    low: Points
    high: Points


@dataclass(frozen=True, config=STRICT)
class Conclusion(OfModel):
    """The effect of the duplicates on the accuracy of a model, in points of all test rows, or why it is unknown.

    The intervals of all models hold simultaneously in 97 % of runs.
    """

    trainings: Count
    reason: Unmeasured | None
    points: Points
    low: Points
    high: Points

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, config=STRICT)
class Claim(OfModel):
    """Accuracy on test rows for a model, depending on how splits are drawn."""

    drawn: Literal["random", "random_sanitized", "grouped"]
    n: Count
    accuracy: Accuracy
    low: Accuracy
    high: Accuracy


@dataclass(frozen=True, config=STRICT)
class Drawing:
    """How grouped splits were drawn, and how much random splits of the same sizes leak.

    `largest` is the size of the largest group, `unmatched` the number of images without a group of the user. `purity`
    and `completeness` measure how well groups of duplicates, or of similar images, agree with the user's groups. Among
    the random test rows, `random_twins` have a duplicate in train, and `random_shared` a row of their group in train or
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
class Confusion(OfModel):
    """Answers of a model on raw test rows: one row of counts per true class, one column per answer."""

    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, config=STRICT)
class Mistake(OfModel):
    """A test row that a model got wrong with high confidence; often its label is wrong."""

    id: str
    class_name: str
    predicted: str
    confidence: float
