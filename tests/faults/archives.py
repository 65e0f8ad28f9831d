"""Damage archives in every way that comes to mind, and check that nothing is lost in silence.

    python -m tests.faults.archives [--count 2000]

Each case damages a valid archive, gzip or plain, and loads it under a memory limit and a watchdog. It must be refused
as a whole, or every original image must be accepted unchanged or be listed with a reason.
"""

import argparse
import gzip
import io
import json
import random
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as drawn_from
from hypothesis import strategies as st

from tasks.errors import DataError
from tests.build import glyphs, members_of, write_tar
from tests.faults.limits import limit_memory, run_child, watch
from tests.faults.loading import load

BLOCK = 512
IMAGES = 12
Damage = Callable[[bytearray, random.Random], bytearray]


def flip(data: bytearray, rng: random.Random) -> bytearray:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def cut_at_a_block(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) // BLOCK) * BLOCK]


def zero_a_block(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(max(1, len(data) // BLOCK)) * BLOCK
    data[at : at + BLOCK] = bytes(len(data[at : at + BLOCK]))
    return data


def repeat_a_block(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(max(1, len(data) // BLOCK)) * BLOCK
    return data[: at + BLOCK] + data[at:]


def drop_a_block(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(max(1, len(data) // BLOCK)) * BLOCK
    return data[:at] + data[at + BLOCK :]


def swap_blocks(data: bytearray, rng: random.Random) -> bytearray:
    one, two = (rng.randrange(max(1, len(data) // BLOCK)) * BLOCK for _ in range(2))
    first, second = data[one : one + BLOCK], data[two : two + BLOCK]
    data[one : one + BLOCK], data[two : two + BLOCK] = second, first
    return data


def garbage_behind(data: bytearray, rng: random.Random) -> bytearray:
    return data + bytearray(rng.randbytes(rng.randrange(1, 2000)))


def edit_a_header(data: bytearray, rng: random.Random) -> bytearray:
    """Change size or type of a member and mend the checksum, as a hostile writer would."""
    headers = [at for at in range(0, len(data) - BLOCK, BLOCK) if data[at + 257 : at + 262] == b"ustar"]
    if not headers:
        return flip(data, rng)
    at = rng.choice(headers)
    octal = b"%011o\0" % rng.choice([0, 1, 511, 512, 600, 1 << 20, 8**11 - 1])
    sizes = (octal, b"\xff" * 10 + b"\xfe\x00", b"\x80" + bytes(7) + b"\x7f" * 4)
    if rng.random() < 0.5:
        data[at + 124 : at + 136] = rng.choice(sizes)
    else:
        data[at + 156] = rng.choice(b"0123456789SDVM\0")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + BLOCK])
    return data


def turn_into_a_header(data: bytearray, rng: random.Random) -> bytearray:
    """Turn a member into an extended header, so that by definition it is a member no more."""
    at = rng.choice([at for at in range(0, len(data) - BLOCK, BLOCK) if data[at + 257 : at + 262] == b"ustar"])
    data[at + 156] = rng.choice(b"xgLKX")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + BLOCK])
    return data


def pax_bomb(data: bytearray, rng: random.Random) -> bytearray:
    """Put a huge or a strange extended header in front."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("root/A/pax.png")
        name, length = rng.choice(["comment", "path", "GNU.sparse.major"]), rng.choice([10, 70_000, 3 << 20])
        info.pax_headers = {name: "9" * length}
        tar.addfile(info)
    front = buffer.getvalue().rstrip(b"\0")
    return bytearray(front) + bytearray(-len(front) % BLOCK) + data


def bomb(data: bytearray, rng: random.Random) -> bytearray:
    """Let a member of zeros follow that no image set has."""
    return data[: -2 * BLOCK] + bytearray(rng.choice([1, 80]) << 20)


ON_THE_TAR: tuple[Damage, ...] = (
    flip, cut, cut_at_a_block, zero_a_block, repeat_a_block, drop_a_block, swap_blocks, garbage_behind, edit_a_header,
    turn_into_a_header, pax_bomb, bomb,
)  # fmt: skip
ON_THE_GZIP: tuple[Damage, ...] = (flip, cut, zero_a_block, repeat_a_block, swap_blocks, garbage_behind)


def original() -> tuple[bytes, set[bytes]]:
    """Return a valid tar, and the pixels of its images."""
    images = {letter: glyphs(IMAGES // 2, seed=ord(letter)) for letter in "AB"}
    with tempfile.TemporaryDirectory() as folder:
        data = write_tar(Path(folder) / "a.tar", members_of(images, "f")).read_bytes()
    return data, {image.tobytes() for many in images.values() for image in many}


def judge(data: bytes, pixels: set[bytes], packed: bool, spared: int) -> str:
    """Return what became of a damaged archive: refused, whole, accounted, or lost; `spared` images are no members."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / ("a.tar.gz" if packed else "a.tar")
        source.write_bytes(data)
        try:
            account = load(source, Path(folder) / "scratch")
        except DataError:
            return "refused"
    left = pixels - set(account.accepted.values())
    if set(account.accepted.values()) - pixels:
        return "lost: an image that nobody drew was accepted"
    if not left:
        return "whole"
    missing = len(left) - len(account.refused) - spared
    return "accounted" if missing <= 0 else f"lost: {missing} images are missing without a reason"


def run_cases(count: int, seed: int) -> dict[str, dict[str, int]]:
    """Run `count` damaged archives in this process and count the outcomes of each kind of damage."""
    tar, pixels = original()
    outcomes: dict[str, Counter[str]] = {}
    limit_memory()

    @drawn_from(seed)
    @settings(
        max_examples=count, deadline=None, database=None, derandomize=False, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.booleans(), st.integers(0, 2**32), st.data())
    def case(packed: bool, number: int, data: st.DataObject) -> None:
        watch()
        rng = random.Random(number * 1009 + seed)  # noqa: S311
        first = data.draw(st.sampled_from(ON_THE_TAR))
        inside = data.draw(st.booleans()) or not packed
        damaged = first(bytearray(tar), rng) if inside else bytearray(tar)
        name = first.__name__ if inside else ""
        if packed:
            damaged = bytearray(gzip.compress(bytes(damaged), 6, mtime=0))
            if not inside:
                outer = data.draw(st.sampled_from(ON_THE_GZIP))
                damaged, name = outer(damaged, rng), f"{outer.__name__} of the gzip"
        outcomes.setdefault(name, Counter())[
            judge(bytes(damaged), pixels, packed, int(name == "turn_into_a_header"))
        ] += 1

    case()
    return {name: dict(counts) for name, counts in sorted(outcomes.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        print(json.dumps(run_cases(arguments.count, arguments.child)))
        return
    ended = run_child("tests.faults.archives", "--child", "0", "--count", str(arguments.count), seconds=3600)
    outcomes: dict[str, dict[str, int]] = ended.answer if isinstance(ended.answer, dict) else {}
    for name, counts in outcomes.items():
        print(f"{name:<26}" + ", ".join(f"{outcome} {n}" for outcome, n in sorted(counts.items())))
    total = Counter[str]()
    for counts in outcomes.values():
        total.update(counts)
    lost = sum(n for outcome, n in total.items() if outcome.startswith("lost"))
    print(f"{sum(total.values())} archives: silent loss {lost}, hangs {int(ended.hung)}, crashes {int(ended.crashed)}")
    if lost or ended.hung or ended.crashed:
        raise SystemExit(ended.errors or 1)


if __name__ == "__main__":
    main()
