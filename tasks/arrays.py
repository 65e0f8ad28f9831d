"""Types of the arrays that modules exchange."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # gray values of images, (n, side, side), or pixels of one image, (height, width[, 3])
Deep = NDArray[np.uint16]  # pixels of an image, (height, width) or (height, width, 3)
Bits = NDArray[np.uint8]  # bytes, one row per image: packed bits, the first one most significant, or a digest
Labels = NDArray[np.int64]  # class number of each row
RowNumbers = NDArray[np.int64]  # positions of rows in a split, shard or table
Mask = NDArray[np.bool_]  # one value per row
Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]  # normalized to [-0.5, 0.5], one row per image; or gray values to align, and their maps
AnyArray = NDArray[Any]
