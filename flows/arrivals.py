"""A batch and references -> which of its images are known or new -> a larger reference."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows.engine.closing import TAG
from flows.engine.declare import our_flow
from flows.engine.progress import collect, say
from flows.prepare import load_sources
from flows.publish import key_of
from flows.sanitize import compare, rule
from flows.table import ARRIVALS
from tasks.errors import UsageError
from tasks.kernel import engine
from tasks.overlap.arriving import keep_segment, keep_verdict, take_reference, take_unknown, with_chains
from tasks.overlap.join import VERSION
from tasks.overlap.judging import group_duplicates, settle_overlap
from tasks.overlap.tasks import look_up
from tasks.presenting.words import mostly_missed
from tasks.records import Joined, LoadedSources, Prints, Ruling, SplitPair
from tasks.records.references import Arrived, Reference, Segment, commit, no_images, read_reference, require_intact
from tasks.records.spec_searching import ArrivalsSpec, DedupeSpec
from tasks.reporting.arrived import decide
from tasks.reporting.counted import conservation, ignored_kinds
from tasks.reporting.gates import failed_gate
from tasks.reporting.read import PAGE
from tasks.reporting.searched import searched_kinds
from tasks.splits.tasks import take_whole
from tasks.storage import Place, stages
from tasks.storage.workspace import in_use

GROWTH = 10  # a verdict is renewed when the rows have changed by more than a tenth


@our_flow(ARRIVALS)
def arrivals(spec: ArrivalsSpec) -> str:
    then = accepting(spec)
    with in_use(spec.place, spec.fresh):
        references = [read_reference(spec.place, name) for name in spec.against]
        if references[0].reading and spec.view == "auto":
            spec = replace(spec, view=references[0].reading.view)
        spec, loaded = load_sources(spec)
        for one in references:
            if one.reading not in (None, loaded.reading):
                raise UsageError(f"{one.name} compares images in another way; add {spec.source} to another reference.")
        (whole,) = collect("take images", [take_whole.submit(loaded.shards, spec.place)])
        (prints,) = collect("look up fingerprints", [look_up.submit(whole.train, loaded.fingerprints, spec.place)])
        arrived = arrive(spec, loaded, replace(prints, split="test"), then)
        folder = spec.place / (arrived.folder or references[0].folder)
        tell(arrived, spec.against[0], folder)
        if not spec.whole:
            say(mostly_missed(searched_kinds(loaded.reading.view, prints.short_side, ())))
        if failed := failed_gate(spec, arrived, [*conservation(loaded)]):
            failed.report = str(folder)
            raise failed
        if arrived.then and arrived.rows.get("new") and not spec.accept:
            say(f"next        {then}")
        return str(folder)


def accepting(spec: ArrivalsSpec) -> str:
    """Return the command that accepts the batch."""
    decisions = None if spec.decisions is True else spec.decisions  # which a command takes by default
    again = replace(spec, accept=True, fresh=False, decisions=decisions)
    return shlex.join(["cleansplit", "arrivals", *again.arguments()])


def tell(arrived: Arrived, reference: str, folder: Place) -> None:
    """Print what became of a batch, and keep it in Prefect as an artifact and an event."""
    say(f"{arrived.in_short}; see {folder / PAGE if arrived.folder else folder}")
    create_markdown_artifact(f"{arrived.in_short}.\n\nSee `{folder}`.\n", key=f"{TAG}-{key_of([reference])}-batch")
    about = {"prefect.resource.id": f"cleansplit.reference.{reference}", "prefect.resource.name": reference}
    emit_event("cleansplit.batch.arrived", about, payload=asdict(arrived) | {"said": arrived.in_short})


def arrive(spec: ArrivalsSpec, loaded: LoadedSources, batch: Prints, then: str) -> Arrived:
    """Compare a batch with references; if requested and no gate fails, add its new rows, or all, to the first.

    It is compared again if somebody else has changed that reference meanwhile. `then` is the command that accepts it.
    """
    key, members = stages.digest_of([batch.sha256, batch.of]), [*conservation(loaded)]
    refused = sum(row.quarantined for row in members), sum(kind.count for kind in ignored_kinds(loaded, spec.place))
    about = Arrived(loaded.archives[0].name, {"new": batch.rows}, *refused, then="" if spec.whole else then)
    while True:
        before = read_reference(spec.place, spec.against[0])
        # Since a segment was dropped, images of an earlier batch may be new.
        since = "" if spec.whole or len(spec.against) > 1 else max((one.ended for one in before.segments), default="")
        held = next((one.arrived for one in before.live[::-1] if one.batch == key and one.added > since), None)
        if held and spec.whole and held.folder:
            which = f"`cleansplit reference list {before.name}` shows that segment"
            raise UsageError(f"{before.name} has only new images of {held.source}; {which}: drop it, then add all.")
        if held and (spec.whole or (held.folder and len(spec.against) == 1)):
            say(f"{before.name} has this batch already; its results are from its arrival")
            return replace(held, unreadable=about.unreadable, ignored=about.ignored, then="")
        references = [] if spec.whole else [judged(spec, name) for name in spec.against]
        before = references[0] if references else before
        if held and held.folder:  # the other references may have changed since, and the batch is not its own duplicate
            references[0] = replace(before, segments=tuple(one for one in before.segments if one.batch != key))
        arrived = about if spec.whole else compared(spec, loaded, batch, references, about)
        if held or not (spec.accept or spec.whole) or failed_gate(spec, arrived, members):
            return arrived
        reference = replace(before, reading=loaded.reading)
        (after,) = collect("keep images", [keep_segment.submit(reference, batch, key, arrived, spec.place)])
        if commit(spec.place, before, after):
            return arrived


def judged(spec: ArrivalsSpec, name: str) -> Reference:
    """Return a reference with a verdict that is not older than a tenth of its rows."""
    before = read_reference(spec.place, name)
    if not before.rows or before.reading is None:
        raise no_images(name, spec.place)
    if before.ruling and GROWTH * abs(before.rows - before.judged) <= before.judged:
        return before
    require_intact(spec.place, before)
    (whole,) = collect("take the reference", [take_reference.submit(before, spec.place)])
    how = DedupeSpec.of(source=name, workspace=spec.workspace, **spec.how())
    how = how.settled(before.reading.view, before.reading.side, 1)
    ruling = rule(how, compare(how, [SplitPair(whole, whole)]))
    (after,) = collect("keep the verdict", [keep_verdict.submit(before, ruling, spec.place)])
    return cast(Reference, after) if commit(spec.place, before, after) else judged(spec, name)


def compared(
    spec: ArrivalsSpec, loaded: LoadedSources, batch: Prints, references: Sequence[Reference], about: Arrived
) -> Arrived:
    """Compare a batch with references and with itself, and publish the results; they stay until a reference changes."""
    place, decided = spec.place, loaded.decided
    rulings = {one.name: one.ruling_at(spec.threshold) for one in references}
    of = [(one.name, part) for one in references for part in one.live if part.prints.rows]
    known = [(name, part.id, rulings[name].sha256) for name, part in of]
    key: list[Any] = [VERSION, [one.sha256 for one in loaded.archives], batch.of, known, decided and decided.sha256]
    key += [spec.threshold, spec.floor, spec.recall, spec.exhaustive, spec.keep, engine(), about.source]
    about = replace(
        about,
        folder=f"{references[0].folder}/batches/{stages.digest_of(key)[:32]}",
        verdicts={one.name: one.version for one in references},
        threshold=rulings[references[0].name].verdict.threshold,
    )
    if there := stages.read_manifest(place / about.folder / stages.MANIFEST):
        return replace(Arrived(**there["result"]), then=about.then)
    for one in references:
        require_intact(place, one)
    joined = compare(spec, [SplitPair(part.prints, batch) for _, part in of])
    joins = [(name, part, join) for (name, part), join in zip(of, joined, strict=True)]
    if spec.compared_by.on_pixels:
        rulings = chained(spec, batch, references, joins)
    settling = [settle_overlap.submit(spec, join, rulings[name], decided, place) for name, _, join in joins]
    overlaps = collect("settle overlap", settling)
    found = [(name, part.id, overlap) for (name, part), overlap in zip(of, overlaps, strict=True)]
    (unknown,) = collect("take unknown images", [take_unknown.submit(batch, found, place)])
    inside = None
    if unknown.rows:
        (join,), ruling = compare(spec, [SplitPair(unknown, unknown)]), rulings[references[0].name]
        (inside,) = collect("group duplicates", [group_duplicates.submit(spec, join, ruling, decided, place)])
        about = replace(about, blank=inside.counts.blank)
    deciding = [decide.submit(about, references, batch, loaded, found, inside, place)]
    return cast(Arrived, collect("decide", deciding)[0])


def chained(
    spec: ArrivalsSpec, batch: Prints, references: Sequence[Reference], joins: Sequence[tuple[str, Segment, Joined]]
) -> dict[str, Ruling]:
    """Return the verdict of each reference, with the chains that photographs of a batch form with its images."""
    (alone,) = compare(spec, [SplitPair(batch, batch)])
    looking = [
        with_chains.submit(spec, one, [alone, *(join for name, _, join in joins if name == one.name)], spec.place)
        for one in references
    ]
    return {one.name: ruling for one, ruling in zip(references, collect("look for chains", looking), strict=True)}
