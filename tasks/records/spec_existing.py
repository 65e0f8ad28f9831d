"""The parameters of flows on existing splits, on runs, and on workspaces."""

from pathlib import PurePath
from typing import Any, Self

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from tasks.addresses import SourceName
from tasks.errors import UsageError
from tasks.records.parameters import Probability, Share
from tasks.records.spec_base import Spec, WorkSpec
from tasks.records.spec_drawing import TrainingSpec
from tasks.records.spec_searching import OverlapSpec, check_different, check_pattern, check_percents
from tasks.registration.views import VIEWS
from tasks.vocabulary import IN_PUBLIC, Protect, PublicName, Role, Undecided, ViewName


@dataclass(frozen=True, kw_only=True)
class AuditSpec(OverlapSpec):
    """Parameters of `flows.pipeline.audit`."""

    root: SourceName | None = None
    dataset: PublicName | None = None
    train: SourceName | None = None
    test: SourceName | tuple[SourceName, ...] | None = None
    validation: SourceName | None = None
    embeddings: PurePath | None = None
    group_by: str | None = None
    max_shared_groups: Share | None = None
    summary: PurePath | None = None

    @property
    def tests(self) -> tuple[SourceName, ...]:
        """The sources of test; with several, each has an audit of its own."""
        return self.test if isinstance(self.test, tuple) else (self.test,) if self.test else ()

    @property
    def sources(self) -> dict[Role, str]:
        """The source for each role, of the first audit."""
        public: dict[Role, str] = {"root": IN_PUBLIC + self.dataset} if self.dataset else {}
        return public | super().sources | ({"test": self.tests[0]} if self.tests else {})

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with the facts of the sources; embeddings are refused for glyphs."""
        if self.embeddings and not VIEWS[view].on_pixels:
            raise UsageError("embeddings are for photographs: of glyphs all pairs are compared; remove --embeddings.")
        return super().settled(view, side, classes)

    def check(self) -> None:
        """Refuse anything but a root or the two splits, a split that is given twice, and a gate without groups."""
        super().check()
        check_pattern(self.group_by)
        if self.max_shared_groups is not None and not self.group_by:
            raise UsageError("max_shared_groups needs --group-by, which names the groups.")
        given = self.sources
        complete = [{"root"}, {"train", "test"}, {"train", "validation", "test"}]
        if given.keys() not in complete or (self.root and self.dataset):
            raise UsageError("give either a root that holds all splits, or --dataset, or --train and --test.")
        check_different({**given, **{f"test {number}": name for number, name in enumerate(self.tests[1:], 2)}})


@dataclass(frozen=True, kw_only=True)
class SanitizeSpec(WorkSpec):
    """Parameters of `flows.pipeline.sanitize`; unset ones keep the values of the run."""

    run: str = "latest"
    threshold: Share | None = None
    floor: Share | None = None
    recall: Probability | None = None
    exhaustive: bool | None = None
    protect: Protect | None = None
    max_overlap: Share | None = None
    max_shared_groups: Share | None = None
    min_rows: PositiveInt | None = None
    undecided: Undecided | None = None
    decisions: PurePath | bool | None = None

    def check(self) -> None:
        """Refuse similarities that are not whole percents."""
        super().check()
        check_percents(threshold=self.threshold, floor=self.floor)

    def changes(self, of_run: Spec) -> dict[str, Any]:
        """Return the parameters to change in a run; raises `UsageError` for one that the run does not have."""
        given = {n: value for n, value in vars(self).items() if n not in ("run", "workspace") and value is not None}
        if strange := sorted(given.keys() - vars(of_run).keys()):
            raise UsageError(f"{strange[0]} does not apply to the run {self.run}; leave it out.")
        return given


@dataclass(frozen=True, kw_only=True)
class EvaluateSpec(TrainingSpec):
    """Parameters of `flows.pipeline.evaluate`."""

    run: str = "latest"


@dataclass(frozen=True, kw_only=True)
class ReproduceSpec(WorkSpec):
    """Parameters of the command that compares published figures with measured ones."""

    large: SourceName | None = None
    small: SourceName | None = None


@dataclass(frozen=True, kw_only=True)
class CleanSpec(Spec):
    """Parameters of `flows.keeping.clean`."""

    keep: PositiveInt = 30


@dataclass(frozen=True, kw_only=True)
class VerifySpec(Spec):
    """Parameters of `flows.keeping.verify`."""

    run: str = "latest"
