"""Bring the drawn rows together from their shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.images import Images, concatenate, read_images
from tasks.records import SplitName


def gather(shards: Sequence[Path], rows: dict[SplitName, NDArray[np.int64]]) -> dict[SplitName, Images]:
    """Read each shard once and return the rows of every split in the order asked for.

    Parameters
    ----------
    shards : sequence of Path
    rows : dict
        Split name to shape (n, 2): number of the shard in `shards`, row of the shard.
    """
    parts: dict[SplitName, list[Images]] = {name: [] for name in rows}
    for number, path in enumerate(shards):
        images = read_images([path])
        for name, drawn in rows.items():
            parts[name].append(images.take(drawn[drawn[:, 0] == number, 1]))
    splits = {}
    for name, drawn in rows.items():
        back = np.empty(len(drawn), np.int64)
        back[np.argsort(drawn[:, 0], kind="stable")] = np.arange(len(drawn))
        splits[name] = concatenate(parts.pop(name)).take(back)
    return splits
