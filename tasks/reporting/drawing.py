"""What grouped splits are worth: what random ones of their sizes leak, and what accuracy each way of drawing claims."""

from typing import Literal

from tasks.records import Claim, Drawing, Findings, Trained, between


def drawing_of(found: Findings) -> Drawing | None:
    """Return how grouped splits were drawn, beside random ones; None of other splits."""
    groups, random = found.splits.in_groups, found.random
    if groups is None or random is None or random.splits.in_groups is None:
        return None
    leak = next(of for of in between(random.overlaps, "train", "test").directions if of.rows_of == "test")
    ways: list[tuple[Literal["random", "random_sanitized", "grouped"], Trained, str]] = [
        ("random", random.trained, "test_raw"),
        ("random_sanitized", random.trained, "test_near"),
        ("grouped", found.trained, "test_raw"),
    ]
    once = {(score.train_rows, score.seed, score.arm) for score in random.trained.scores}  # one training of each model
    claims = [
        Claim(one.model, one.train_rows, way, one.n, one.accuracy, one.low, one.high)
        for way, trained, where in ways
        for one in trained.scores
        if one.evaluated_on == where and (one.train_rows, one.seed, one.arm) in once
    ]
    return Drawing(
        **{name: getattr(groups, name) for name in ("groups", "largest", "unmatched", "purity", "completeness")},
        random_test=random.splits.test.rows,
        random_twins=leak.either,
        random_shared=random.splits.in_groups.shared,
        claims=tuple(sorted(claims, key=lambda claim: claim.model)),
    )
