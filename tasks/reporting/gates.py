"""Limits that the user set: measured for every run, enforced after its report is written."""

from typing import Any

from tasks.errors import GateError
from tasks.records import Report
from tasks.spec import Spec


def measure_gates(spec: Spec, content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every gate that is set, with its limit, the value found, and whether it held."""
    gates = [_gate("max_quarantine", spec.max_quarantine, _largest_quarantine(content)[1], at_most=True)]
    if spec.max_overlap is not None:
        leak = _leak(content)
        share = leak["either"] / leak["rows"] if leak["rows"] else 0.0
        gates.append(_gate("max_overlap", spec.max_overlap, share, at_most=True))
    if spec.min_rows is not None:
        gates.append(_gate("min_rows", spec.min_rows, content["sanitized"]["near"]["test"], at_most=False))
    return gates


def enforce_gates(report: Report) -> None:
    """Raise a `GateError` whose sentence gives the numbers of every gate that did not hold."""
    content = vars(report)
    reasons = [_sentence(gate, content) for gate in report.gates if not gate["passed"]]
    if reasons:
        raise GateError("; ".join(reasons) + ".", report)


def _gate(name: str, limit: float, value: float, at_most: bool) -> dict[str, Any]:
    return {"name": name, "limit": limit, "value": value, "passed": value <= limit if at_most else value >= limit}


def _sentence(gate: dict[str, Any], content: dict[str, Any]) -> str:
    name, limit = gate["name"], gate["limit"]
    if name == "max_overlap":
        leak = _leak(content)
        return (
            f"{leak['either']:,} of {leak['rows']:,} test rows ({100 * gate['value']:.2f} %) have a twin in train, "
            f"more than the {100 * limit:g} % of --max-overlap"
        )
    if name == "max_quarantine":
        row, _ = _largest_quarantine(content)
        return (
            f"{row['quarantined']:,} of {row['members']:,} members of {row['role']} {row['letter']} "
            f"({100 * gate['value']:.2f} %) are quarantined, more than the {100 * limit:g} % of --max-quarantine"
        )
    return f"{gate['value']:,} test rows are left, fewer than the {limit:,} of --min-rows"


def _leak(content: dict[str, Any]) -> dict[str, Any]:
    return next(d for d in content["overlap"] if (d["rows_of"], d["found_in"]) == ("test", "train"))


def _largest_quarantine(content: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Return the class of the largest quarantined share, and that share; members outside the classes have no gate."""
    classes = [row for row in content["conservation"] if row["letter"] is not None]
    worst = max(classes, key=lambda row: row["quarantined"] / row["members"])
    return worst, worst["quarantined"] / worst["members"]
