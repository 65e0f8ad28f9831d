"""Limits of the user: measured in every run, enforced after its report is written."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from shlex import join, quote

from tasks.errors import GateError, UndecidedError
from tasks.presenting.words import Numbers, folder_for, percent, sentences
from tasks.records import Report
from tasks.records.inputs import ClassMembers
from tasks.records.reasons import REASONS, REMEDIES
from tasks.records.references import Arrived
from tasks.records.rows import Gate, PairOverlap, SharedRows, SplitGroups
from tasks.records.spec_searching import ArrivalsSpec
from tasks.storage import tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import SET, Role

OF_ROWS = ("max_duplicates", "max_overlap", "max_shared_groups")
Counted = PairOverlap | SplitGroups | SharedRows


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
        sentences = " ".join(_sentence(gate, report) for gate in failed)
        raise (UndecidedError if all(map(_is_open, failed)) else GateError)(sentences, report)


def failed_gate(spec: ArrivalsSpec, arrived: Arrived, members: Sequence[ClassMembers]) -> GateError | None:
    """Return the error about a batch with too many files that are not read, or too many images that are not new."""
    images, undecided = sum(arrived.rows.values()), arrived.rows.get("undecided", 0)
    _, worst, refused, read = _largest_quarantine(members)
    ignored = arrived.ignored / sum(row.members for row in members)
    every = {"max_quarantine": (f"images of {worst or 'the batch'}", refused / read), "max_ignored": ("files", ignored)}
    for name, (what, share) in every.items():
        if (most := spec.settings()[name]) is not None and share > most:
            flag, lists = f"--{name.replace('_', '-')}", "quarantine.parquet"
            more = f"{percent(share, 2)} of the {what} count for {flag}, which allows {100 * most:g} %"
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
        return GateError(f"{said}, and {percent(found / images, 2)} are not.")
    if spec.undecided == "pass" or (found + undecided + arrived.blank) / images <= limit:
        return None
    if (found + undecided) / images > limit:
        share = percent((found + undecided) / images, 2)
        return UndecidedError(f"{said}, and {share} may not be; `--undecided pass` accepts undecided images.")
    return GateError(f"--max-duplicates can't be checked: {arrived.incomparable} `--undecided pass` accepts them.")


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
    """Return the counts for a gate: inside one set, or of each evaluated split in the splits before it."""
    if name == "max_shared_groups":
        return report.shared_groups
    if report.alone:
        return [report.duplicates_in("train")]
    return [
        report.pair(name, other)
        for name in report.evaluated
        for other in ("train", "validation")
        if other != name and (other == "train" or report.rows.validation)
    ]


def _number(counts: Counted) -> int:
    """Return the number of rows in shared groups, or of duplicates, with images that stay only for their label."""
    if isinstance(counts, SharedRows):
        return counts.shared
    return counts.exact + counts.near + (counts.held if isinstance(counts, SplitGroups) else 0)


def _share(counts: Counted, *more: str) -> float:
    return (_number(counts) + sum(getattr(counts, name, 0) for name in more)) / counts.rows


def _is_open(gate: Gate) -> bool:
    return gate.value is not None and gate.value <= gate.limit and gate.most is not None


def _sentence(gate: Gate, report: Report) -> str:
    flag = f"--{gate.name.replace('_', '-')}"
    if gate.name in OF_ROWS:
        return _sentence_of_rows(gate, report, flag)
    value, more = percent(gate.value or 0, 2), f"more than the {100 * gate.limit:g} % allowed by {flag}"
    accept = f"`{flag} {math.ceil(100 * (gate.value or 0)) / 100:g}` accepts this share."
    if gate.name == "max_quarantine":
        role, name, quarantined, members = _largest_quarantine(report.conservation)
        counts = f"{quarantined:,} of {members:,} images of {f'{role} {name}'.rstrip()}"
        reasons = _reasons(role, name, report)
        return f"Quarantined: {counts} ({value}), {more}: {reasons}. quarantine.parquet names each; {accept}"
    if gate.name == "max_ignored":
        kinds = ", ".join(f"{kind.ending} {kind.count:,}" for kind in report.ignored)
        count = sum(kind.count for kind in report.ignored)
        return f"Files ignored for the ending of their names: {count:,} ({value}: {kinds}), {more}; {accept}"
    if gate.name == "recall":
        recall = f"at most {gate.value:.4f} of the near-duplicates, not {gate.limit:.4f}"
        return f"The search found {recall}; `--exhaustive` compares all pairs."
    left = f"Too few {report.scored} images are left: {gate.value:,.0f}, and {flag} requires {gate.limit:,.0f}"
    if report.spec.protect == "train" and report.rows[report.scored] >= gate.limit:
        return f"{left}; `--protect test` removes images of train instead."
    return f"{left}; give a larger {report.scored} split."


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


def _sentence_of_rows(gate: Gate, report: Report, flag: str) -> str:
    if gate.value is None:
        empty = next((name for name in report.evaluated if not report.rows[name]), None)
        no_images = f"{'the set' if report.alone else empty or report.scored} has no images."
        unknown = [*sentences(Numbers(report), "blank"), "`--undecided pass` accepts them."]
        return f"{flag} can't be checked: {no_images if empty or not report.incomparable else ' '.join(unknown)}"
    more = ("undecided",) if _is_open(gate) else ()
    worst = max(_counted(gate.name, report), key=lambda one: _share(one, *more))
    one = _number(worst) == 1
    images = "image" if worst.rows == 1 else "images"
    if isinstance(worst, SplitGroups):
        whose, what = images, "is a duplicate" if one else "are duplicates"
    elif isinstance(worst, SharedRows):
        whose, what = f"{worst.rows_of} {images}", f"{'shares' if one else 'share'} a group with {worst.found_in}"
    else:
        whose, what = f"{worst.rows_of} {images}", f"{'has' if one else 'have'} a duplicate in {worst.found_in}"
    said = f"{_number(worst):,} of {worst.rows:,} {whose} ({percent(_share(worst), 2)}) {what}"
    limit, run = f"more than the {100 * gate.limit:g} % allowed by {flag}", quote(report.where)
    decide = f"`cleansplit review {run}` decides them, and "
    then = f"`cleansplit apply {run} --link {quote(folder_for(report))}` shows the set without them"
    if isinstance(worst, SplitGroups) and worst.held:
        held = f"{worst.held:,} {'stays for its' if worst.held == 1 else 'stay for their'} label"
        then = f"{held}, and `cleansplit review {run}` asks which label is wrong"
    if isinstance(worst, SharedRows):
        decide, then = "", "`cleansplit split` with the same --group-by divides no group"
    elif judged := report.judged:
        said += f" by the threshold and decisions ({judged.applied:,}, sha256 {judged.sha256[:12]})"
    if _is_open(gate):
        undecided = f"{worst.undecided:,} more {'is' if worst.undecided == 1 else 'are'} undecided: that may be {limit}"
        return f"{said}, and {undecided}; {decide}`--undecided pass` accepts them."
    return f"{said}, {limit}; {then}."


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
