"""CIFAR's pickles, through an unpickler that builds nothing but arrays, lists, dicts, text and numbers."""

import io
import pickle
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.sources.numbered import Part, Rows, of_arrays
from tasks.storage.place import Place
from tasks.storage.stores import at

BATCH = re.compile(r"^(data_batch_\d+|train|test_batch|test)$")
MAX_BYTES = 1 << 30
SIDE, LABELS = 32, (b"labels", b"fine_labels")
NAMES = {"batches.meta": b"label_names", "meta": b"fine_label_names"}


def open_cifar(place: Place) -> Rows | None:
    """Return the images of one batch, or of a folder of batches, as rows; None without a file of names beside them."""
    folder = at(place).is_folder()
    if not folder and not BATCH.match(place.last):
        return None
    if not any(at(place / name if folder else place.beside(name)).is_file() for name in NAMES):
        return None
    if not folder:
        return of_arrays([(None, *_read(place))], place)
    files = [name for name in at(place).names() if BATCH.match(name) and at(place / name).is_file()]
    if len(files) < 2:
        return None
    batches: dict[str, list[tuple[NDArray[np.uint8], list[str]]]] = {}
    for name in files:
        batches.setdefault("test" if name.startswith("test") else "train", []).append(_read(place / name))
    parts: list[Part] = [
        (split, np.concatenate([images for images, _ in own]), [label for _, labels in own for label in labels])
        for split, own in batches.items()
    ]
    return of_arrays(parts, place, [*files, *NAMES])


def _read(place: Place) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images of a batch, (n, 32, 32, 3), and the class of each."""
    content = _load(place)
    images, labels = content.get(b"data"), next((content[name] for name in LABELS if name in content), None)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3 * SIDE * SIDE,):
        raise DataError(f"{place} is no batch of CIFAR: it has no array of {3 * SIDE * SIDE} bytes a row.")
    if not isinstance(labels, list) or len(labels) != len(images):
        raise DataError(f"{place} is no batch of CIFAR: it has no label for each of its {len(images):,} images.")
    return images.reshape(len(images), 3, SIDE, SIDE).transpose(0, 2, 3, 1), _named(labels, place)


def _named(labels: list[Any], batch: Place) -> list[str]:
    for name, key in NAMES.items():
        if at(batch.beside(name)).is_file():
            names = _load(batch.beside(name)).get(key)
            if isinstance(names, list) and all(label in range(len(names)) for label in labels):
                return [names[label].decode("utf-8", "replace") for label in labels]
    return [str(label) for label in labels]


def _load(place: Place) -> dict[bytes, Any]:
    """Return the dict that a pickle holds; raises `DataError` when it holds anything else."""
    if at(place).size() > MAX_BYTES:
        raise DataError(f"{place} is larger than any batch of CIFAR.")
    try:
        content = _Plain(io.BytesIO(at(place).read_bytes()), encoding="bytes").load()
    except Exception as error:  # a pickle can raise anything
        raise DataError(f"{place} is no pickle of arrays, lists, dicts and text alone ({error}).") from error
    if not isinstance(content, dict):
        raise DataError(f"{place} is no batch of CIFAR: it holds no dict.")
    return content


class _Plain(pickle.Unpickler):
    """Builds arrays from their bytes, and no object of any other class."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.replace("numpy._core", "numpy.core"), name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda *_: np.empty(0, np.uint8)  # whatever size is asked for: its state brings shape and bytes
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how newer pickles write bytes in old protocols
            return lambda text, _encoding: text.encode("latin1")
        raise pickle.UnpicklingError(f"it names {module}.{name}")
