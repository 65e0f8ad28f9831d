"""The record of a view, which other modules use."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.arrays import Bits, Gray
from tasks.vocabulary import Variant, ViewName


@dataclass(frozen=True, kw_only=True)
class View:
    """How bits describe an image, and when two images are duplicates by them.

    Its functions belong to modules, so that it can be sent to another process.
    """

    name: ViewName
    on_pixels: bool  # bits only propose candidates, and aligned gray copies decide
    side: int | None = None  # width and height of the gray copies for the bits; None for the size of the images
    length: int | None = None  # bits per image; None for one per pixel
    bits: Callable[[Gray], Bits]  # of gray copies, uint8 (n, side, side): packed, uint8 (n, ceil(length / 8))
    column: str  # name of the similarity in tables
    threshold: float | None = None  # lowest similarity of duplicates; None if it depends on the set
    floor: float  # lowest similarity to report
    recall: float  # probability that MinHash finds a pair at the similarity `recall_from`
    recall_from: float | None = None  # None for the floor
    permutations: int  # of a MinHash signature; fixed, so that the stated recall holds for one configuration
    sentence: str = ""  # about the comparison, for reports
    variants: tuple[Variant, ...] = ()  # transformed images to search for on request
    similar: float = 0.95  # lowest similarity of an undecided match
