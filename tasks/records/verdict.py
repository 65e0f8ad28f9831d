"""The rows of a report that say from which similarity two images are called twins, why, and how sure that is."""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Count, Sha256, Share, Similarity, shown

Why = Literal["asked", "view", "size", "own", "alike", "chance"]
WhyNot = Literal["alike", "chance"]
WARNINGS: dict[WhyNot, str] = {
    "alike": "Near-duplicates can't be told from look-alikes in these images",
    "chance": "Even random pairs of these images match",
}


@dataclass(frozen=True, config=STRICT)
class JudgedBand:
    """Pairs between two similarities that people looked at, how many of them are the same, and what was predicted."""

    low: Similarity
    high: Similarity
    judged: Count
    same: Count
    precision: Annotated[float | None, shown("similarity", 0, 1)]


@dataclass(frozen=True, config=STRICT)
class Judged:
    """What people decided about pairs of images: all that was given, and what is about pairs of these images.

    `bands` are of pairs whose similarity was measured when they were shown.
    """

    sha256: Sha256
    given: Count
    same: Count
    different: Count
    bands: tuple[JudgedBand, ...]


PRECISION = 0.95  # that is asked of matches of photographs


@dataclass(frozen=True, config=STRICT)
class Band:
    """Rows whose best match in another split lies between two similarities, and how often that happens without a leak.

    `rows` are searched rows without an identical image; of `other_class` the match has another class. `baseline` is the
    share of rows of train whose best match in the rest of train lies there, `random` that of random pairs. `precision`
    is predicted, of all matches from `low` on.
    """

    low: Similarity
    high: Similarity
    rows: Count
    other_class: Count
    precision: Annotated[float | None, shown("similarity", 0, 1)]
    share: Share
    baseline: Share
    random: Share


@dataclass(frozen=True, config=STRICT)
class Predicted:
    """Searched rows without an identical image whose best match is at least so similar, and the predicted precision."""

    similarity: Similarity
    rows: Count
    precision: Annotated[float | None, shown("similarity", 0, 1)]


@dataclass(frozen=True, config=STRICT)
class Verdict:
    """From which similarity images are called twins.

    Attributes
    ----------
    threshold : float or None
        None where only identical images are twins.
    reason : str
        Why: asked for; that of the view; that of pictures of this size; the set's own. Or why there is none: matches
        can't be told from look-alikes; random pairs match.
    why_not : str or None
        Why near-duplicates can't be told from what happens without a leak; None where they can.
    least, own : float or None
        Threshold of pictures of this size; lowest similarity of the predicted precision that is asked for.
    short_side : int or None
        Median of the shorter sides of the pictures, in pixels.
    rows, baseline_rows, random_pairs : int
        That the prediction, the baseline and the share of random pairs are made from.
    unconfirmed : int
        Searched rows whose best match is similar, and not called a twin.
    """

    threshold: Annotated[float | None, shown("similarity", 0, 1)]
    reason: Why
    why_not: WhyNot | None
    least: Annotated[float | None, shown("similarity", 0, 1)]
    own: Annotated[float | None, shown("similarity", 0, 1)]
    short_side: Annotated[int | None, shown("count", 0)]
    rows: Count
    baseline_rows: Count
    random_pairs: Count
    unconfirmed: Count
    bands: tuple[Band, ...]
    curve: tuple[Predicted, ...]

    @property
    def told(self) -> bool:
        """Whether near-duplicates can be told from what happens without a leak."""
        return self.why_not is None

    @property
    def percent(self) -> int:
        """Threshold in whole percent; 101, which only a person's judgment reaches, where identical images are twins."""
        return 101 if self.threshold is None else round(100 * self.threshold)

    def predicted_at(self, similarity: float) -> Predicted | None:
        """Return what is predicted of matches at least so similar."""
        known = [point for point in self.curve if point.similarity <= similarity + 1e-9]
        return known[-1] if known else None

    @property
    def warning(self) -> str:
        """One sentence where the similarity of these images proves nothing; empty where it does."""
        if self.why_not is None:
            return ""
        why = WARNINGS[self.why_not]
        if self.threshold is None:
            return f"{why}: only identical images are called twins."
        return f"{why}: many of the near-duplicates at the threshold that was asked for may be different pictures."
