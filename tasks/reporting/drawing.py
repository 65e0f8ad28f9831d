"""What grouped splits are worth: what random ones of their sizes leak, and what accuracy each way of drawing claims."""

from collections.abc import Iterator, Sequence
from typing import Literal

from tasks.records import Claim, Drawing, Findings, Score, between


def drawing_of(found: Findings) -> Drawing | None:
    """Return how grouped splits were drawn, beside random ones; None of other splits."""
    groups, random = found.splits.in_groups, found.random
    if groups is None or random is None or random.splits.in_groups is None:
        return None
    leak = next(of for of in between(random.overlaps, "train", "test").directions if of.rows_of == "test")
    claims = [
        *_claims("random", random.trained.scores, "test_raw"),
        *_claims("random_sanitized", random.trained.scores, "test_near"),
        *_claims("grouped", found.trained.scores, "test_raw"),
    ]
    return Drawing(
        groups=groups.groups,
        largest=groups.largest,
        unmatched=groups.unmatched,
        purity=groups.purity,
        completeness=groups.completeness,
        random_test=random.splits.test.rows,
        random_twins=leak.either,
        random_shared=random.splits.in_groups.shared,
        claims=tuple(sorted(claims, key=lambda claim: claim.model)),
    )


def _claims(
    drawn: Literal["random", "random_sanitized", "grouped"], scores: Sequence[Score], where: str
) -> Iterator[Claim]:
    """Yield the accuracy of each model, trained once on the most rows."""
    own = [score for score in scores if (score.arm, score.evaluated_on) == ("with_twins", where)]
    for model in dict.fromkeys(score.model for score in own):
        one = max((score for score in own if score.model == model), key=lambda s: (s.train_rows, -s.seed))
        yield Claim(model, one.train_rows, drawn, one.n, one.accuracy, one.low, one.high)
