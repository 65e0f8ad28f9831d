"""Parameters of reading sources, of searching for duplicates, and of removing them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, ClassVar, Literal, Self, cast, get_args

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from tasks.addresses import SourceName, is_url, reveal
from tasks.columns import USUAL
from tasks.errors import UsageError
from tasks.records.parameters import ImageSide, Probability, ReferenceNames, Share
from tasks.records.spec_base import WorkSpec
from tasks.registration.views import VIEWS, View
from tasks.storage import Place, disk
from tasks.vocabulary import DICOM_GROUPS, Chains, Keep, Protect, Role, Undecided, Variant, ViewName, is_generated

PUBLISHED_MINIMUM: dict[Role, int] = {"large": 45_000, "small": 1_800}  # the course's own check of notMNIST
LOWEST_AGREEMENT = 0.70  # lowest threshold for photographs
# Decisions and embeddings count by their content, not by the name of their file.
CHANGES_NO_RESULT = (
    "workspace", "workers", "memory", "runner", "cluster", "fresh", "decisions", "embeddings", "summary",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SourceSpec(WorkSpec):
    """How to read sources."""

    view: Literal[ViewName, "auto"] = "auto"
    also: tuple[Variant, ...] = ()
    fresh: bool = False
    classes: PositiveInt | None = None
    side: ImageSide = 28
    columns: tuple[str, ...] = ()
    follow_links: PurePath | None = None
    masks_as_images: bool = False
    min_per_class: PositiveInt | None = None

    @property
    def sources(self) -> dict[Role, str]:
        """The source for each role."""
        given = {role: getattr(self, role, None) for role in get_args(Role)}
        return {role: name for role, name in given.items() if isinstance(name, str)}

    def check(self) -> None:
        """Refuse columns with an unknown use."""
        super().check()
        for entry in self.columns:
            if entry.partition("=")[0] not in USUAL or not entry.partition("=")[2]:
                raise UsageError(f"columns {entry} is not one of {'=NAME, '.join(USUAL)}=NAME.")

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with the facts of the sources."""
        if self.also and not VIEWS[view].variants:
            raise UsageError(f"also {', '.join(self.also)} needs another view: these images are compared by {view}.")
        spec = replace(self, view=view, side=side, classes=classes)
        spec.check()  # again: only now is the number of classes known, which must divide the sizes
        return spec

    def minimum(self, role: Role) -> int:
        """Return the minimum number of members in each class of a source."""
        if self.min_per_class is not None:
            return self.min_per_class
        return PUBLISHED_MINIMUM.get(role, 1) if self.sources.get(role) == "notmnist" else 1

    def settings(self) -> dict[str, Any]:
        """Return the parameters that can change a result, by name."""
        return {name: value for name, value in vars(self).items() if name not in CHANGES_NO_RESULT}


@dataclass(frozen=True, kw_only=True)
class SearchSpec(SourceSpec):
    """What counts as a duplicate, and which images of a group stay."""

    threshold: Share | None = None
    floor: Share | None = None
    recall: Probability | None = None
    exhaustive: bool = False
    keep: Keep = "largest"
    chains: Chains = "keep"
    decisions: PurePath | bool | None = None
    max_quarantine: Share = 0.01
    max_ignored: Share | None = None
    undecided: Undecided = "fail"
    joins_within: ClassVar[bool] = False  # whether to compare a split with itself, regardless of the time

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with the facts of the sources, and with the defaults of the view.

        The threshold stays unset: the verdict on the images decides it.
        """
        check_agreement(view, self.threshold)
        floor, recall = self.floor or VIEWS[view].floor, self.recall or VIEWS[view].recall
        return replace(super().settled(view, side, classes), floor=floor, recall=recall)

    @property
    def compared_by(self) -> View:
        """How images are compared, once the spec is settled."""
        return VIEWS[cast(ViewName, self.view)]

    @property
    def floor_percent(self) -> int:
        """Lowest reported similarity, in whole percent, never above the threshold.

        It requires a settled spec, since the view decides the floor.
        """
        return round(100 * min(self.floor or 0, self.threshold or self.compared_by.threshold or 1))

    def check(self) -> None:
        """Refuse similarities that are not whole percents, and variants in one set."""
        super().check()
        check_percents(threshold=self.threshold, floor=self.floor)
        if self.also and self.joins_within:
            raise UsageError(f"also {self.also[0]} needs two splits; remove it, or use `cleansplit audit`.")


@dataclass(frozen=True, kw_only=True)
class OverlapSpec(SearchSpec):
    """What to remove from overlapping splits, and the limits of gates."""

    protect: Protect = "train"
    max_overlap: Share | None = None
    min_rows: PositiveInt | None = None


@dataclass(frozen=True, kw_only=True)
class DedupeSpec(SearchSpec):
    """Parameters of `flows.pipeline.dedupe`."""

    source: SourceName
    max_duplicates: Share | None = None
    joins_within: ClassVar[bool] = True
    protect: ClassVar[Protect] = "train"  # the only split


@dataclass(frozen=True, kw_only=True)
class ArrivalsSpec(DedupeSpec):
    """Parameters of `flows.arrivals.arrivals`."""

    source: SourceName
    against: ReferenceNames
    accept: bool = False
    whole: bool = False
    keep: Keep = "first"
    exhaustive: bool = True

    def check(self) -> None:
        """Refuse a limit on duplicates where nothing is compared, and a reference that is named twice."""
        super().check()
        if len({*self.against}) < len(self.against):
            raise UsageError("against has a reference twice; name each once.")
        if self.whole and self.max_duplicates is not None:
            raise UsageError("max_duplicates can't be checked with whole, which compares nothing; remove one of them.")


def check_percents(**similarities: float | None) -> None:
    """Refuse similarities that are not whole percents of at least 1; at 0 every pair of images would match."""
    for name, value in similarities.items():
        if value is not None and (abs(100 * value - round(100 * value)) > 1e-9 or value < 0.01):
            raise UsageError(f"{name} {value} is not a whole percent of at least 0.01; use for instance 0.95.")


def check_agreement(view: ViewName, threshold: float | None) -> None:
    """Refuse a threshold that is too low for photographs."""
    if VIEWS[view].on_pixels and (threshold or 1) < LOWEST_AGREEMENT:
        raise UsageError(f"threshold {threshold} is too low for photographs; use at least {LOWEST_AGREEMENT}.")


def check_pattern(group_by: str | None) -> None:
    """Refuse an invalid regular expression, and an element of DICOM that is not read."""
    if (group_by or "").startswith("dicom:") and group_by not in DICOM_GROUPS:
        raise UsageError(f"group_by {group_by} is not read; use {' or '.join(DICOM_GROUPS)}.")
    try:
        re.compile(group_by or "")
    except re.error as error:
        raise UsageError(f"group_by {group_by} is not a valid regular expression ({error}).") from error


def check_different(sources: Mapping[Any, str]) -> None:
    """Refuse two sources that are the same file or folder: all their images would be duplicates."""
    first: dict[str, str] = {}
    for role, name in sources.items():
        if is_generated(role, name):
            continue
        where = str(disk.resolved(Place.of(name))) if not is_url(name) else reveal(name)
        if where in first:
            raise UsageError(f"{first[where]} and {role} are the same source, {name}; give two different ones.")
        first[where] = role
