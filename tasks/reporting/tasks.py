"""Prefect tasks of the reporting stage, the last of a run: publish it, or the page of several audits."""

import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tasks.records import Benchmarks, Findings, Report
from tasks.records.naming import name_of
from tasks.reporting.assemble import assemble
from tasks.reporting.history import remember
from tasks.reporting.write import write_benchmarks, write_run
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, disk, stages
from tasks.storage.workspace import RUN_MANIFEST, point_latest

VERSION = 40
LIBRARIES = ("prefect", "numpy", "pillow", "scikit-learn", "pyarrow", "datasketch")


@stage_task("publish the report", assets=True)
def publish_report(found: Findings, seconds: dict[str, float], workspace: Place) -> Report:
    """Write the run directory, or reuse it, and point ``latest`` to it.

    Only run.json has the `seconds` of each stage.
    """
    assembled = assemble(found, workspace)
    about = {"version": VERSION, "report": stages.digest_of(assembled.to_json())}
    folder = workspace / "runs" / f"{name_of(list(found.spec.sources.values()))}-{stages.digest_of(about)[:10]}"
    report = replace(assembled, run=disk.named(folder))

    def build(target: Place) -> dict[str, Any]:
        write_run(found, report, workspace, target)
        return {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "host": platform.node(),
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "compared_by": sorted({engine for overlap in found.overlaps for engine in overlap.engines}),
            "workers": found.spec.workers,
            "stages": stages.stages_of(found.names),
            "findings": found.to_json(),
        }

    stage = stages.publish(folder, about, build, manifest=RUN_MANIFEST)
    if stage.reused:
        stages.amend(folder / RUN_MANIFEST, "findings", found.to_json())  # its sources may have moved
    point_latest(folder)
    remember(workspace, report)
    return finished(report, stage.reused, f"run {folder.last}")


@stage_task("publish the benchmarks")
def publish_benchmarks(reports: Sequence[Report], workspace: Place) -> Benchmarks:
    """Write the page of several benchmarks, and the list of the train images that they share."""
    about = {"version": VERSION, "runs": [report.run.name for report in reports]}
    sources = [source for report in reports for source in report.spec.sources.values()]
    folder = workspace / "benchmarks" / f"{name_of(sources)}-{stages.digest_of(about)[:10]}"
    stage = stages.publish(folder, about, lambda target: write_benchmarks(reports, workspace, target))
    return finished(Benchmarks(tuple(reports), str(folder)), stage.reused, f"benchmarks {folder.last}")
