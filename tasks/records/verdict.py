"""The rows of a report about the threshold for duplicates, its reasons and its certainty."""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Count, MeasuredRecall, Probability, Sha256, Share, Similarity, shown
from tasks.vocabulary import Method

SomeSimilarity = Annotated[float | None, shown("similarity", 0, 1)]
Why = Literal["asked", "view", "own", "near_identical", "alike", "chance"]
Crowd = Literal["all", "alone", "crowd"]
WhyNot = Literal["alike", "chance", "faint"]
WARNINGS: dict[WhyNot, str] = {
    "alike": "Near-duplicates cannot be distinguished from look-alikes in some of these images",
    "chance": "Even random pairs of these images match",
    "faint": "Some similar images have little texture, or different colours",
}


@dataclass(frozen=True, config=STRICT)
class JudgedBand:
    """Pairs between two similarities that people judged, how many of them are the same, and the prediction."""

    low: Similarity
    high: Similarity
    judged: Count
    same: Count
    precision: SomeSimilarity


@dataclass(frozen=True, config=STRICT)
class Judged:
    """Decisions of people about pairs of these images: how many apply, and their digest.

    `bands` contain the pairs whose similarity was measured at review.
    """

    sha256: Sha256
    applied: Count
    same: Count
    different: Count
    bands: tuple[JudgedBand, ...]


PRECISION = 0.95  # required of near-duplicates among photographs


@dataclass(frozen=True, config=STRICT)
class Band:
    """Rows whose best match in another split is between two similarities, and the same without a leak.

    `rows` are searched rows without an identical image; for `other_class` of them, the match has another class.
    `baseline` is the share of rows of train whose best match in the rest of train is in the band, `random` the share of
    random pairs. `precision` is predicted for all matches from `low` on.
    """

    low: Similarity
    high: Similarity
    rows: Count
    other_class: Count
    precision: SomeSimilarity
    share: Share
    baseline: Share
    random: Share


@dataclass(frozen=True, config=STRICT)
class Predicted:
    """Searched rows without an identical image whose best match is at least this similar, with predicted precision."""

    similarity: Similarity
    rows: Count
    precision: SomeSimilarity


@dataclass(frozen=True, config=STRICT)
class KindVerdict:
    """The lowest agreement of duplicates for one kind of image; None if duplicates cannot be distinguished.

    An image in a crowd has several look-alikes; if one kind has few images, both are judged together. `undecided` is
    the lowest agreement of undecided matches, None if all below the threshold are different. `near_identical` is the
    lowest agreement of duplicates whatever else the set has, None if near-identical images may be look-alikes.
    """

    kind: Crowd
    rows: Count
    threshold: SomeSimilarity
    undecided: SomeSimilarity = None
    near_identical: SomeSimilarity = None


@dataclass(frozen=True, config=STRICT)
class Verdict:
    """The lowest similarity of duplicates.

    `threshold` is the lowest of any kind; null if only identical images are duplicates. `reason` is its origin: the
    user; the definition of the view; the images; near-identity only; or, without a threshold, near-duplicates that
    cannot be distinguished from look-alikes, or random pairs that match. `why_not` is why some rows are undecided;
    null if there cannot be any. Images with at least the agreement `near_identical` are duplicates in any set; it is
    the lowest of any kind, null if look-alikes reach it. `kinds` are for photographs. `least` is the lowest threshold
    that a set can have, `own` the lowest that the images of this set allow. `short_side` is the median of the shorter
    sides of the images, in pixels. `rows`, `baseline_rows` and `random_pairs` are the sample sizes of the prediction,
    of the baseline and of the random pairs. `unconfirmed` counts the searched rows that the verdict leaves undecided
    before any decision, per split that they are compared with. `expected` is the share of glyphs with a near-duplicate
    without a leak: of images of train in the rest of train, weighted by the classes of the searched rows.
    """

    threshold: SomeSimilarity
    reason: Why
    why_not: WhyNot | None
    near_identical: SomeSimilarity
    kinds: tuple[KindVerdict, ...]
    least: SomeSimilarity
    own: SomeSimilarity
    short_side: Annotated[int | None, shown("count", 0)]
    rows: Count
    baseline_rows: Count
    random_pairs: Count
    unconfirmed: Count
    expected: Share
    bands: tuple[Band, ...]
    curve: tuple[Predicted, ...]

    def predicted_at(self, similarity: float, undecided: bool) -> Predicted | None:
        """Return the prediction for matches of at least this similarity; None if kinds of images are judged apart."""
        known = [point for point in self.curve if point.similarity <= similarity + 1e-9]
        special = undecided and similarity >= (
            self.threshold or 1
        )  # of little texture, in different colours, or in a chain
        return known[-1] if known and len(self.kinds) < 2 and not special else None

    @property
    def warning(self) -> str:
        """A sentence for the user if similarity proves nothing for some of these images, otherwise an empty string."""
        if self.why_not is None:
            return ""
        why = WARNINGS[self.why_not]
        if self.reason == "asked":
            return f"{why}: many of the near-duplicates at the given threshold may be different images."
        return f"{why}: similar images are undecided."


@dataclass(frozen=True, config=STRICT)
class NearDuplicates:
    """How near-duplicates were searched; without a threshold, only identical images are duplicates.

    `num_perm`, `bands` and `rows_per_band` are the settings of MinHash, null if it was not used. `contradicted` is
    whether its measured recall is significantly lower than the stated one.
    """

    threshold: SomeSimilarity
    floor: Similarity
    method: Method
    num_perm: int | None
    bands: int | None
    rows_per_band: int | None
    recall_at_floor: Probability
    recall_measured: MeasuredRecall | None
    contradicted: bool


@dataclass(frozen=True, config=STRICT)
class ChangedCopies:
    """The shares of copies that a search finds and leaves undecided if they are changed in one way.

    They were measured on other images; see docs/kinds.md.
    """

    kind: str
    found: Share
    undecided: Share

    @property
    def is_missed(self) -> bool:
        """Whether most of these copies are neither found nor undecided."""
        return (self.found or 0.0) + (self.undecided or 0.0) < 0.5
