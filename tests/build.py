"""Build images, archives and folders for tests: known content, no fixtures on disk."""

import base64
import io
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import set_pixel_data
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tasks.arrays import Bits
from tasks.records import Reading
from tasks.sources import archive
from tasks.sources.archive import Entry
from tasks.storage.place import Place
from tasks.storage.stores import at

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
Gray = NDArray[np.uint8]

LETTERS = "ABCDEFGHIJ"
GLYPHS = Reading("glyphs", "ink", 28)
TINY: dict[str, Any] = {
    "models": ("sgd", "1nn"),
    "sizes": (50, "all"),
    "trainings": 1,
    "workers": 2,
    "max_quarantine": 0.1,
}
MEASURED = TINY | {"trainings": 5}  # enough for a significant effect


def once(name: str, factory: pytest.TempPathFactory, build: Callable[[Path], object]) -> Path:
    """Return a folder that the first of all test processes builds, for all of them."""
    base = factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(made.with_suffix(".lock")):
        if not made.exists():
            unfinished = made.with_suffix(".unfinished")
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(made)
    return made


def built_wheel(folder: Path, environment: Mapping[str, str]) -> Path:
    """Return the wheel of the tracked files: what is there beside them was built here."""
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.split():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, "."], cwd=source, env=os.environ | environment, check=True)
    (found,) = folder.glob("*.whl")
    return found


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(gray: Gray) -> bytes:
    """Return an image as PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG")
    return buffer.getvalue()


def raw_png(rows: bytes, side: int = 28, header: bytes | None = None) -> bytes:
    """Return a PNG with exactly these filtered rows."""
    header = header or struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def font_member(font: str) -> str:
    """Return a member name as notMNIST makes them from a font's file name."""
    return base64.urlsafe_b64encode(font.encode()).decode() + ".png"


def glyphs(count: int, seed: int, side: int = 28) -> Gray:
    """Return random, pairwise distinct blobs, uint8 (count, side, side)."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
    y, x = np.mgrid[:side, :side]
    for image in images:
        cy, cx, ry, rx = rng.uniform([side / 4, side / 4, 4, 4], [3 * side / 4, 3 * side / 4, side / 3, side / 3])
        image[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 > 1] //= 8
    return images


def members_of(letters: Mapping[str, Iterable[Gray]], prefix: str) -> dict[str, bytes]:
    """Return archive members, named by fonts, for images by letter."""
    return {
        f"root/{letter}/{font_member(f'{prefix}-{i}.ttf')}": png(image)
        for letter, images in letters.items()
        for i, image in enumerate(images)
    }


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write an archive; gzip when its name says so."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_folder(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write the same members as files."""
    for name, data in members.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def noise(image: Gray, pixels: int, seed: int) -> Gray:
    """Return the image with a few ink pixels taken away: a near-duplicate."""
    changed = image.copy()
    inked = np.flatnonzero(changed > 127)
    changed.flat[np.random.default_rng(seed).permutation(inked)[:pixels]] = 0
    return changed


def colourless(pictures: int) -> Bits:
    """Return the fine colours of gray pictures, uint8 (pictures, 128); see `tasks.registration.colours`."""
    return np.full((pictures, 128), 128, np.uint8)


def scene(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a picture in colour with soft and hard edges, different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(np.int64)
    y, x = np.mgrid[:height, :width]
    for _ in range(5):
        cy, cx, r = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.1, 0.3) * min(width, height)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = rng.integers(0, 256, 3)
    picture += rng.integers(-6, 7, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def dicom(pixels: np.ndarray, **elements: object) -> bytes:
    """Return pixels of 8 or 16 bits, (height, width[, 3]), as the bytes of a DICOM file with these elements."""
    header, buffer = Dataset(), io.BytesIO()
    colours, bits = "RGB" if pixels.ndim == 3 else "MONOCHROME2", 8 * pixels.itemsize
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    set_pixel_data(header, pixels, colours, bits, generate_instance_uid=False)
    for name, value in elements.items():
        setattr(header, name, value)
    header.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    if form == "DICOM":
        return dicom(np.asarray(image), **options)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def read_entries(place: Place) -> Iterator[Entry]:
    """Yield the members of a tar one by one."""
    with at(place).reading() as tar:
        yield from archive.read_entries(tar, str(place))
