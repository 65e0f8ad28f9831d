"""Limits that the user set: measured for every run, enforced after its report is written."""

from tasks.errors import GateError
from tasks.records import Report
from tasks.records.rows import ClassMembers, Gate
from tasks.records.spec import DedupeSpec


def measure_gates(report: Report) -> tuple[Gate, ...]:
    """Return every gate that is set, with its limit, the value found, and whether it held."""
    spec, worst = report.spec, _largest_quarantine(report)
    gates = [_at_most("max_quarantine", spec.max_quarantine, worst.quarantined / worst.members)]
    if spec.max_ignored is not None:
        gates.append(_at_most("max_ignored", spec.max_ignored, report.ignored_share))
    if isinstance(spec, DedupeSpec):
        found = report.duplicates_in("train")
        if spec.max_duplicates is not None:
            gates.append(_at_most("max_duplicates", spec.max_duplicates, (found.exact + found.near) / found.rows))
        return tuple(gates)
    if spec.max_overlap is not None:
        leak = report.pair("test", "train")
        gates.append(_at_most("max_overlap", spec.max_overlap, leak.either / leak.rows if leak.rows else 0.0))
    if spec.min_rows is not None:
        left = report.sanitized.near.test
        gates.append(Gate("min_rows", spec.min_rows, left, left >= spec.min_rows))
    search = report.near_duplicates
    if search.contradicted and search.method == "minhash" and search.recall_measured:
        gates.append(Gate("recall", search.recall_at_floor, search.recall_measured.high or 0.0, passed=False))
    return tuple(gates)


def enforce_gates(report: Report) -> None:
    """Raise a `GateError` whose sentence gives the numbers of every gate that did not hold."""
    reasons = [_sentence(gate, report) for gate in report.gates if not gate.passed]
    if reasons:
        raise GateError("; ".join(reasons) + ".", report)


def _at_most(name: str, limit: float, value: float) -> Gate:
    return Gate(name, limit, value, value <= limit)


def _sentence(gate: Gate, report: Report) -> str:
    if gate.name == "max_overlap":
        leak = report.pair("test", "train")
        return (
            f"{leak.either:,} of {leak.rows:,} test rows ({100 * gate.value:.2f} %) have a twin in train, "
            f"more than the {100 * gate.limit:g} % allowed by --max-overlap"
        )
    if gate.name == "max_duplicates":
        found = report.duplicates_in("train")
        return (
            f"{found.exact + found.near:,} of {found.rows:,} images ({100 * gate.value:.2f} %) are duplicates, "
            f"more than the {100 * gate.limit:g} % allowed by --max-duplicates"
        )
    if gate.name == "max_quarantine":
        worst = _largest_quarantine(report)
        return (
            f"{worst.quarantined:,} of {worst.members:,} members of {worst.role} {worst.class_name} "
            f"({100 * gate.value:.2f} %) are quarantined, more than the {100 * gate.limit:g} % allowed by "
            "--max-quarantine"
        )
    if gate.name == "max_ignored":
        kinds = ", ".join(f"{kind.ending} {kind.count:,}" for kind in report.ignored)
        return (
            f"{sum(kind.count for kind in report.ignored):,} members ({100 * gate.value:.2f} %) are ignored for the "
            f"ending of their names ({kinds}), more than the {100 * gate.limit:g} % allowed by --max-ignored"
        )
    if gate.name == "recall":
        return (
            f"the search for near-duplicates found at most {gate.value:.4f} of them, and not the stated "
            f"{gate.limit:.4f}; compare all pairs with --exhaustive"
        )
    return f"{gate.value:,.0f} test rows are left, fewer than the {gate.limit:,.0f} required by --min-rows"


def _largest_quarantine(report: Report) -> ClassMembers:
    """Return the class of the largest quarantined share; members outside the classes have no gate."""
    classes = [row for row in report.conservation if row.class_name is not None]
    return max(classes, key=lambda row: row.quarantined / row.members)
