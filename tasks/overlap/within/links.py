"""Tables of what hangs together inside a split, whatever the threshold, and of what its tiles found."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from tasks.overlap import proposals
from tasks.overlap.search import cost_of
from tasks.overlap.tables import Rows
from tasks.overlap.threshold import Best
from tasks.overlap.tiles import Slices
from tasks.overlap.verdict import Matches
from tasks.overlap.within.distinct import Distinct, distinct_images
from tasks.overlap.within.forest import Forest
from tasks.overlap.within.matches import BestMatches
from tasks.overlap.within.search import Found, How, SelfJoin, put_together, search_tile
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.views import View

ALIKE, FOREST, MATCHES = "alike.parquet", "forest.parquet", "matches.parquet"
UNASKED = 6e10  # nanoseconds: a minute of one core, for what nobody asked for
DECIDED = 4e5  # nanoseconds of deciding a candidate pair of photographs


def is_asked_too_much(rows: Rows, view: View, floor: int) -> bool:
    """Say whether comparing a split with itself would take longer than a minute of one core."""
    count = len(rows)
    if view.on_pixels:
        return proposals.cost_of(count * count) + DECIDED * proposals.CANDIDATES * count > UNASKED
    return cost_of(rows, rows, floor) > UNASKED


def write_alike(rows: Rows, view: View, target: Place) -> dict[str, int]:
    """Write the number of each row's image; return how many there are."""
    distinct = distinct_images(rows, view.on_pixels)
    tables.write(pa.table({"alike": distinct.of_row}), target / ALIKE)
    return {"images": len(distinct)}


def read_alike(folder: Place) -> Distinct:
    """Return the images of a set."""
    return Distinct.of(tables.read(folder / ALIKE)["alike"].to_numpy())


def write_searched(rows: Rows, alike: Place, how: How, tile: Slices, target: Place) -> dict[str, Any]:
    """Write what hangs together in a tile of a set, whose images are `alike` as `write_alike` wrote."""
    found = search_tile(SelfJoin(rows, read_alike(alike), *how), *tile)
    tables.write(pa.table(found.forest._asdict()), target / FOREST)
    tables.write(pa.table(vars(found.matches)), target / MATCHES)
    return {}


def read_found(folder: Place) -> Found:
    """Return what hangs together in a tile."""
    matches = tables.read(folder / MATCHES)
    return Found(read_forest(folder), BestMatches(*(matches[name].to_numpy() for name in matches.column_names)))


def write_links(join: SelfJoin, found: Iterable[Found], target: Place) -> None:
    """Write which rows are equal, the forest of pairs, and the best match of each image, by what tiles found."""
    links = put_together(join, found)
    tables.write(pa.table({"alike": join.distinct.of_row}), target / ALIKE)
    tables.write(pa.table(links.forest._asdict()), target / FOREST)
    best = {"similarity": links.best.similarity, "crowd": links.best.crowd, "other_class": links.other_class}
    tables.write(pa.table(best), target / MATCHES)


def read_forest(folder: Place) -> Forest:
    """Return the pairs that hold a set or a tile of it together."""
    table = tables.read(folder / FOREST)
    return Forest(*(table[name].to_numpy() for name in Forest._fields))


def read_matches(folder: Place) -> Matches:
    """Return the best match of each image of a split in the rest of it."""
    found = tables.read(folder / MATCHES)
    similarity, crowd, other_class = (found[name].to_numpy() for name in ("similarity", "crowd", "other_class"))
    return Matches(Best(similarity, crowd), other_class)
