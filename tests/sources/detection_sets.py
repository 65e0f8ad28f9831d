"""Sets of known labels in the layouts of YOLO, COCO, Pascal VOC and Hugging Face.

Validation has two images of train: one with the same labels in other boxes, one with another set of labels. Boxes leave
the image, a crowd has a run-length encoding, and some images lack objects or a label file.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zlib import crc32

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


def coco(splits: Mapping[str, list[Image]] = SPLITS) -> dict[str, bytes]:
    """Return the files of a COCO set, with entries whose bytes no JSON library writes; ids depend on the names."""
    files: dict[str, bytes] = {}
    for split, given in splits.items():
        images, boxes = list[str](), list[str]()
        for name, seed, classes in given:
            files[f"{split}2017/{name}.jpg"] = picture(seed)
            number = crc32(name.encode())
            images.append(f'{{"file_name" : "{name}.jpg","id":{number}, "width": 96, "height":72}}')
            for box, label in enumerate(classes or ()):
                shape = '{"size":[72,96],"counts":[10,20,6882]}' if label == 1 else "[[-3.50,2,30.0,2,30,1e1]]"
                about = f'"image_id":{number},"category_id":{label + 1},"bbox":[-3.50, 2, 300,40.10],"area":600.0'
                boxes.append(f'{{"id":{number}{box},{about},"segmentation":{shape},"iscrowd":{int(label == 1)}}}')
        categories = json.dumps([{"id": label + 1, "name": name} for label, name in NAMES.items()])
        lists = f'"annotations": [\n{", ".join(boxes)}],"images":[{", ".join(images)} ]'
        text = f'{{"info": {{"note": "[}}\\"é"}}, {lists}, "licenses": [],\n"categories":{categories}}}\n'
        files[f"annotations/instances_{split}2017.json"] = text.encode()
    return files


def voc(splits: Mapping[str, list[Image]] = SPLITS) -> dict[str, bytes]:
    """Return the files of a Pascal VOC set."""
    files: dict[str, bytes] = {}
    for split, images in splits.items():
        for name, seed, classes in images:
            files[f"JPEGImages/{name}.jpg"] = picture(seed)
            if classes is not None:
                size = "<size><width>96</width><height>72</height><depth>3</depth></size>"
                box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>120</xmax><ymax>40</ymax></bndbox>"
                rest = f"{box}<part><name>head</name></part></object>"
                objects = "".join(f"<object><name> {NAMES[label]}</name>{rest}" for label in classes)
                files[f"Annotations/{name}.xml"] = f"<annotation><name>x</name>{size}{objects}</annotation>".encode()
        names = [name for name, _, _ in images]
        files[f"ImageSets/Main/{split}.txt"] = "\n".join(names).encode()
        files[f"ImageSets/Main/cat_{split}.txt"] = "".join(f"{name}  1\n" for name in names).encode()
    return files


def hub(splits: Mapping[str, list[Image]] = SPLITS) -> dict[str, bytes]:
    """Return the files of an image folder of Hugging Face, whose tables have spaces that no JSON library writes."""
    files: dict[str, bytes] = {}
    for split, images in splits.items():
        files |= {f"{split}/{name}.jpg": picture(seed) for name, seed, _ in images}
        labels = [json.dumps(None if given is None else [NAMES[one] for one in given]) for _, _, given in images]
        rows = [
            f'{{"file_name" : "{name}.jpg","label":{label}, "text": "a head é"}}\r\n'
            for (name, _, _), label in zip(images, labels, strict=True)
        ]
        files[f"{split}/metadata.jsonl"] = "".join(rows).encode()
    return files


LAYOUTS = {"yolo": yolo, "coco": coco, "voc": voc, "hub": hub}


def written(folder: Path, layout: str) -> Path:
    return write_folder(folder, LAYOUTS[layout]())
