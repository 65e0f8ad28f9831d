"""How MinHash signatures are cut into bands, and the recall that follows."""

from dataclasses import dataclass

from tasks.errors import UsageError
from tasks.records.spec import SearchSpec
from tasks.views import VIEWS
from tasks.vocabulary import ViewName


@dataclass(frozen=True)
class Bands:
    """How signatures are cut for the join: a pair is a candidate when all rows of one band agree."""

    bands: int
    rows: int

    def recall_at(self, similarity: float) -> float:
        """Return the probability that a pair of this Jaccard similarity becomes a candidate: 1 - (1 - s^r)^b."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_bands(num_perm: int, floor_percent: int, recall: float) -> Bands:
    """Return the most selective bands that still reach a recall at the floor.

    The largest rows-per-band r with ``1 - (1 - t^r)^b >= recall`` and b = num_perm // r; see
    Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    Raises
    ------
    UsageError
        When no bands reach it.

    >>> choose_bands(128, 90, 0.99)
    Bands(bands=12, rows=10)
    >>> round(choose_bands(128, 90, 0.99).recall_at(0.9), 4)
    0.9942
    """
    for rows in range(num_perm, 0, -1):
        bands = Bands(num_perm // rows, rows)
        if bands.recall_at(floor_percent / 100) >= recall:
            return bands
    most = bands.recall_at(floor_percent / 100)
    raise UsageError(
        f"recall {recall} can't be reached from a similarity of {floor_percent / 100} with {num_perm} permutations; "
        f"ask for at most {most:.2f}, raise the floor, or compare all pairs with --exhaustive."
    )


def bands_for(spec: SearchSpec, view: ViewName) -> Bands | None:
    """Return how the signatures of a run are cut; None when it asks for all pairs to be compared, whatever the cost."""
    if spec.exhaustive:
        return None
    found_from = VIEWS[view].recall_from
    percent = spec.floor_percent if found_from is None else round(100 * found_from)
    return choose_bands(VIEWS[view].permutations, percent, spec.recall or VIEWS[view].recall)
