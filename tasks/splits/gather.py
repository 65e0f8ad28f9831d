"""Bring the drawn rows together from their shards."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.records import Shard
from tasks.storage.images import Images, concatenate, read_images
from tasks.storage.place import Place
from tasks.vocabulary import SplitName
from tasks.vocabulary.arrays import RowNumbers

READERS = 2  # decoding Parquet runs outside the interpreter; each reader holds one shard


def gather(shards: Sequence[Shard], rows: dict[SplitName, RowNumbers], workspace: Place) -> dict[SplitName, Images]:
    """Read each shard once and return the rows of every split in the order asked for.

    Parameters
    ----------
    shards : sequence of Shard
    rows : dict
        Split name to numbers of rows, counted over all shards, int64 (n,).
    workspace : Place
    """
    starts = np.cumsum([0, *(shard.rows for shard in shards)])

    def read(number: int) -> dict[SplitName, Images]:
        images, first, end = read_images([workspace / shards[number].images]), starts[number], starts[number + 1]
        return {name: images.take(drawn[(drawn >= first) & (drawn < end)] - first) for name, drawn in rows.items()}

    with ThreadPoolExecutor(READERS) as pool:
        parts = list(pool.map(read, range(len(shards))))
    splits = {}
    for name, drawn in rows.items():
        back = np.empty(len(drawn), np.int64)
        back[np.argsort(np.searchsorted(starts, drawn, side="right"), kind="stable")] = np.arange(len(drawn))
        splits[name] = concatenate([part.pop(name) for part in parts]).take(back)
    return splits
