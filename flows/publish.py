"""Findings -> the run directory and its report, artifacts in Prefect, and gates."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

from prefect import artifacts
from prefect.events import emit_event

from flows.engine.closing import TAG
from flows.engine.progress import collect
from tasks.addresses import is_url
from tasks.errors import DataError
from tasks.presenting.changes import problem_table, problems_of, what_changed
from tasks.presenting.gallery import uri_of
from tasks.presenting.summary import tables_of, to_markdown
from tasks.presenting.words import Numbers, sentences, title_of
from tasks.records import Findings, Report
from tasks.records.naming import name_of
from tasks.records.spec import SourceSpec
from tasks.reporting.gates import enforce_gates
from tasks.reporting.history import read_history
from tasks.reporting.read import PAGE, read_report
from tasks.reporting.tasks import publish_report
from tasks.storage import Place, at, disk, stages, tables
from tasks.storage.workspace import run_at

REMOVED_SHOWN = 200
TABLES = ("similarity", "overlap", "groups", "removed", "accuracy")
PICTURES = ("thresholds", "precision", "effects")  # each of some 30 kB
REPORTS_URL = "CLEANSPLIT_REPORTS_URL"  # address where a web server shows the workspace's folder of runs
REFUSED, LONGEST = re.compile(r"""[\s#?&%"'<>\[\]{}|\\^`\x00]"""), 512  # in the key of an asset


def publish(found: Findings, seconds: dict[str, float]) -> Report:
    """Publish a run inside the calling flow; then let a failed gate fail the flow."""
    summary, place = getattr(found.spec, "summary", None), found.spec.place
    about = key_of(list(found.spec.sources.values()))
    publishing = publish_report.with_options(**assets_of(found.spec, about)).submit(found, seconds, place)
    report = cast(Report, collect("publish report", [publishing])[0])
    tell(report, about, place)
    try:
        if summary:
            before = next((one for one in _earlier(found.spec, place) if one.run != report.run), None)
            problems = problem_table(problems_of(run_at(report.run), report))
            disk.add_text(Place.of(summary), what_changed(before, report) + problems)
    finally:
        enforce_gates(report)  # also if the summary cannot be written
    return report


def key_of(sources: Sequence[str]) -> str:
    """Return a name for sources in Prefect, unique and of lower-case letters, digits and dashes.

    >>> key_of(["/data/Cats_train.tar", "/data/Cats_test.tar"]), key_of(["/old/Cats_train.tar", "/data/Cats_test.tar"])
    ('cats-caf7ff', 'cats-a394e6')
    """
    name = "-".join(filter(None, name_of(sources).lower().replace("_", "-").split("-")))
    return f"{name}-{stages.digest_of([str(source) for source in sources])[:6]}"


def assets_of(spec: SourceSpec, about: str) -> dict[str, Any]:
    """Return the outputs and inputs of a run's splits, for the lineage in Prefect."""
    addresses = (name if is_url(name) else f"source://{name.lstrip('/')}" for name in map(str, spec.sources.values()))
    made_from = [REFUSED.sub("-", address)[:LONGEST] for address in addresses]  # characters that Prefect allows
    return {"assets": [f"{TAG}://{about}/{kind}" for kind in ("raw", "sanitized")], "asset_deps": made_from}


def tell(report: Report, about: str, workspace: Place) -> None:
    """Emit the events of a run, then create its artifacts, unless the newest summary shows that both was done."""
    described = " ".join([*sentences(Numbers(report), "in_short"), f"Run {report.run.name}."])
    named = f"{TAG}-{about}-{{}}".format
    newest = cast(Any, artifacts.Artifact.get(named("summary")))
    again = newest is not None and newest.description == described
    if not again:
        tell_of_change(report, about, workspace)
    tell_of_gates(report, about, again)
    show(report, named, described, again)


def show(report: Report, named: Callable[[str], str], described: str, again: bool) -> None:
    """Create the artifacts of a run; `named` returns the key of a kind of artifact.

    Prefect keeps every version of an artifact, so a run that is shown `again` gets only a new summary and link, unless
    the others were removed with an older run. The summary is the last one: where it is, all is there.
    """
    numbers, run = Numbers(report), run_at(report.run)
    removed = tables.read(run / "removed.parquet").slice(0, REMOVED_SHOWN).to_pylist()
    every = tables_of(numbers) | {"removed": (f"The first {REMOVED_SHOWN} rows of removed.parquet", removed)}
    shown = {kind: every[kind] for kind in TABLES if kind in every and every[kind][1]}
    pictures = {name: place for name in PICTURES if at(place := run / "figures" / f"{name}.png").exists()}
    if not again or None in (artifacts.Artifact.get(named(kind)) for kind in [*shown, *pictures][-1:]):
        for kind, (title, rows) in shown.items():
            artifacts.create_table_artifact(rows, key=named(kind), description=title)
        for name, place in pictures.items():
            artifacts.create_image_artifact(uri_of(at(place).read_bytes()), named(name), title_of(name))
    if base := os.environ.get(REPORTS_URL):
        link = f"{base.rstrip('/')}/{run.last}/{PAGE}"
        artifacts.create_link_artifact(link, PAGE, named("report"), f"The page of run {run.last}")
    where = f"The run is `{run}` on the machine that made it; commands need `--workspace={run.parent.parent}` there."
    artifacts.create_markdown_artifact(f"{to_markdown(numbers)}\n\n{where}\n", named("summary"), described)


def tell_of_change(report: Report, about: str, workspace: Place) -> None:
    """Emit an event if the overlap of the same sources, measured in the same way, has changed since the last time."""
    asked, others = report.to_json()["spec"], _earlier(report.spec, workspace)
    before = next((one for one in others if one.run != report.run and one.to_json()["spec"] == asked), None)
    if before is not None and _overlap(before) != _overlap(report):
        payload = {"before": _overlap(before), "now": _overlap(report), "run_before": before.run.name}
        emit_event("cleansplit.overlap.changed", _resource(about), payload=payload)


def tell_of_gates(report: Report, about: str, again: bool) -> None:
    """Emit an event with value and limit for each gate of a new run, and for each that fails `again`."""
    for gate in report.gates:
        if not (gate.passed and again):
            payload = {"gate": gate.name, "value": gate.value, "limit": gate.limit, "run": report.run.name}
            emit_event(f"cleansplit.gate.{'passed' if gate.passed else 'failed'}", _resource(about), payload=payload)


def _resource(about: str) -> dict[str, str]:
    return {"prefect.resource.id": f"cleansplit.sources.{about}", "prefect.resource.name": about}


def _earlier(spec: Any, workspace: Place) -> Iterator[Report]:
    """Yield the reports of runs of the same sources, the newest first."""
    called = name_of(list(spec.sources.values()))
    try:
        names = read_history(workspace)["run"].to_pylist()
    except DataError:  # publishing makes it again
        return
    for name in reversed(names):
        if name.rpartition("-")[0] == called:
            with suppress(DataError):  # it was removed, or another version wrote it
                one = read_report(workspace / "runs" / name)
                if one.spec.sources == spec.sources:
                    yield one


def _overlap(report: Report) -> dict[str, int]:
    """Return the rows of each split with a duplicate in another, or for a single set the removed images."""
    if report.alone:
        return {"duplicates": report.states[0].duplicates}
    return {f"{pair.rows_of} in {pair.found_in}": pair.either for pair in report.overlap}
