"""Detection sets of known content.

Validation has two images of train: one with the same labels in other boxes, one with another set of labels. Boxes leave
the image, and some images lack objects or a label file.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.build import saved, scene, write_folder

NAMES = {0: "cat", 1: "dog", 2: "traffic light"}
Image = tuple[str, int, tuple[int, ...] | None]  # name, seed of the pixels, and the classes of its boxes
SPLITS: dict[str, list[Image]] = {
    "train": [(f"t{n:02d}", n, [(0, 1, 0), (1,), (2, 0), ()][n % 4]) for n in range(11)] + [("t11", 11, None)],
    "val": [("same", 0, (1, 0)), ("other", 1, (2,)), *((f"v{n}", 20 + n, (n % 3,)) for n in range(5))],
}
LABELS = {"t00": "{cat, dog}", "t01": "{dog}", "t02": "{cat, traffic light}", "t03": "{}", "t11": "(none)"}


@cache
def picture(seed: int) -> bytes:
    return saved(scene(96, 72, seed=seed), "JPEG", quality=90)


def yolo(splits: Mapping[str, list[Image]] = SPLITS) -> dict[str, bytes]:
    """Return the files of a YOLO set, whose settings name folders that have been moved."""
    text = f"path: /nowhere\ntrain: images/train\nval: images/val\nnc: 3\nnames: {json.dumps([*NAMES.values()])}\n"
    files = {"data.yaml": text.encode()}
    for split, images in splits.items():
        for name, seed, classes in images:
            files[f"images/{split}/{name}.jpg"] = picture(seed)
            if classes is not None:
                lines = [f"{label} 0.{box + 4}0 0.5 1.20 0.300" for box, label in enumerate(classes)]
                files[f"labels/{split}/{name}.txt"] = "\r\n".join(lines).encode()
    return files


LAYOUTS = {"yolo": yolo}


def written(folder: Path, layout: str) -> Path:
    return write_folder(folder, LAYOUTS[layout]())
