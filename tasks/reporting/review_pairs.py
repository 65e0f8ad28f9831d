"""All pairs of a run that are worth a look: with different labels, near, undecided, exact, or inside splits."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings, Report
from tasks.storage import tables
from tasks.storage.decisions import Key
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.vocabulary import UNLABELLED

LISTS = (("removed", None), ("label_conflicts", "conflict"), ("unconfirmed", None), ("duplicates", "inside"))


@dataclass
class Pair:
    """Two images of a run.

    Attributes
    ----------
    one, two : str
        Ids; the second is the twin, which stays.
    kinds : list of str
        exact, near or undecided, and conflict (their labels differ), inside or judged.
    similarity : float
    key : tuple of bytes
        Digests of both, in order: what a decision about them is kept by.
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
        about = {"similarity": self.similarity, "predicted": self.predicted, "kinds": self.kinds}
        about |= {"decidable": self.decidable, "conflicting": self.conflicting}
        return {"sides": sides, "key": b"".join(self.key).hex(), **about}


def pairs_of(run: Place, report: Report, digests: dict[str, bytes]) -> list[Pair]:
    """Return the pairs of a run, each once: different labels first, then the doubtful, the least similar duplicates.

    Parameters
    ----------
    run : Place
    report : Report
    digests : dict
        Digest of each image by its id.
    """
    found: dict[tuple[str, str], Pair] = {}
    for name, kind in LISTS:
        if not at(run / f"{name}.parquet").exists():
            continue
        for row in _rows(tables.read(run / f"{name}.parquet"), report):
            one, two = row["id"], row["twin_id"]
            pair = found.get((one, two)) or found.get((two, one))
            if pair is None:
                pair = found[one, two] = _pair(row, report, digests)
            own = [row["reason"], *([kind] if kind else []), *(["judged"] if row.get("judged") else [])]
            pair.kinds += [of for of in own if of not in pair.kinds]
    order = {"near": 0, "undecided": 1, "exact": 2}
    return sorted(
        found.values(),
        key=lambda pair: ("conflict" not in pair.kinds, order[pair.kinds[0]], pair.similarity, pair.one, pair.two),
    )


def digests_of(found: Findings, workspace: Place) -> dict[str, bytes]:
    """Return the digest of every image of a run by its id."""
    parts = [tables.read(workspace / each.table, ["id", "md5"]) for each in found.fingerprints]
    table = pa.concat_tables(parts)
    return dict(zip(table["id"].to_pylist(), table["md5"].to_pylist(), strict=True))


def _rows(table: pa.Table, report: Report) -> list[dict[str, Any]]:
    if "stays" in table.column_names:
        table = table.filter(pc.invert(table["stays"]))
        table = table.append_column("twin_split", table["split"])
    names = ["similarity" if name == report.view.column else name for name in table.column_names]
    return list(table.rename_columns(names).to_pylist())


def _pair(row: dict[str, Any], report: Report, digests: dict[str, bytes]) -> Pair:
    key = sorted((digests[row["id"]], digests[row["twin_id"]]))
    laid = report.view.on_pixels and row["reason"] != "exact"  # of glyphs nothing is predicted pair by pair
    predicted = report.verdict.predicted_at(row["similarity"]) if laid else None
    return Pair(
        row["id"], row["twin_id"], (row["class_name"], row["twin_class_name"]), (row["split"], row["twin_split"]),
        row["similarity"], predicted.precision if predicted else None, (key[0], key[1]),
    )  # fmt: skip
