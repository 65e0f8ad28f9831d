"""The pairs of a run to review: with different labels, near, undecided, exact, or inside splits."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from tasks.joined import groups_of
from tasks.records import Findings, Report
from tasks.storage import Place, at, tables
from tasks.storage.decisions import Key
from tasks.vocabulary import UNLABELLED

LISTS = {"removed": None, "label_conflicts": "conflict", "unconfirmed": None, "duplicates": "inside"}  # and a kind
ORDER = ("near", "undecided", "exact")


class Answer(NamedTuple):
    """A decision about a pair: whether it is the same picture, which side has the right label, and which side stays.

    Sides are 0 and 1; None leaves a question open.
    """

    same: bool | None
    right: int | None = None
    stays: int | None = None


@dataclass
class Pair:
    """Two images of a run.

    `one` and `two` are ids, with their `digests`; the first is a duplicate of the second. `goes` is whether each of
    them is removed. `kinds` are exact, near or undecided, and conflict (their labels differ), inside or judged. Pairs
    with the same `group` share images; undecided ones have -1.
    """

    one: str
    two: str
    classes: tuple[str, str]
    splits: tuple[str, str]
    similarity: float
    predicted: float | None
    digests: tuple[bytes, bytes]
    goes: tuple[bool, bool]
    kinds: list[str] = field(default_factory=list)
    group: int = -1

    @property
    def key(self) -> Key:
        """The digests in order: the key of a decision."""
        first, second = sorted(self.digests)
        return first, second

    @property
    def decidable(self) -> bool:
        """Whether the images differ; identical images leave nothing to decide but their label."""
        return self.digests[0] != self.digests[1]

    @property
    def askable(self) -> bool:
        """Whether anything is to decide about the pair."""
        return self.decidable or self.conflicting

    @property
    def conflicting(self) -> bool:
        """Whether they have labels, and these differ."""
        return self.classes[0] != self.classes[1] and UNLABELLED not in self.classes

    @property
    def swappable(self) -> bool:
        """Whether either image could stay: different images of one split with one label."""
        return self.splits[0] == self.splits[1] and self.decidable and not self.conflicting

    def accepts(self, answer: Answer) -> bool:
        """Return whether an answer fits: identical images are the same, and only one of different labels is wrong."""
        if answer.stays is not None:
            return self.swappable
        if answer.right is not None:
            return self.conflicting
        return self.decidable or (answer.same is None and self.conflicting)

    def shown(self) -> dict[str, Any]:
        """Return the pair as the page gets it."""
        columns = {"id": (self.one, self.two), "class": self.classes, "split": self.splits, "goes": self.goes}
        sides = [{name: values[side] for name, values in columns.items()} for side in (0, 1)]
        for side, digest in zip(sides, self.digests, strict=True):
            side |= {"path": str(side["id"]).split("/", 1)[1], "digest": digest.hex()}
        names = ("similarity", "predicted", "kinds", "group", "decidable", "conflicting", "swappable", "askable")
        return {"sides": sides, "key": b"".join(self.key).hex()} | {name: getattr(self, name) for name in names}


def pairs_of(run: Place, report: Report, found: Findings) -> list[Pair]:
    """Return the pairs of a run, each once: different labels first, then the least similar duplicates.

    Raises `KeyError` when a table of the run lacks a column or names an unknown image.
    """
    parts = [tables.read(run.parent.parent / each.table, ["id", "md5"]) for each in found.fingerprints]
    digests = {row["id"]: row["md5"] for part in parts for row in part.to_pylist()}
    gone = set(tables.read(run / "removed.parquet", ["id"])["id"].to_pylist())
    pairs: dict[frozenset[str], Pair] = {}
    for name, kind in LISTS.items():
        if not at(run / f"{name}.parquet").exists():
            continue
        table = tables.read(run / f"{name}.parquet")
        if "stays" in table.column_names:
            table = table.filter(pc.invert(table["stays"]))
            table = table.append_column("twin_split", table["split"])
        for row in table.to_pylist():
            ends = row["id"], row["twin_id"]
            goes = ends[0] in gone, ends[1] in gone
            pair = pairs.setdefault(frozenset(ends), _pair(row, report, (digests[ends[0]], digests[ends[1]]), goes))
            own = [row["reason"], kind, "judged" if row.get("judged") else None]
            pair.kinds += [of for of in own if of and of not in pair.kinds]
    _number_groups(list(pairs.values()))
    return sorted(
        pairs.values(),
        key=lambda one: ("conflict" not in one.kinds, ORDER.index(one.kinds[0]), one.similarity, one.one, one.two),
    )


def _number_groups(pairs: list[Pair]) -> None:
    """Give the pairs that share images the number of their group, but for undecided pairs."""
    certain = [pair for pair in pairs if "undecided" not in pair.kinds]
    numbers: dict[str, int] = {}
    one, two = (
        np.array([numbers.setdefault(getattr(pair, end), len(numbers)) for pair in certain], np.int64)
        for end in ("one", "two")
    )
    groups = groups_of(len(numbers), [(one, two)])[one].tolist()
    for pair, group in zip(certain, groups, strict=True):
        pair.group = group


def _pair(row: dict[str, Any], report: Report, digests: tuple[bytes, bytes], goes: tuple[bool, bool]) -> Pair:
    similarity, predicted = row[report.view.column], None
    if report.view.on_pixels and row["reason"] != "exact":  # nothing is predicted of single pairs of glyphs
        predicted = report.verdict.predicted_at(similarity, row["reason"] == "undecided")
    return Pair(
        row["id"], row["twin_id"], (row["class_name"], row["twin_class_name"]), (row["split"], row["twin_split"]),
        similarity, predicted.precision if predicted else None, digests, goes,
    )  # fmt: skip
