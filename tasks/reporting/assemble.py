"""Build the Report of a run from the records of its stages."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import DataError
from tasks.images import read_labels
from tasks.records import NUM_PERM, PHOTO_PERM, SPLITS, Findings, Report
from tasks.reporting.gates import measure_gates


def assemble(found: Findings) -> dict[str, Any]:
    """Return the content of report.json: a function of inputs, parameters and seed alone."""
    directions = [direction for overlap in found.overlaps for direction in overlap.directions]
    content: dict[str, Any] = {
        "spec": _spec(found),
        "inputs": [{"role": a.role, "name": a.name, "sha256": a.sha256, "bytes": a.bytes} for a in found.archives],
        "classes": list(found.splits.classes),
        "rows": {name: found.splits[name].rows for name in SPLITS},
        "balance": _balance(found),
        "conservation": _conservation(found),
        "overlap": [
            {name: getattr(direction, name) for name in
             ("rows_of", "found_in", "rows", "exact", "near", "either", "distinct_exact", "cross_letter")}
            for direction in directions
        ],
        "overlap_by_threshold": [
            {"rows_of": d.rows_of, "found_in": d.found_in, "jaccard": percent / 100, "rows": rows}
            for d in directions
            for percent, rows in sorted(d.by_percent.items())
        ],
        "within": [
            {name: getattr(within, name) for name in ("split", "rows", "distinct", "one_colour")}
            for within in found.within
        ],
        "label_conflicts": [
            {"rows_of": d.rows_of, "found_in": d.found_in, "exact": d.conflicts_exact, "near": d.conflicts_near}
            for d in directions
        ],
        "font_leakage": [
            {"rows_of": d.rows_of, "found_in": d.found_in, "rows": d.same_font, "unknown": d.unknown_font}
            for d in directions
        ],
        "groups": found.sanitized.groups,
        "near_duplicates": _near_duplicates(found),
        "sanitized": {"exact": _left(found, "exact_left"), "near": _left(found, "near_left")},
        "scores": [asdict(score) for evaluation in found.trained.evaluations for score in evaluation.scores],
        "effects": [asdict(effect) for effect in found.trained.effects],
        "confusion": [asdict(confusion) for confusion in found.trained.confusions],
        "mistakes": [asdict(mistake) for mistake in found.trained.mistakes],
    }  # fmt: skip
    if found.spec.also:
        content["variants"] = [asdict(count) for overlap in found.overlaps for count in overlap.variants]
    return content | {"gates": measure_gates(found.spec, content)}


def run_name(found: Findings) -> str:
    """Return the readable part of a run's id, from its large source."""
    name = found.archives[0].name.rsplit("/", 1)[-1].split(".")[0].split(":")[0]
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)[:40] or "run"


def to_report(run: Path, content: dict[str, Any]) -> Report:
    """Return the record of a report.json that lies in the folder `run`."""
    return Report(run=run, **content)


def read_report(run: Path) -> Report:
    """Return the report of a published run.

    Raises
    ------
    DataError
        When its report.json is missing, or is not what this version writes.
    """
    try:
        return to_report(run, json.loads((run / "report.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{run / 'report.json'} is missing or not of this version; do the run again.") from error


def _spec(found: Findings) -> dict[str, Any]:
    """Return the parameters, with the public names of the sources where sources were given."""
    shown, names = found.spec.shown(), {archive.role: archive.name for archive in found.archives}
    return shown | {role: name for role, name in names.items() if shown[role] is not None}


def _balance(found: Findings) -> list[dict[str, Any]]:
    """Count the rows of every class of every split, raw and sanitized; null where a split kept all its rows."""
    kept = {split.name: split for split in found.sanitized.splits}
    classes = found.splits.classes
    counted = []
    for name in (name for name in SPLITS if found.splits[name].rows):
        raw = np.bincount(read_labels(found.splits[name].files), minlength=len(classes)).tolist()
        left = np.bincount(read_labels(kept[name].files), minlength=len(classes)).tolist() if name in kept else None
        counted += [
            {"split": name, "letter": letter, "raw": raw[label], "sanitized": left and left[label]}
            for label, letter in enumerate(classes)
        ]
    return counted


def _conservation(found: Findings) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for archive in found.archives:
        for shard in (shard for shard in found.shards if shard.role == archive.role):
            names = ("role", "letter", "members", "quarantined", "ignored", "mean", "std")
            rows.append({name: getattr(shard, name) for name in names} | {"accepted": shard.rows})
        if members := sum(archive.outside.values()):
            outside = {"role": archive.role, "letter": None, "members": members, "accepted": 0}
            rows.append(outside | archive.outside | {"mean": None, "std": None})
    return rows


def _near_duplicates(found: Findings) -> dict[str, Any]:
    joins = found.overlaps
    bands, rows_per_band = joins[0].bands or (None, None)
    recall = next((overlap.recall for overlap in joins if overlap.recall), None)
    return {
        "threshold": found.spec.threshold_percent / 100,
        "floor": found.spec.floor_percent / 100,
        "num_perm": (PHOTO_PERM if found.spec.view == "photo" else NUM_PERM) if bands else None,
        "bands": bands,
        "rows_per_band": rows_per_band,
        "recall_at_floor": joins[0].recall_at_floor,
        "recall_measured": recall and asdict(recall),
    }


def _left(found: Findings, which: str) -> dict[str, int]:
    left = getattr(found.sanitized, which)
    return {name: left.get(name, found.splits[name].rows) for name in SPLITS if name in left or name != "train"}
