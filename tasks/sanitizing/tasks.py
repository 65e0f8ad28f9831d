"""Prefect task of the sanitizing stage."""

from collections.abc import Sequence
from typing import Any

from tasks.records import Overlap, Sanitized, Split, SplitDuplicates, Splits
from tasks.records.spec import ComparingSpec
from tasks.sanitizing.write import SANITIZED, write_sanitized
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import LOSES_TO, SPLITS, ViewName

VERSION = 6


@stage_task("sanitize splits, protecting {spec.protect}")
def remove_overlap(
    spec: ComparingSpec,
    view: ViewName,
    splits: Splits,
    overlaps: Sequence[Overlap],
    workspace: Place,
    inside: SplitDuplicates | None = None,
) -> Sanitized:
    """Write the splits without overlapping rows, or one set without its duplicates `inside`, and list these rows."""

    def build(target: Place) -> dict[str, Any]:
        return write_sanitized(splits, overlaps, spec.protect, VIEWS[view], workspace, target, inside)

    inputs = {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in LOSES_TO[spec.protect]],
        "overlap": [overlap.sha256 for overlap in overlaps],
        "view": view,
        "protect": spec.protect,
    } | ({"inside": inside.folder} if inside else {})
    stage = stages.stage(workspace, "sanitized", inputs, build)
    written = stage.result["splits"]
    kept = tuple(Split.of(name, stage.folder / SANITIZED, written[name]) for name in SPLITS if name in written)
    record = Sanitized(folder=stage.folder.name, **stage.result | {"splits": kept})
    lost = (f"{split.name} keeps {split.rows:,} of {splits[split.name].rows:,} rows" for split in kept)
    return finished(record, stage, ", ".join(lost))
