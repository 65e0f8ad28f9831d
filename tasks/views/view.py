"""What the rest of cleansplit asks of a view."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.vocabulary import Variant, ViewName
from tasks.vocabulary.arrays import Bits, Gray


@dataclass(frozen=True)
class View:
    """Which bits describe an image, when two images are twins by them, and how a twin is shown.

    Attributes
    ----------
    name : str
    side : int or None
        Width and height of the gray copies that are compared; None for that of the images.
    length : callable
        Side of the copies -> bits per image.
    bits : callable
        Gray copies, uint8 (n, side, side) -> packed bits, uint8 (n, ceil(length / 8)).
    threshold, floor, recall : float
        Defaults of the parameters with these names.
    permutations : int
        Of a MinHash signature; fixed, so that the stated recall holds for one configuration.
    minhash_beside : bool
        Whether MinHash is run even where all pairs are compared, to say what it alone would have missed.
    blank_matches : bool
        Whether two images without any bit set are alike; if not, they can only be exact twins.
    difference : callable
        Two images of one size, uint8 (height, width) or (height, width, 3) -> their difference, uint8.
    legend : str
        What the colours of a difference mean.
    sentence : str
        What a report says of the comparison; may be empty.
    variants : mapping
        Forms that can be searched for as well -> the gray copies in each such form.
    """

    name: ViewName
    side: int | None
    length: Callable[[int], int]
    bits: Callable[[Gray], Bits]
    threshold: float
    floor: float
    recall: float
    permutations: int
    minhash_beside: bool
    blank_matches: bool
    difference: Callable[[Gray, Gray], Gray]
    legend: str
    sentence: str = ""
    variants: Mapping[Variant, Callable[[Gray], Sequence[Gray]]] = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, float]:
        """Values of the parameters that depend on the view, for where they are unset."""
        return {"threshold": self.threshold, "floor": self.floor, "recall": self.recall}
