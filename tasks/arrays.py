"""Arrays that many modules pass to each other, by what they hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # gray values of images, (n, side, side), or of one, (height, width)
Bits = NDArray[np.uint8]  # packed bits, a row per image, first bit in the highest place
Labels = NDArray[np.int64]  # number of the class of each row
RowNumbers = NDArray[np.int64]  # places of rows in a split, shard or table
Mask = NDArray[np.bool_]  # one value per row
Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]  # normalized, in [-0.5, 0.5], a row per image
AnyArray = NDArray[Any]
