"""Bring the drawn rows together from their shards."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.storage.images import Images, concatenate, read_images
from tasks.storage.place import Place
from tasks.vocabulary import SplitName
from tasks.vocabulary.arrays import RowNumbers

READERS = 2  # decoding Parquet runs outside the interpreter; each reader holds one shard


def gather(shards: Sequence[Place], rows: dict[SplitName, RowNumbers]) -> dict[SplitName, Images]:
    """Read each shard once and return the rows of every split in the order asked for.

    Parameters
    ----------
    shards : sequence of Place
    rows : dict
        Split name to shape (n, 2): number of the shard in `shards`, row of the shard.
    """

    def read(number: int) -> dict[SplitName, Images]:
        images = read_images([shards[number]])
        return {name: images.take(drawn[drawn[:, 0] == number, 1]) for name, drawn in rows.items()}

    with ThreadPoolExecutor(READERS) as pool:
        parts = list(pool.map(read, range(len(shards))))
    splits = {}
    for name, drawn in rows.items():
        back = np.empty(len(drawn), np.int64)
        back[np.argsort(drawn[:, 0], kind="stable")] = np.arange(len(drawn))
        splits[name] = concatenate([part.pop(name) for part in parts]).take(back)
    return splits
