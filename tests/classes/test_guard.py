"""What may be dear to decode is decoded by a process with limits; what that does not survive is refused by name."""

import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.classes import guard
from tasks.classes.decoder import photograph
from tasks.classes.guard import Guard, guarded
from tasks.classes.png import SIGNATURE, UnreadableError, chunk
from tests.build import ROOT, saved, scene

SIDE = 28


@pytest.fixture(scope="module")
def reader() -> Iterator[Guard]:
    with guarded() as found:
        yield found


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "PPM"])
def test_usual_files_are_decoded_where_they_are_read(form: str) -> None:
    with guarded() as reader:
        assert reader.read(saved(scene(300, 200), form), SIDE, reduced=False).width == 300
        assert reader.process is None


@pytest.mark.parametrize(
    ("form", "how"),
    [("TIFF", {"compression": "tiff_lzw"}), ("GIF", {}), ("JPEG2000", {}), ("AVIF", {}), ("TIFF", {})],
)
def test_a_process_gives_the_same(reader: Guard, form: str, how: dict[str, str]) -> None:
    data = saved(scene(300, 200), form, **how)
    found, expected = reader.read(data, SIDE, reduced=False), photograph(data, False, SIDE)
    assert reader.process is not None
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_not_readable_there_has_its_reason(reader: Guard) -> None:
    with pytest.raises(UnreadableError) as raised:
        reader.read(saved(scene(300, 200), "GIF")[:-200], SIDE, reduced=False)
    assert raised.value.reason == "undecodable"


def test_time_is_limited_and_the_next_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 1)
    with guarded() as reader:
        with pytest.raises(UnreadableError) as raised:
            reader.read(b"P3 4000 4000 255\n" + b"1 " * 25_000_000, SIDE, reduced=False)  # numbers as text
        assert raised.value.reason == "too_costly"
        assert reader.read(saved(scene(30, 20), "GIF"), SIDE, reduced=False).width == 30


def test_memory_is_limited(reader: Guard) -> None:
    side = 8900
    rows = zlib.compress(bytes(side * (1 + 8 * side)), 1)
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    data = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(UnreadableError) as raised:
        reader.read(data, SIDE, reduced=False)
    assert raised.value.reason == "too_costly"


def test_a_process_that_others_end_costs_nothing(reader: Guard) -> None:
    data = saved(scene(300, 200), "GIF")
    reader.read(data, SIDE, reduced=False)
    assert reader.process is not None
    os.kill(reader.process.pid, signal.SIGKILL)
    reader.process.wait()
    assert reader.read(data, SIDE, reduced=False).width == 300


def test_nothing_is_imported_from_the_folder_that_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "tasks", "struct"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with guarded() as reader:
        assert reader.read(saved(scene(30, 20), "GIF"), SIDE, reduced=False).width == 30


def test_limits_of_the_user_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(saved(scene(30, 20), "GIF"))
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (100, 100)); from tasks.classes.guard import guarded;"
        "reader = guarded(); print(reader.__enter__().read(open('a.gif', 'rb').read(), 28, reduced=False).width)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "30\n", done.stderr


def test_many_scans_are_not_cheap() -> None:
    data = saved(scene(2000, 1500), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    with guarded() as reader:
        reader.read(data, SIDE, reduced=False)
        assert reader.process is None
        reader.read(data[:-2] + last * 100 + data[-2:], SIDE, reduced=False)
        assert reader.process is not None


def test_what_libraries_print_is_said_of_the_file(reader: Guard, capfd: pytest.CaptureFixture[str]) -> None:
    bits = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)).convert("1")
    data = bytearray(saved(bits, "TIFF", compression="group4"))
    for position in range(20, len(data) // 2, 400):
        data[position] ^= 0xFF
    assert reader.read(bytes(data), SIDE, reduced=False).remark.startswith("Fax4Decode: ")
    assert not capfd.readouterr().err


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xd8" + b"\xff\xe1\0\2" * 20_000 + b"\xff\xd9", "bad_jpeg"),
        (SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"tEXt", b"a\0b") * 60_000, "png_chunk"),
    ],
    ids=["JPEG", "PNG"],
)
def test_parts_are_limited(reader: Guard, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        reader.read(data, SIDE, reduced=False)
    assert raised.value.reason == reason
