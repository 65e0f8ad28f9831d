"""CIFAR's pickles, read as plain values; arrays are then made from their bytes."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.sources.numbered import Rows, SplitImages, of_arrays, own_file
from tasks.sources.pickles import Named, read_pickle
from tasks.storage import Place, at

BATCH = re.compile(r"^(data_batch_\d+|train|test_batch|test)$")
MAX_BYTES = 1 << 30
SIDE, WIDTH, MAX_NAME = 32, 3 * 32 * 32, 255
LABELS = b"labels", b"fine_labels"
NAMES = {"batches.meta": b"label_names", "meta": b"fine_label_names"}


def open_cifar(place: Place) -> Rows | None:
    """Return the images of a batch, or of a folder of batches, as rows; None if the file of class names is missing."""
    folder = at(place).is_folder()
    if not folder and not BATCH.match(place.last):
        return None
    if not any(at(place / name if folder else place.parent / name).is_file() for name in NAMES):
        return None
    if not folder:
        return of_arrays([(None, *_read(place))], place)
    files = [name for name in at(place).names() if BATCH.match(name) and at(place / name).exists()]
    if len(files) < 2:
        return None
    batches: dict[str, list[tuple[NDArray[np.uint8], list[str]]]] = {}
    for name in files:
        batches.setdefault("test" if name.startswith("test") else "train", []).append(_read(place / name))
    parts: list[SplitImages] = [
        (split, np.concatenate([images for images, _ in own]), [label for _, labels in own for label in labels])
        for split, own in batches.items()
    ]
    return of_arrays(parts, place, [*files, *NAMES])


def _read(place: Place) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images of a batch, (n, 32, 32, 3), and the class of each."""
    content = _load(place)
    rows, labels = _array(content.get(b"data")), next((content[name] for name in LABELS if name in content), None)
    if rows is None:
        raise DataError(f"{place} is not a batch of CIFAR: it has no array of {WIDTH} bytes a row.")
    if not isinstance(labels, list) or len(labels) != len(rows) or {*map(type, labels)} - {int}:
        raise DataError(f"{place} is not a batch of CIFAR: not all of its {len(rows):,} images have a label.")
    return rows.reshape(len(rows), 3, SIDE, SIDE).transpose(0, 2, 3, 1), _named(labels, place)


def _array(value: Any) -> NDArray[np.uint8] | None:
    """Make an array, uint8 (n, 3072), from its bytes; return None for other values."""
    match value:
        case Named(state=[_, [int(rows), int(width)], Named(arguments=["u1" | b"u1", *_]), fortran, bytes(data)]):
            if width == WIDTH and rows * width == len(data):
                return np.frombuffer(data, np.uint8).reshape(rows, width, order="F" if fortran else "C")
    return None


def _named(labels: list[int], batch: Place) -> list[str]:
    for name, key in NAMES.items():
        if at(batch.parent / name).is_file():
            names = _load(batch.parent / name).get(key)
            if isinstance(names, list) and all(label in range(len(names)) for label in set(labels)):
                own = {label: _text(names[label], batch.parent / name) for label in set(labels)}
                return [own[label] for label in labels]
    return [str(label) for label in labels]


def _text(value: Any, place: Place) -> str:
    if not isinstance(value, str | bytes) or len(value) > MAX_NAME:
        raise DataError(f"{place} has a class whose name is not text of at most {MAX_NAME} characters; correct it.")
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _load(place: Place) -> dict[Any, Any]:
    """Return the dict in a pickle; raises `DataError` for anything else."""
    own_file(place.parent, place.last)
    if at(place).size() > MAX_BYTES:
        raise DataError(f"{place} is larger than any batch of CIFAR.")
    try:
        content = read_pickle(at(place).read_bytes())
    except Exception as error:  # a pickle can raise anything
        raise DataError(f"{place} is not a pickle of only arrays, lists, dicts and text ({error}).") from error
    if not isinstance(content, dict):
        raise DataError(f"{place} is not a batch of CIFAR: it does not contain a dict.")
    return content
