"""Memory and time of large sets of pictures: ``python -m tests.benchmarks.photo_scale small|mixed|large [--count N]``.

small   1,000,000 JPEGs of 32 x 32: a few thousand scenes, repeated with jitter
mixed   60,000 JPEGs of 32 x 32: pairs of pictures of the sample of CIFAR-10, one shining through the other
large   10,000 JPEGs of 12 megapixels: a few scenes, repeated with another comment in the file

A tenth of each is test. The images are audited, from the archive to the published report; generating them is not
included. The output is the peak of this process and the largest peak of its decoding processes, one per core.
"""

import argparse
import io
import os
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pool, Process
from pathlib import Path

from flows.engine.temporary import TOGETHER

os.environ |= {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", **TOGETHER}  # as the command's own server

import numpy as np
from PIL import Image
from prefect.testing.utilities import prefect_test_harness

from flows.audit import audit
from flows.engine.progress import visible
from tests.benchmarks.leaks.tools import show, stages_of, worked
from tests.build import SHARED, saved, scene

CLASSES = 10
SCENES, LARGE_SCENES = 4000, 24
LARGE_SIZE = (4000, 3000)
BOTH = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN


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
    pictures = [np.asarray(image, np.float32) for image in read(SHARED / "data" / "cifar_train.tar.gz")]
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


def read(archive: Path) -> Iterator[Image.Image]:
    """Yield the pictures of a tar."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and (file := tar.extractfile(member)):
                yield Image.open(io.BytesIO(file.read())).convert("RGB")


def write(kind: str, count: int, place: Path) -> None:
    """Write two plain tars."""
    files = KINDS[kind][0](count)
    with tarfile.open(place / "train.tar", "w") as train, tarfile.open(place / "test.tar", "w") as test:
        for number, data in enumerate(files):
            info = tarfile.TarInfo(f"set/class {number // 10 % CLASSES}/{number:07d}.jpg")
            info.size = len(data)
            (test if number % 10 == 0 else train).addfile(info, io.BytesIO(data))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what one audit took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=tuple(KINDS))
    parser.add_argument("--count", type=int)
    given = parser.parse_args(arguments)
    count = given.count or KINDS[given.kind][1]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        writer = Process(target=write, args=(given.kind, count, place))  # its memory is not ours
        writer.start()
        writer.join()
        size = sum(path.stat().st_size for path in place.glob("*.tar"))
        print(f"{count:,} pictures, {size / 1e9:.1f} GB", flush=True)
        with prefect_test_harness(server_startup_timeout=90):
            start, before = time.perf_counter(), worked(*BOTH)
            with visible():
                report = audit(
                    train=str(place / "train.tar"), test=str(place / "test.tar"), workspace=place / "w",
                    view="photo",
                )  # fmt: skip
            seconds = time.perf_counter() - start
            show(stages_of(place / "w"), seconds, worked(*BOTH) - before)
    peak, other = (resource.getrusage(who).ru_maxrss / 1024 for who in BOTH)
    rate, found = count / seconds, report.pair("test", "train").either
    print(
        f"{seconds:.0f} s, {rate:,.0f} pictures/s, peak {peak:,.0f} MB, others {other:,.0f} MB; "
        f"{found:,} test rows have a twin"
    )
    print(f"bands {report.near_duplicates.bands}, recall {report.near_duplicates.recall_measured}")


if __name__ == "__main__":
    main()
