"""Limits of the user: measured in every run, enforced after its report is written."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from shlex import join, quote
from typing import Any

from tasks.errors import GateError, UndecidedError
from tasks.presenting.words import Numbers, percent, sentences
from tasks.records import Report
from tasks.records.inputs import ClassMembers
from tasks.records.reasons import REASONS, REMEDIES
from tasks.records.references import Arrived
from tasks.records.rows import Gate, SharedRows
from tasks.records.spec_searching import ArrivalsSpec
from tasks.records.states import SplitStates
from tasks.storage import tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import SET, Role

OF_ROWS = ("max_duplicates", "max_overlap", "max_shared_groups")
Counted = SplitStates | SharedRows


def measure_gates(report: Report) -> tuple[Gate, ...]:
    """Return every gate that is set, with its limit, the measured value, and whether it held."""
    limits, search = report.spec.settings(), report.near_duplicates
    _, _, quarantined, members = _largest_quarantine(report.conservation)
    shares = {"max_quarantine": quarantined / members, "max_ignored": report.ignored_share}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    gates = [Gate(name, given[name], share, share <= given[name]) for name, share in shares.items() if name in given]
    gates += [_of_rows(name, given[name], report) for name in OF_ROWS if name in given]
    if "min_rows" in given:
        left = report.sanitized.near[report.scored]
        gates.append(Gate("min_rows", given["min_rows"], left, left >= given["min_rows"]))
    if search.contradicted and search.method == "minhash" and search.recall_measured:
        gates.append(Gate("recall", search.recall_at_floor, search.recall_measured.high or 0.0, passed=False))
    return tuple(gates)


def enforce_gates(report: Report) -> None:
    """Raise `GateError` with the numbers of every gate that did not hold; `UndecidedError` if undecided rows decide."""
    if failed := [gate for gate in report.gates if not gate.passed]:
        said = sentences(Numbers(report), "failed_gates", failed=[_facts(gate, report) for gate in failed])
        raise (UndecidedError if all(map(_is_open, failed)) else GateError)(" ".join(said), report)


def failed_gate(spec: ArrivalsSpec, arrived: Arrived, members: Sequence[ClassMembers]) -> GateError | None:
    """Return the error about a batch with too many files that are not read, or too many images that are not new."""
    images, undecided = sum(arrived.rows.values()), arrived.rows.get("undecided", 0)
    _, worst, refused, read = _largest_quarantine(members)
    ignored = arrived.ignored / sum(row.members for row in members)
    every = {"max_quarantine": (f"images of {worst or 'the batch'}", refused / read), "max_ignored": ("files", ignored)}
    for name, (what, share) in every.items():
        if (most := spec.settings()[name]) is not None and share > most:
            flag, lists = f"--{name.replace('_', '-')}", "quarantine.parquet"
            more = f"{_beyond(share, most)} of the {what} count for {flag}, which allows {100 * most:g} %"
            accept = f"{flag} {math.ceil(100 * share) / 100:g}"
            if spec.whole:  # also by `reference add`, which has no gates
                given = spec.arguments
                lists = f"`cleansplit dedupe {join(given('source', 'workspace'))}`"
                accept = f"cleansplit arrivals {join(given('source', 'against', 'whole', 'workspace'))} {accept}"
            return GateError(f"{arrived.in_short}; {more}; {lists} names each, and `{accept}` accepts them.")
    limit = 1 if spec.max_duplicates is None else spec.max_duplicates
    found = images - arrived.rows.get("new", 0) - undecided
    said = f"{arrived.in_short}; --max-duplicates allows {100 * limit:g} % of the images not to be new"
    if found / images > limit:
        return GateError(f"{said}, and {_beyond(found / images, limit)} are not.")
    if spec.undecided == "pass" or (found + undecided + arrived.blank) / images <= limit:
        return None
    if (either := (found + undecided) / images) > limit:
        return UndecidedError(f"{said}, and {_beyond(either, limit)} may not be; `--undecided pass` accepts these.")
    return GateError(f"--max-duplicates can't be checked: {arrived.incomparable} `--undecided pass` accepts them.")


def _beyond(share: float, limit: float) -> str:
    """Return a share in percent, with two digits, or more if two make it equal to a limit.

    >>> _beyond(0.5, 0.1), _beyond(1 / 21, 0.0476), _beyond(0.10003, 0.1), _beyond(0.1, 0.1)
    ('50.00 %', '4.762 %', '10.003 %', '10.00 %')
    """
    digits = next((number for number in range(2, 9) if percent(share, number) != percent(limit, number)), 2)
    return percent(share, digits)


def _of_rows(name: str, limit: float, report: Report) -> Gate:
    """Return a gate on the split with the largest share of counted rows; images that cannot be compared may fail it."""
    counted = _counted(name, report)
    if not counted or not all(one.rows for one in counted):
        return Gate(name, limit, None, passed=False)
    value, most = max(map(_share, counted)), max(_share(one, "undecided") for one in counted)
    if most <= limit < max(_share(one, "undecided", "blank") for one in counted) and report.spec.undecided == "fail":
        return Gate(name, limit, None, passed=False)
    held = value <= limit and (most <= limit or report.spec.undecided == "pass")
    return Gate(name, limit, value, held, most if most > value else None)


def _counted(name: str, report: Report) -> Sequence[Counted]:
    """Return the counts for a gate: of rows that share a group with a split before theirs, or of the answer."""
    return report.shared_groups if name == "max_shared_groups" else report.states


def _number(counts: Counted) -> int:
    return counts.shared if isinstance(counts, SharedRows) else counts.duplicates


def _share(counts: Counted, *more: str) -> float:
    return (_number(counts) + sum(getattr(counts, name, 0) for name in more)) / counts.rows


def _is_open(gate: Gate) -> bool:
    return gate.value is not None and gate.value <= gate.limit and gate.most is not None


def _facts(gate: Gate, report: Report) -> dict[str, Any]:
    """Return the numbers in the sentence about a failed gate."""
    facts = {"gate": gate, "flag": f"--{gate.name.replace('_', '-')}", "run": quote(report.where)}
    facts["accepted"] = f"{math.ceil(100 * (gate.value or 0)) / 100:g}"
    if gate.name == "max_quarantine":
        role, name, quarantined, members = _largest_quarantine(report.conservation)
        counts = f"{quarantined:,} of {members:,} images of {f'{role} {name}'.rstrip()}"
        return facts | {"counts": counts, "reasons": _reasons(role, name, report)}
    if gate.name not in OF_ROWS:
        return facts
    if gate.value is None:
        empty = next((name for name in report.evaluated if not report.rows[name]), None)
        without = "the set" if report.alone else empty or report.scored
        return facts | {"empty": without if empty or not report.incomparable else None}
    more = ("undecided",) if _is_open(gate) else ()
    worst = max(_counted(gate.name, report), key=lambda one: _share(one, *more))
    return facts | {
        "worst": worst,
        "number": _number(worst),
        "share": _beyond(_share(worst), gate.limit),
        "open": bool(more),
    }


def _reasons(role: Role, name: str, report: Report) -> str:
    """Return the three most frequent reasons of a quarantined class, or of all, with counts and remedies."""
    own = [("role", "=", role), ("outcome", "=", "quarantined")]
    if name:
        own.append(("class_name", "=", name))
    refused = tables.read(run_at(report.run) / "quarantine.parquet", ["reason"], filters=own)["reason"].to_pylist()
    return ", ".join(
        f"{REASONS[reason]} ({count:,}{f'; {REMEDIES[reason]}' if reason in REMEDIES else ''})"
        for reason, count in Counter(refused).most_common(3)
    )


def _largest_quarantine(rows: Iterable[ClassMembers]) -> tuple[Role, str, int, int]:
    """Return the class with the largest quarantined share, by role and name, with its quarantined and all images.

    A whole source is a class without a name: it also has images outside the class folders, and (rare) sets of labels.
    """
    quarantined, members = Counter[tuple[Role, str]](), Counter[tuple[Role, str]]()
    for row in rows:
        for name in dict.fromkeys((row.class_name or "", "")):
            if (images := row.accepted + row.quarantined) and not name.startswith(SET):
                quarantined[row.role, name] += row.quarantined
                members[row.role, name] += images
    worst = max(members, key=lambda own: quarantined[own] / members[own])
    return *worst, quarantined[worst], members[worst]
