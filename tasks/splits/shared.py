"""Find rows of test and validation that share a group of the user with a row of an earlier split."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import LoadedSources, Overlap, Splits, between
from tasks.splits.group_names import names_of_groups
from tasks.storage import Place, tables
from tasks.storage.image_files import read_ids
from tasks.vocabulary import EVALUATED, LOSES_TO, SPLITS

PAIRS = [(name, earlier) for name in EVALUATED for earlier in LOSES_TO["train"][name]]


def write_shared(
    splits: Splits, overlaps: Sequence[Overlap], by: str, loaded: LoadedSources, workspace: Place, target: Place
) -> list[dict[str, Any]]:
    """Write one row per image and split that it shares a group with; return the fields of `SharedRows` of each pair.

    The table has ``id``, ``split``, ``group``, ``shared_with``, and whether that split also has a ``duplicate`` of the
    image. `overlaps` cover all pairs of splits; `by` is explained in `names_of_groups`.
    """
    ids = {name: read_ids(splits[name].places(workspace)) for name in SPLITS}
    every = pa.concat_arrays([*ids.values()])
    names = names_of_groups(every, by, loaded, workspace)
    counts, parts = [], []
    for one, other in PAIRS:
        own, others = (names.take(pc.index_in(ids[split], value_set=every)) for split in (one, other))
        shares = pc.is_in(own, value_set=others.drop_null().unique())
        twins = tables.read(workspace / between(overlaps, one, other).table(one), ["exact", "near"])
        columns = {"id": ids[one], "split": pa.repeat(one, len(own)), "group": own}
        columns |= {"shared_with": pa.repeat(other, len(own)), "duplicate": pc.or_(twins["exact"], twins["near"])}
        found = pa.table(columns).filter(shares)
        parts.append(found)
        # A row without a group may share any, and every row may share that of such a row in the other split.
        undecided = len(own) - len(found) if others.null_count else own.null_count
        counted = {"rows": len(own), "shared": len(found), "duplicates": pc.sum(found["duplicate"]).as_py() or 0}
        if len(own) and len(others):
            counts.append({"rows_of": one, "found_in": other, **counted, "undecided": undecided})
    tables.write(pa.concat_tables(parts), target)
    return counts
