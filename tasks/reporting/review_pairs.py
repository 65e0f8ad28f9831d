"""All pairs of a run that are worth a look: with different labels, near, undecided, exact, or inside splits."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from tasks.records import Findings, Report
from tasks.storage import tables
from tasks.storage.decisions import Key
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.vocabulary import UNLABELLED

LISTS = {"removed": None, "label_conflicts": "conflict", "unconfirmed": None, "duplicates": "inside"}  # and a kind
ORDER = ("near", "undecided", "exact")


@dataclass
class Pair:
    """Two images of a run.

    `one` and `two` are ids; the second is the twin, which stays. `key` has the digests of both, in order: what a
    decision about them is kept by. `kinds` are exact, near or undecided, and conflict (their labels differ), inside or
    judged.
    """

    one: str
    two: str
    classes: tuple[str, str]
    splits: tuple[str, str]
    similarity: float
    predicted: float | None
    key: Key
    kinds: list[str] = field(default_factory=list)

    @property
    def decidable(self) -> bool:
        """Whether the images differ: of identical ones there is nothing to decide but their label."""
        return self.key[0] != self.key[1]

    @property
    def conflicting(self) -> bool:
        """Whether they have labels, and these differ."""
        return self.classes[0] != self.classes[1] and UNLABELLED not in self.classes

    def takes(self, same: bool | None, right: int | None) -> bool:
        """Return whether an answer fits: identical images are the same, and only of different labels one is wrong."""
        return self.conflicting if right is not None else self.decidable or (same is None and self.conflicting)

    def shown(self) -> dict[str, Any]:
        """Return what the page is told."""
        sides = [
            {"path": name.split("/", 1)[1], "class": of, "split": split}
            for name, of, split in zip((self.one, self.two), self.classes, self.splits, strict=True)
        ]
        own = {name: getattr(self, name) for name in ("similarity", "predicted", "kinds", "decidable", "conflicting")}
        return {"sides": sides, "key": b"".join(self.key).hex(), **own}


def pairs_of(run: Place, report: Report, found: Findings) -> list[Pair]:
    """Return the pairs of a run, each once: different labels first, then the doubtful, the least similar duplicates.

    Raises `KeyError` when a table of the run lacks a column, or names an image that the run was not made of.
    """
    parts = [tables.read(run.parent.parent / each.table, ["id", "md5"]) for each in found.fingerprints]
    digests = {row["id"]: row["md5"] for part in parts for row in part.to_pylist()}
    pairs: dict[frozenset[str], Pair] = {}
    for name, kind in LISTS.items():
        if not at(run / f"{name}.parquet").exists():
            continue
        table = tables.read(run / f"{name}.parquet")
        if "stays" in table.column_names:
            table = table.filter(pc.invert(table["stays"]))
            table = table.append_column("twin_split", table["split"])
        for row in table.to_pylist():
            pair = pairs.setdefault(frozenset((row["id"], row["twin_id"])), _pair(row, report, digests))
            own = [row["reason"], kind, "judged" if row.get("judged") else None]
            pair.kinds += [of for of in own if of and of not in pair.kinds]
    return sorted(
        pairs.values(),
        key=lambda one: ("conflict" not in one.kinds, ORDER.index(one.kinds[0]), one.similarity, one.one, one.two),
    )


def _pair(row: dict[str, Any], report: Report, digests: dict[str, bytes]) -> Pair:
    first, second = sorted((digests[row["id"]], digests[row["twin_id"]]))
    similarity, predicted = row[report.view.column], None
    if report.view.on_pixels and row["reason"] != "exact":  # of glyphs nothing is predicted pair by pair
        predicted = report.verdict.predicted_at(similarity)
    return Pair(
        row["id"], row["twin_id"], (row["class_name"], row["twin_class_name"]), (row["split"], row["twin_split"]),
        similarity, predicted.precision if predicted else None, (first, second),
    )  # fmt: skip
