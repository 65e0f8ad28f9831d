"""Count the images of the answer by their state; everything that tells the answer takes its numbers from here."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tasks.records import Findings, between
from tasks.records.inputs import ClassMembers
from tasks.records.spec import DedupeSpec
from tasks.records.states import SplitStates
from tasks.storage import Place, tables
from tasks.vocabulary import EVALUATED, LOSES_TO, SplitName


def states_of(found: Findings, members: Sequence[ClassMembers], workspace: Place) -> tuple[SplitStates, ...]:
    """Return the states of test, then of validation, or of one set, given the outcomes of all members."""
    refused = Counter[str]({archive.role: 0 for archive in found.archives})
    for of in members:
        refused[of.role] += of.quarantined
    if isinstance(found.spec, DedupeSpec):
        return (_inside(found, refused.total()),)
    answered: list[SplitName] = [name for name in EVALUATED if found.splits[name].rows or name in refused]
    return tuple(_before(found, name, refused.get(name), workspace) for name in answered or EVALUATED[:1])


def _inside(found: Findings, unreadable: int) -> SplitStates:
    own = next(of.counts for of in found.duplicates if of.counts.split == "train")
    duplicates = own.exact + own.near + own.held
    left = own.rows - duplicates - own.undecided - own.blank
    return SplitStates("train", own.rows, duplicates, 0, own.exact, own.undecided, own.blank, left, unreadable)


def _before(found: Findings, name: SplitName, unreadable: int | None, workspace: Place) -> SplitStates:
    """Return the states of the images of a split, by their best matches in each split before it; train is the first."""
    tests = (between(found.overlaps, name, other).table(name) for other in LOSES_TO["train"][name])
    parts = [tables.read(workspace / test, ["exact", "near", "undecided", "blank"]) for test in tests]
    exact, near, undecided, blank = (np.array([part[key] for part in parts]) for key in parts[0].column_names)
    duplicate = (exact | near).any(axis=0)
    may_be = undecided.any(axis=0) & ~duplicate
    unusable = blank[0] & ~duplicate & ~may_be
    left = ~(duplicate | may_be | unusable)
    some = duplicate, (exact | near)[0], exact.any(axis=0), may_be, unusable, left
    duplicates, in_train, identical, doubtful, alone, others = (int(each.sum()) for each in some)
    return SplitStates(name, len(left), duplicates, in_train, identical, doubtful, alone, others, unreadable)
