"""What the rest of cleansplit asks of a view."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.arrays import Bits, Gray
from tasks.vocabulary import Variant, ViewName


@dataclass(frozen=True, kw_only=True)
class View:
    """Which bits describe an image, when two images are twins by them, and how a twin is shown.

    Its functions are those of modules, so that it can be handed to another process.
    """

    name: ViewName
    on_pixels: bool  # bits only propose candidates, and twins are decided by laying gray copies over each other
    side: int | None = None  # width and height of the gray copies that bits are made from; None for that of the images
    length: int | None = None  # bits per image; None for one per pixel
    bits: Callable[[Gray], Bits]  # of gray copies, uint8 (n, side, side): packed, uint8 (n, ceil(length / 8))
    column: str  # what the similarity of two images is called in tables
    threshold: float | None = None  # similarity from which images are twins; None where every set has its own
    floor: float  # similarity from which images are reported
    recall: float  # probability with which MinHash finds a pair whose bits have the similarity `recall_from`
    recall_from: float | None = None  # None for the floor
    permutations: int  # of a MinHash signature; fixed, so that the stated recall holds for one configuration
    sentence: str = ""  # what a report says of the comparison
    variants: tuple[Variant, ...] = ()  # forms that can be searched for as well
    similar: float = 0.95  # from which a match is undecided that can't be told from a look-alike
