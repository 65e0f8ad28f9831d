"""The kinds of changed copies that a run could find, by the recall that was measured for each: see docs/kinds.md."""

from collections.abc import Collection
from importlib.resources import files

import numpy as np
import yaml

from tasks.records.verdict import ChangedCopies
from tasks.vocabulary import ViewName

KINDS = yaml.safe_load(files("tasks.reporting").joinpath("kinds.yaml").read_text())  # view -> kind -> size -> percents


def searched_kinds(view: ViewName, short_side: int | None, also: Collection[str]) -> tuple[ChangedCopies, ...]:
    """Return the measured recall of each kind of copy, for the images of a run.

    `short_side` is the median of the shorter sides of photographs in pixels, if there are any; the nearest measured
    size counts, by the ratio of the sizes. `also` has the transformed images that were searched for, too.
    """
    found = []
    for kind, sizes in (KINDS[view] | {kind: KINDS["also"][kind] for kind in also}).items():
        nearest = min(sizes, key=lambda size: abs(np.log(size / (short_side or size))))
        found.append(ChangedCopies(kind, *(percent / 100 for percent in sizes[nearest])))
    return tuple(found)
