"""Prefect tasks of what lies inside one split: the pairs that hang together, and the groups at the threshold."""

from typing import Any

from tasks.overlap.agreements import measured_by
from tasks.overlap.bands import Bands
from tasks.overlap.prints import StoredRows
from tasks.overlap.within.write import Rules, is_asked_too_much, write_duplicates, write_links
from tasks.records import Decided, Linked, Prints, SplitDuplicates
from tasks.records.rows import SplitGroups
from tasks.records.spec import SearchSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

VERSION = 2


@stage_task("find similar images within {prints.split}")
def find_links(
    spec: SearchSpec,
    view: ViewName,
    prints: Prints,
    bands: Bands | None,
    workspace: Place,
) -> Linked:
    """Find the pairs of similar images inside a split; of a large one only where they are asked for."""
    inputs = {
        "version": VERSION,
        "view": view,
        "split": prints.sha256,
        "fingerprints": prints.of,
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "asked": spec.joins_within,
    }
    seed = int(stages.digest_of(inputs)[:8], 16)

    def build(target: Place) -> dict[str, Any]:
        rows = StoredRows(prints, workspace)
        if not spec.joins_within and is_asked_too_much(rows, VIEWS[view], spec.floor_percent):
            return {"method": None, "short_side": None}
        return write_links(rows.all(), VIEWS[view], spec.floor_percent, bands, seed, target)

    inputs |= measured_by(view)
    stage = stages.stage(workspace, "links", inputs, build)
    linked = Linked(
        prints.split, stage.folder.name, stages.digest_of(inputs), stage.result["method"], stage.result["short_side"]
    )
    return finished(linked, stage, f"{prints.split}: {linked.method or 'not compared with itself, which is long'}")


@stage_task("group the duplicates within {prints.split}")
def group_duplicates(
    spec: SearchSpec,
    view: ViewName,
    prints: Prints,
    linked: Linked,
    verdict: Verdict,
    decided: Decided | None,
    workspace: Place,
) -> SplitDuplicates:
    """Say which images of a split show the same, and which of each group stays."""
    inputs = {
        "version": VERSION,
        "links": linked.sha256,
        "percent": verdict.percent,
        "keep": spec.keep,
        "chains": spec.chains,
        "decided": decided and decided.sha256,
    }
    rules = Rules(verdict.percent, spec.floor_percent, spec.keep, spec.chains)

    def build(target: Place) -> dict[str, Any]:
        rows, links = StoredRows(prints, workspace).all(), workspace / linked.folder
        decisions = read_decisions(workspace / decided.table) if decided else None
        return write_duplicates(rows, VIEWS[view], prints.split, links, rules, decisions, target)

    if linked.method is None:
        counts = SplitGroups(prints.split, prints.rows, method=None)
        return SplitDuplicates(counts, None)
    stage = stages.stage(workspace, "duplicates", inputs, build)
    counts = SplitGroups(prints.split, prints.rows, linked.method, **stage.result)
    goes = counts.exact + counts.near
    message = f"{prints.split}: {counts.groups:,} groups of {counts.grouped:,} images, of which {goes:,} go"
    return finished(SplitDuplicates(counts, stage.folder.name), stage, message)
