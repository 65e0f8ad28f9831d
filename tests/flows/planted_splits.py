"""Splits of pictures with known duplicates and undecided images, in every packaging, and the true answer about them."""

import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from tests.build import saved, scene, write_folder, write_tar
from tests.sources.detection_sets import LAYOUTS
from tests.sources.detection_sets import Image as Boxed

ORDER = ("train", "validation", "test")
NAMES = {"train": "train", "validation": "val", "test": "test"}
QUALITY = {"train": 92, "validation": 90, "test": 88}  # so copies in different splits differ in their bytes
Family = dict[str, str]  # split -> how it has one picture: "same", or "recoloured", which may be another picture


@dataclass(frozen=True)
class Picture:
    seed: int
    look: str

    def name(self, split: str) -> str:
        return f"{NAMES[split]}_{self.seed}_{self.look}"


@cache
def pixels(seed: int, look: str) -> Image.Image:
    picture = scene(96, 72, seed)
    if look == "same":
        return picture
    light, blue, red = picture.convert("YCbCr").split()
    return Image.merge("YCbCr", (light, ImageOps.invert(blue), ImageOps.invert(red))).convert("RGB")


@dataclass(frozen=True)
class Case:
    """Pictures of their own by split, and families of pictures that several splits share."""

    own: Mapping[str, int]
    families: tuple[Family, ...] = ()

    def drawn(self, seed: int) -> dict[str, list[Picture]]:
        """Return the pictures of each split, with one to four families of each sort."""
        rng = np.random.default_rng(seed)
        splits: dict[str, list[Picture]] = {split: [] for split in ORDER if split in self.own}
        sorts = [{split: "same"} for split, count in self.own.items() for _ in range(count)]
        sorts += [family for family in self.families for _ in range(rng.integers(1, 5))]
        for number, family in enumerate(sorts, 1000 * seed):
            for split, look in family.items():
                splits[split].append(Picture(number, look))
        return splits


@dataclass(frozen=True)
class Truth:
    """The number of planted images of a split in each state."""

    split: str
    rows: int
    duplicates: int
    in_train: int
    undecided: int

    @property
    def left(self) -> int:
        return self.rows - self.duplicates - self.undecided


def truth(splits: Mapping[str, list[Picture]]) -> list[Truth]:
    """Return the true states of test, then of validation; each image counts once, whichever splits share it."""
    found = list[Truth]()
    for split in [name for name in ("test", "validation") if name in splits]:
        earlier = [one for name in ORDER[: ORDER.index(split)] for one in splits.get(name, ())]
        seeds, own = {one.seed for one in earlier}, splits[split]
        duplicates = [one for one in own if one in earlier]
        undecided = [one for one in own if one not in earlier and one.seed in seeds]
        in_train = [one for one in own if one in splits["train"]]
        found.append(Truth(split, len(own), len(duplicates), len(in_train), len(undecided)))
    return found


def inside(pictures: list[Picture]) -> Truth:
    """Return the true states of one set: an image of each group stays, and is undecided if it may be in another."""
    groups = Counter(pictures)
    looks = Counter(one.seed for one in groups)
    undecided = sum(looks[one.seed] > 1 for one in groups)
    return Truth("train", len(pictures), len(pictures) - len(groups), 0, undecided)


def files_of(splits: Mapping[str, list[Picture]], labelled: bool = True) -> dict[str, bytes]:
    """Return the files of class folders in folders of splits."""
    return {
        f"{NAMES[split]}/{'ab'[one.seed % 2] + '/' if labelled else ''}{one.name(split)}.jpg": content(split, one)
        for split, own in splits.items()
        for one in own
    }


def content(split: str, one: Picture) -> bytes:
    return saved(pixels(one.seed, one.look), "JPEG", quality=QUALITY[split])


def zipped(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for name, data in files_of(splits).items():
            archive.writestr(name, data)
    return path.with_suffix(".zip")


def listed(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
    files = files_of(splits)
    rows = [f"{name},{name.split('/')[1]},{name.split('/')[0]}" for name in files]
    text = "\n".join(["path,label,split", *rows])
    return write_folder(path, files | {"list.csv": text.encode()}) / "list.csv"


def in_rows(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
    path.mkdir()
    for split, own in splits.items():
        images = [{"bytes": content(split, one), "path": f"{one.name(split)}.jpg"} for one in own]
        table = pa.table({"image": images, "label": [one.seed % 2 for one in own]})
        pq.write_table(table, path / f"{NAMES[split]}-00000-of-00001.parquet")
    return path


def in_shards(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
    path.mkdir()
    for split, own in splits.items():
        members = {f"{one.name(split)}.jpg": content(split, one) for one in own}
        members |= {f"{one.name(split)}.cls": str(one.seed % 2).encode() for one in own}
        write_tar(path / f"{NAMES[split]}-000.tar", dict(sorted(members.items())))
    return path / "*.tar"


def in_arrays(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
    arrays = dict[str, np.ndarray]()
    for split, own in splits.items():
        arrays[f"x_{NAMES[split]}"] = np.stack([np.asarray(pixels(one.seed, one.look)) for one in own])
        arrays[f"y_{NAMES[split]}"] = np.array([one.seed % 2 for one in own])
    np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
    return path.with_suffix(".npz")


def annotated(layout: str) -> "Packaging":
    """Return a packaging with the annotations of a layout, whose images have one or two boxes each."""

    def write(path: Path, splits: Mapping[str, list[Picture]]) -> Path:
        plan: dict[str, list[Boxed]] = {
            NAMES[split]: [(one.name(split), 0, ((0,), (0, 1))[one.seed % 2]) for one in own]
            for split, own in splits.items()
        }
        pictures = {f"{one.name(split)}.jpg": content(split, one) for split, own in splits.items() for one in own}
        files = {name: pictures.get(Path(name).name, data) for name, data in LAYOUTS[layout](plan).items()}
        if layout == "yolo" and "test" in splits:
            settings = files["data.yaml"].decode() + "test: images/test\n"
            files["data.yaml"] = settings.encode()
        return write_folder(path, files)

    return write


def with_masks(splits: Mapping[str, list[Picture]]) -> dict[str, bytes]:
    """Return the files of class folders, with the masks of most images in folders of their own; many are the same."""
    files = files_of(splits)
    masks = {f"{path.replace('/', '_masks/', 1)[:-4]}_mask.png": number % 3 for number, path in enumerate(files)}
    squares = [saved(Image.new("L", (96, 72), 100 * shade), "PNG") for shade in range(3)]
    return files | {path: squares[shade] for number, (path, shade) in enumerate(masks.items()) if number % 7}


Packaging = Callable[[Path, Mapping[str, list[Picture]]], Path]
PACKAGINGS: dict[str, Packaging] = {
    "folder": lambda path, splits: write_folder(path, files_of(splits)),
    "unlabelled": lambda path, splits: write_folder(path, files_of(splits, labelled=False)),
    "tar": lambda path, splits: write_tar(path.with_suffix(".tar"), files_of(splits)),
    "zip": zipped,
    "masks": lambda path, splits: write_folder(path, with_masks(splits)),
    "masks in a tar": lambda path, splits: write_tar(path.with_suffix(".tar"), with_masks(splits)),
    "list": listed,
    "rows": in_rows,
    "shards": in_shards,
    "arrays": in_arrays,
} | {layout: annotated(layout) for layout in LAYOUTS}
