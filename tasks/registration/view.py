"""What the rest of cleansplit asks of a view."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.arrays import Bits, Gray
from tasks.vocabulary import Variant, ViewName


@dataclass(frozen=True)
class View:
    """Which bits describe an image, when two images are twins by them, and how a twin is shown.

    Its functions are those of modules, so that it can be handed to another process.

    Attributes
    ----------
    name : str
    on_pixels : bool
        Whether bits only propose candidates, and twins are decided by laying gray copies over each other.
    side : int or None
        Width and height of the gray copies that bits are made from; None for that of the images.
    length : int or None
        Bits per image; None for one per pixel.
    bits : callable
        Gray copies, uint8 (n, side, side) -> packed bits, uint8 (n, ceil(length / 8)).
    column : str
        What the similarity of two images is called in tables.
    threshold : float or None
        Similarity from which images are twins; None where every set has its own.
    floor : float
        Similarity from which images are reported.
    recall, recall_from : float
        Probability with which MinHash finds a pair whose bits have the similarity `recall_from`; None for the floor.
    permutations : int
        Of a MinHash signature; fixed, so that the stated recall holds for one configuration.
    difference : callable
        Two images of one size, uint8 (height, width) or (height, width, 3) -> their difference, uint8.
    legend : str
        What the colours of a difference mean.
    sentence : str
        What a report says of the comparison; may be empty.
    variants : tuple of str
        Forms that can be searched for as well.
    similar : float
        Similarity from which a match is undecided that can't be told from a look-alike.
    """

    name: ViewName
    on_pixels: bool
    side: int | None
    length: int | None
    bits: Callable[[Gray], Bits]
    column: str
    threshold: float | None
    floor: float
    recall: float
    recall_from: float | None
    permutations: int
    difference: Callable[[Gray, Gray], Gray]
    legend: str
    sentence: str = ""
    variants: tuple[Variant, ...] = ()
    similar: float = 0.95
