"""Which rows of a split show one picture: they are right or wrong together."""

from collections.abc import Iterable

import numpy as np

from tasks.arrays import AnyArray, RowNumbers
from tasks.evaluation.arms import has_twin
from tasks.joined import first_with, groups_of
from tasks.sources.members import DIGEST_BYTES, content_digest
from tasks.storage import tables
from tasks.storage.image_files import iterate_images
from tasks.storage.images import as_rows
from tasks.storage.place import Place


def group_rows(keys: Iterable[AnyArray]) -> RowNumbers:
    """Give each row the number of its group: rows that share a key are in one, and so are those that these share with.

    Parameters
    ----------
    keys : iterable of ndarray
        Each int64 (n,): rows with the same number share something; -1 is nothing.

    >>> group_rows([np.array([0, 0, 1, 2, 3]), np.array([-1, 7, 7, -1, -1])]).tolist()
    [0, 0, 0, 1, 2]
    """
    links = []
    for key in keys:
        shared = np.flatnonzero(key >= 0)
        links.append((shared, shared[first_with(key[shared])]))
    return groups_of(len(key), links)


def equal_pixels(files: list[Place]) -> RowNumbers:
    """Give rows of a split that have equal pixels, as they are stored for training, the same number."""
    digests = [content_digest(image) for part in iterate_images(files) for image in as_rows(part.gray)]
    return np.unique(np.array(digests, f"V{DIGEST_BYTES}"), return_inverse=True)[1]


def verified_twins(table: Place) -> RowNumbers:
    """Give rows of a split with the same best twin in another the same number, those without one -1."""
    names = tables.read(table, ["twin_id"])["twin_id"].combine_chunks().dictionary_encode().indices
    numbers: RowNumbers = np.where(has_twin(table), names.fill_null(-1).to_numpy().astype(np.int64), -1)
    return numbers
