"""Embeddings of the user: nearest neighbours by cosine, which pixels confirm as duplicates or not.

A pair is close if its cosine is an outlier among the highest cosines of all searched images: a modified z-score above
3.5 (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993). The highest cosines show what unrelated images
reach, as long as most images have no partner on the other side.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Floats, Pixels
from tasks.errors import CleanSplitError, DataError
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs, in_order
from tasks.records import Prints
from tasks.records.overlaps import VECTORS
from tasks.storage import Place, at, foreign, tables
from tasks.vocabulary import UNLABELLED

NEIGHBOURS, OUTLIER, MAD = 10, 3.5, 0.6745  # MAD: median absolute deviation of a standard normal distribution
AT_ONCE = 1 << 24  # cosines in memory


def read_embeddings(place: Place) -> tuple[pa.Array, Pixels]:
    """Return ids, and vectors of length 1 or 0, float32 (n, length).

    A Parquet table has columns ``id`` and ``vector``; the ids of NAME.npy are the lines of NAME.txt. Raises `DataError`
    if a file is missing, ids and vectors do not match, or values are not finite.
    """
    try:
        if place.last.endswith(".npy"):
            ids = pa.array(at(place.parent / f"{place.last[:-4]}.txt").read_text().splitlines(), pa.string())
            read = np.lib.format.open_memmap(at(place).local(), mode="r")
        else:
            with foreign.open_parquet(place) as file:
                table = file.read(["id", "vector"]).combine_chunks()
            ids, lists = table["id"].combine_chunks().cast(pa.string()), table["vector"].combine_chunks()
            if len(pc.list_value_length(lists).unique()) != 1:
                raise ValueError("the vectors differ in length")
            read = lists.flatten().to_numpy().reshape(len(ids), -1)
        vectors: Pixels = np.asarray(read, np.float32)
        if repeated := len(ids) - len(ids.unique()):
            raise ValueError(f"repeated ids: {repeated:,}")
        if vectors.ndim != 2 or len(vectors) != len(ids) or not np.isfinite(vectors).all():
            raise ValueError(f"{len(ids):,} ids, an array of shape {vectors.shape}, perhaps values that are not finite")
    except CleanSplitError:
        raise
    except Exception as error:  # a header of numpy can raise anything
        raise DataError(
            f"{place} does not contain embeddings ({error}); give Parquet with the columns id and vector, or NAME.npy "
            "with its ids in NAME.txt."
        ) from error
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return ids, np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def write_vectors(prints: Prints, names: pa.Array, vectors: Pixels, workspace: Place, target: Place) -> dict[str, Any]:
    """Write the vector of each distinct image of a split, zeros without one; return the number of rows with one."""
    ids = tables.read(workspace / prints.table, ["id"])["id"].combine_chunks()
    image = tables.read(workspace / prints.of_row)["image"].to_numpy()
    plain = pc.replace_substring(ids, f"/{UNLABELLED}/", "/")
    given = pc.coalesce(*(pc.index_in(of, value_set=names) for of in (ids, plain))).fill_null(-1).to_numpy()
    known = np.flatnonzero(given >= 0)[::-1]  # the first row of an image decides
    if len(ids) and not len(known):
        raise DataError(f"The embeddings lack the images of {prints.split}; their ids are like {plain[0]}.")
    found = np.zeros((prints.images, vectors.shape[1]), np.float32)
    found[image[known]] = vectors[given[known]]
    tables.write(pa.table({"vector": tables.binary(found.view(np.uint8))}), target / VECTORS)
    return {"known": len(known)}


def close_pairs(join: Join) -> tuple[Pairs, float]:
    """Return each searched image with its nearest neighbours by cosine, and the highest cosine that is not close."""
    files = (join.workspace / str(join.sides[side].vectors) for side in (join.searched, 1 - join.searched))
    own, others = (tables.bytes_of(tables.read(file)["vector"]).view(np.float32) for file in files)
    count, parts = min(NEIGHBOURS, len(others)), []
    for start in range(0, len(own), step := max(1, AT_ONCE // len(others))):
        cosines = own[start : start + step] @ others.T
        if join.within:
            np.fill_diagonal(cosines[:, start:], -1)
        near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        rows = start + np.repeat(np.arange(len(near)), count)
        parts.append((rows, near.ravel(), np.take_along_axis(cosines, near, axis=1).ravel()))
    first, second, cosine = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = Pairs(first, second, np.asarray(cosine, np.float64).round(4)).seen_from(join.searched)
    given = (np.linalg.norm(own, axis=1) > 0)[first] & (np.linalg.norm(others, axis=1) > 0)[second]
    differ = (join.both[0].digests[found.first] != join.both[1].digests[found.second]).any(axis=1)
    found = found.where(given & differ)
    return in_order(found, join.within), line_of(found.seen_from(join.searched).best().similarity)


def line_of(best: Floats) -> float:
    """Return the highest cosine that is not close, from the highest cosine of each image, float64 (n,).

    >>> round(line_of(np.array([0.1, 0.2, 0.3, 0.2, 0.9])), 2)
    0.72
    """
    if not len(best):
        return 1.0
    return float(np.median(best) + OUTLIER / MAD * np.median(np.abs(best - np.median(best))))
