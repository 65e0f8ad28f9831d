"""Time and memory of large sets of pictures: ``python -m tests.benchmarks.photo_scale small|mixed|large [--count N]``.

small   1,000,000 JPEGs of 32 x 32: a few thousand scenes, repeated with jitter
mixed   60,000 JPEGs of 32 x 32: pairs of pictures of the sample of CIFAR-10, one shining through the other
large   10,000 JPEGs of 12 megapixels: a few scenes, repeated with another comment in the file

A tenth of each is test. The command audits the images, from the archive to the published report. The memory is the
largest sum of the PSS of all processes. ``--sets FOLDER`` keeps the archives, since making them takes longer than the
audit. In the same run, the same library decodes large pictures at the same scale, in one process per core.
"""

import argparse
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.classes.jpeg import frame_of, segments
from tests.benchmarks.leaks.tools import cleansplit, show, stages_of
from tests.build import SHARED, saved, scene

CLASSES = 10
SCENES, LARGE_SCENES = 4000, 24
LARGE_SIZE = (4000, 3000)
LIMIT = 3600  # seconds
SPLITS = ("train", "test")


def jittered(number: int) -> bytes:
    """Return a small scene, moved and brightened a little, as every number has it."""
    rng = np.random.default_rng(number)
    pixels = np.asarray(scene(34, 34, seed=number // 10 % SCENES)).astype(np.int64)
    y, x = rng.integers(0, 3, 2)
    moved = pixels[y : y + 32, x : x + 32] + rng.integers(-20, 21) + rng.integers(-4, 5, (32, 32, 3))
    return saved(Image.fromarray(np.clip(moved, 0, 255).astype(np.uint8)), "JPEG", quality=90)


def large_scene(number: int) -> bytes:
    """Return a large scene with some grain, so that its file is as large as a camera's."""
    image = np.asarray(scene(*LARGE_SIZE, seed=number))
    return saved(Image.fromarray(image), "JPEG", quality=88)


def commented(data: bytes, number: int) -> bytes:
    """Return a JPEG with a comment of its own."""
    text = f"{number:08d}".encode()
    return data[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + data[2:]


def small_files(count: int) -> Iterator[bytes]:
    """Yield small pictures."""
    with Pool() as pool:
        yield from pool.imap(jittered, range(count), chunksize=500)


def mixed_files(count: int) -> Iterator[bytes]:
    """Yield pictures that are about as diverse as real ones, none a copy of another."""
    found = members(SHARED / "data" / "cifar_train.tar.gz")
    pictures = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32) for data in found]
    rng = np.random.default_rng(0)
    for _ in range(count):
        one, two = (pictures[number] for number in rng.integers(0, len(pictures), 2))
        mixed = (one + np.rot90(two, int(rng.integers(4)))) / 2
        yield saved(Image.fromarray(np.roll(mixed, rng.integers(32), axis=1).astype(np.uint8)), "JPEG", quality=90)


def large_files(count: int) -> Iterator[bytes]:
    """Yield large pictures."""
    with Pool() as pool:
        scenes = pool.map(large_scene, range(min(LARGE_SCENES, count)))
    yield from (commented(scenes[number % len(scenes)], number) for number in range(count))


KINDS: dict[str, tuple[Callable[[int], Iterator[bytes]], int]] = {
    "small": (small_files, 1_000_000), "mixed": (mixed_files, 60_000), "large": (large_files, 10_000),
}  # fmt: skip


def members(archive: Path) -> Iterator[bytes]:
    """Yield the files of a tar."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and (file := tar.extractfile(member)):
                yield file.read()


def write(kind: str, count: int, archives: Sequence[Path]) -> None:
    """Write two plain tars."""
    with tarfile.open(archives[0], "w") as train, tarfile.open(archives[1], "w") as test:
        for number, data in enumerate(KINDS[kind][0](count)):
            info = tarfile.TarInfo(f"set/class {number // 10 % CLASSES}/{number:07d}.jpg")
            info.size = len(data)
            (test if number % 10 == 0 else train).addfile(info, io.BytesIO(data))


def decode(data: bytes) -> int:
    """Decode a JPEG at the scale that cleansplit uses; return the bytes of its pixels."""
    frame = frame_of(data, list(segments(data)))
    assert frame
    return frame.pixels(data, frame.scale).nbytes


def decode_all(archives: Sequence[Path]) -> float:
    """Return the seconds to decode all files of archives, in as many processes as there are cores."""
    start = time.perf_counter()
    with Pool() as pool:
        for archive in archives:
            sum(pool.imap_unordered(decode, members(archive), chunksize=8))
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what one audit took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=tuple(KINDS))
    parser.add_argument("--count", type=int)
    parser.add_argument("--sets", type=Path, help="folder for the archives, which are made if they are not there")
    given = parser.parse_args(arguments)
    count = given.count or KINDS[given.kind][1]
    with tempfile.TemporaryDirectory() as folder:
        archives = [(given.sets or Path(folder)) / f"{given.kind}-{count}-{split}.tar" for split in SPLITS]
        if not all(map(os.path.exists, archives)):
            write(given.kind, count, archives)
        print(f"{count:,} pictures, {sum(path.stat().st_size for path in archives) / 1e9:.1f} GB", flush=True)
        sources = [f"--{split}={path}" for split, path in zip(SPLITS, archives, strict=True)]
        found = cleansplit(sources, Path(folder) / "w", "--view", "photo", limit=LIMIT)
        took, rows = found.took, len({test for test, _ in found.pairs or ()})
        show(stages_of(Path(folder) / "w"), took.seconds, took.worked)
        print(f"{took.seconds:.0f} s, {count / took.seconds:,.0f} pictures/s, {took.peak:,.0f} MB; {rows:,} duplicates")
        if given.kind == "large":
            bare = decode_all(archives)
            print(f"decoding by itself {bare:.0f} s: cleansplit takes {took.seconds / bare:.2f} times as long")


if __name__ == "__main__":
    main()
