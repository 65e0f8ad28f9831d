"""What may be dear to decode is decoded by a process with limits; what that does not survive is refused by name."""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.classes import guard
from tasks.classes.decoder import photograph
from tasks.classes.guard import Guard, guarded
from tasks.classes.png import SIGNATURE, UnreadableError
from tasks.errors import ProcessLostError
from tasks.records import Reading
from tests.build import ROOT, chunk, saved, scene, write_folder
from tests.faults.loading import load

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


def huge_png() -> bytes:
    """Return a PNG whose pixels take more than a gigabyte, in colour with alpha."""
    side = 8900
    rows = zlib.compress(bytes(side * (1 + 8 * side)), 1)
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_memory_is_limited(reader: Guard) -> None:
    with pytest.raises(UnreadableError) as raised:
        reader.read(huge_png(), SIDE, reduced=False)
    assert raised.value.reason == "too_costly"


def test_time_in_which_a_process_was_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(300, 200), "GIF")
    monkeypatch.setattr(guard, "SECONDS", 1)
    monkeypatch.setattr(guard, "PATIENCE", 30)
    with guarded() as reader:
        reader.read(data, SIDE, reduced=False)
        assert reader.process is not None
        before = reader.process.pid
        os.kill(before, signal.SIGSTOP)
        threading.Timer(3, os.kill, (before, signal.SIGCONT)).start()
        assert reader.read(data, SIDE, reduced=False).width == 300
        assert reader.process.pid == before


def test_a_file_is_tried_once_more_when_its_process_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(300, 200), "GIF")
    monkeypatch.setattr(guard, "PATIENCE", 8)  # long enough for another process to start
    with guarded() as reader:
        reader.read(data, SIDE, reduced=False)
        assert reader.process is not None
        os.kill(reader.process.pid, signal.SIGSTOP)
        assert reader.read(data, SIDE, reduced=False).width == 300


@contextlib.contextmanager
def always_sent(number: signal.Signals) -> Iterator[None]:
    """Send a signal to every process that decodes for this one, as soon as it is there."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.01):
            for pid in guarded_processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield
    finally:
        ended.set()
        sending.join()


def guarded_processes() -> Iterator[int]:
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"tasks.classes.guarded" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    yield int(pid)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM])
def test_a_file_whose_process_is_always_stopped_or_ended_is_named_and_not_refused(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(scene(300, 200), "GIF")
    monkeypatch.setattr(guard, "PATIENCE", 1)
    with guarded() as reader, always_sent(number), pytest.raises(ProcessLostError) as raised:
        reader.read(data, SIDE, reduced=False, name="train/A/a.gif")
    assert str(raised.value).startswith("train/A/a.gif was not decoded: ")
    assert str(raised.value).endswith("; run the same command again.")


def test_what_others_end_is_no_property_of_an_image_in_a_source(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "source", {"A/a.gif": saved(scene(300, 200), "GIF")})
    photographs = Reading("photographs", "photo", 16)
    with always_sent(signal.SIGKILL), pytest.raises(ProcessLostError, match=r"large/A/a\.gif was not decoded"):
        load(source, tmp_path / "killed", photographs)
    assert list(load(source, tmp_path / "again", photographs).accepted) == ["large/A/a.gif"]


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from tasks.classes.guard import guarded

with guarded() as reader:
    small, large = (Path(name).read_bytes() for name in ("small.gif", "large.png"))
    reader.read(small, 28)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + 700_000_000 if "limited" in sys.argv else resource.RLIM_INFINITY
    resource.prlimit(reader.process.pid, resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        reader.read(large, 28, name="a/large.png")
    except Exception as error:
        print(type(error).__name__, error)
    print(reader.read(small, 28).width)
"""


@pytest.mark.parametrize("limited", [True, False])
def test_a_file_is_not_too_costly_where_the_machine_lacks_the_memory(tmp_path: Path, limited: bool) -> None:
    (tmp_path / "small.gif").write_bytes(saved(scene(30, 20), "GIF"))
    (tmp_path / "large.png").write_bytes(huge_png())
    command = [sys.executable, "-c", SHORT_OF_MEMORY, *["limited"] * limited]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    said, width = done.stdout.splitlines()
    assert said.startswith("ProcessLostError a/large.png was not decoded" if limited else "UnreadableError"), (
        done.stderr
    )
    assert width == "30"


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
