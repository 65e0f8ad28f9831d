"""The rows of a report that say from which similarity two images are called twins, why, and how sure that is."""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Count, Sha256, Share, Similarity, shown

Why = Literal["asked", "view", "own", "near_identical", "alike", "chance"]
Crowd = Literal["all", "alone", "crowd"]
WhyNot = Literal["alike", "chance"]
WARNINGS: dict[WhyNot, str] = {
    "alike": "Near-duplicates cannot be distinguished from look-alikes in some of these images",
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
    """What people decided about pairs of these images: how many decisions apply, and the digest of them.

    `bands` are of pairs whose similarity was measured when they were shown.
    """

    sha256: Sha256
    applied: Count
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
class KindVerdict:
    """From which agreement pictures of a kind are duplicates; None where it can't be told.

    A picture in a crowd has several look-alikes; all are judged together where one kind has few.
    """

    kind: Crowd
    rows: Count
    threshold: Annotated[float | None, shown("similarity", 0, 1)]


@dataclass(frozen=True, config=STRICT)
class Verdict:
    """From which similarity images are duplicates.

    Attributes
    ----------
    threshold : float or None
        The lowest of any kind; None where only identical images are duplicates.
    reason : str
        Why: asked for; the definition of the view; the set's own; only near-identical pictures. Or why there is none:
        near-duplicates can't be distinguished from look-alikes; random pairs match.
    why_not : str or None
        Why some rows are undecided; None where none can be.
    near_identical : float or None
        Agreement from which pictures are the same whatever their set says; None where random pairs reach it.
    kinds : tuple of KindVerdict
        Of photographs.
    least, own : float or None
        Lowest threshold that a set can have; lowest that the images of this set allow.
    short_side : int or None
        Median of the shorter sides of the pictures, in pixels.
    rows, baseline_rows, random_pairs : int
        That the prediction, the baseline and the share of random pairs are made from.
    unconfirmed : int
        Searched rows that the verdict alone leaves undecided, in each split that they are compared with.
    expected : float or None
        Of glyphs, the share of rows that have a near-duplicate without a leak: images of train in the rest of train, of
        the same classes as the searched rows.
    """

    threshold: Annotated[float | None, shown("similarity", 0, 1)]
    reason: Why
    why_not: WhyNot | None
    near_identical: Annotated[float | None, shown("similarity", 0, 1)]
    kinds: tuple[KindVerdict, ...]
    least: Annotated[float | None, shown("similarity", 0, 1)]
    own: Annotated[float | None, shown("similarity", 0, 1)]
    short_side: Annotated[int | None, shown("count", 0)]
    rows: Count
    baseline_rows: Count
    random_pairs: Count
    unconfirmed: Count
    expected: Share
    bands: tuple[Band, ...]
    curve: tuple[Predicted, ...]

    @property
    def told(self) -> bool:
        """Whether near-duplicates can be told from what happens without a leak."""
        return self.why_not is None

    def predicted_at(self, similarity: float) -> Predicted | None:
        """Return what is predicted of matches at least so similar; nothing where kinds of pictures are judged apart."""
        known = [point for point in self.curve if point.similarity <= similarity + 1e-9]
        return known[-1] if known and len(self.kinds) < 2 else None

    @property
    def warning(self) -> str:
        """One sentence where the similarity of some of these images proves nothing; empty where it does."""
        if self.why_not is None:
            return ""
        why = WARNINGS[self.why_not]
        if self.reason == "asked":
            return f"{why}: many of the near-duplicates at the threshold that was asked for may be different images."
        return f"{why}: similar images are undecided."
