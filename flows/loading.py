"""Parts of sources -> shards and fingerprints: a module of its own, since the processes of a pool import it."""

from typing import cast

from flows.engine.declare import our_flow
from flows.engine.parameters import Unstored
from flows.engine.progress import collect
from tasks.classes.identical.tasks import correct_digests, decode_in_full, find_doubts
from tasks.classes.tasks import fingerprint, load_part
from tasks.records import Corrected, Fingerprints, Part, Reading, Shard
from tasks.storage.place import Place


@our_flow(name="load classes")
def load_classes(
    reading: Reading, parts: Unstored[list[Part]], workspace: Place
) -> tuple[list[Shard], list[Fingerprints]]:
    """Decode and fingerprint the parts of every source, a task each, in parallel."""
    loading = (load_part.submit(part, reading, workspace) for part in parts.value)
    shards = collect("load classes", loading, len(parts.value))
    photographs = reading.kind == "photographs"
    corrected = tell_identical_apart(reading, parts.value, shards, workspace) if photographs else None
    printing = (
        fingerprint.submit(part, shard, reading, workspace, corrected)
        for part, shard in zip(parts.value, shards, strict=True)
    )
    return shards, collect("fingerprint images", printing, len(shards))


def tell_identical_apart(
    reading: Reading, parts: list[Part], shards: list[Shard], workspace: Place
) -> Corrected | None:
    """Decode in full the photographs of which a reduced scale does not say whether they are identical, if there are."""
    (doubts,) = collect("look for identical", [find_doubts.submit(shards, workspace)])
    if not sum(doubts.counts):
        return None
    decoding = [
        decode_in_full.submit(parts[number], number, doubts, reading, workspace)
        for number, count in enumerate(doubts.counts)
        if count
    ]
    in_full = collect("decode in full", decoding)
    (corrected,) = collect("tell identical apart", [correct_digests.submit(shards, in_full, workspace)])
    return cast(Corrected, corrected) if corrected.rows else None
