"""Prefect task of the reporting stage: publish a run, last of all."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks import store
from tasks.records import Findings, Report
from tasks.reporting.assemble import assemble, run_name, to_report
from tasks.reporting.run import write_run
from tasks.reporting.summary import accuracy_rows, overlap_rows, to_markdown
from tasks.tasks import finished, stage_task
from tasks.workspace import RUN_MANIFEST, stages_of

VERSION = 3
LIBRARIES = ("prefect", "numpy", "pillow", "scikit-learn", "pyarrow", "datasketch")


@stage_task("publish the report")
def publish_report(found: Findings, seconds: dict[str, float], workspace: Path) -> Report:
    """Write the run directory, point ``latest`` to it, and show the summary in Prefect."""
    content: dict[str, Any] = json.loads(json.dumps(assemble(found)))
    about = {"version": VERSION, "report": store.digest_of(content)}
    folder = workspace / "runs" / f"{run_name(found)}-{store.digest_of(about)[:10]}"
    report = to_report(folder, content)

    def build(target: Path) -> dict[str, Any]:
        write_run(found, report, content, target)
        return {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "host": platform.node(),
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "workers": found.spec.workers,
            "stages": stages_of(workspace, found.folders),
        }

    stage = store.publish(folder, about, build, manifest=RUN_MANIFEST)
    store.point_latest(workspace, folder)
    create_markdown_artifact(to_markdown(report), key="summary", description=f"Run {folder.name}")
    create_table_artifact(overlap_rows(report), key="overlap", description="Rows with a twin in another split")
    if rows := accuracy_rows(report):
        create_table_artifact(rows, key="accuracy", description="Accuracy on test rows, 95 % intervals")
    return finished(report, stage, f"run {folder.name}")
