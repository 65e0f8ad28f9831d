"""Reading many files: each in full up to a limit, whatever their sizes."""

import os
from pathlib import Path

import pytest

from tasks.storage.place import Place
from tasks.storage.stores import MOST_VISITS, at


def test_files_are_read_in_full_up_to_the_limit_and_what_fails_is_told(tmp_path: Path) -> None:
    sizes = {"empty": 0, "small": 99, "as large": 100, "larger": 101, "large": 3_000_000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    read = list(at(Place.of(str(tmp_path))).contents([*sizes, "missing", "."], 100))
    assert read[: len(sizes)] == [(tmp_path / name).read_bytes()[:100] for name in sizes]
    assert [type(error) for error in read[len(sizes) :]] == [FileNotFoundError, IsADirectoryError]


def test_what_is_no_file_any_more_is_empty_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    assert list(at(Place.of(tmp_path)).contents(["pipe", "device"], 100)) == [b"", b""]
    assert at(Place.of(tmp_path / "device")).read_bytes() == b""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the proc file system")
def test_a_file_that_hides_its_size_is_read_too() -> None:
    (status,) = at(Place.of("/proc/self")).contents(["status"], 100)
    assert isinstance(status, bytes)
    assert len(status) == 100


def test_links_to_folders_with_links_end(tmp_path: Path) -> None:
    for level in range(40):
        (tmp_path / f"{level:02}").mkdir()
        for link in "ab":
            (tmp_path / f"{level:02}" / link).symlink_to(f"../{level + 1:02}")
    (tmp_path / "40").mkdir()
    (tmp_path / "40" / "image.png").write_bytes(b"x")
    found = list(at(Place.of(tmp_path)).walk())
    assert sum(each.kind == "file" for each in found) == MOST_VISITS
    assert len(found) < 41 * 2 * MOST_VISITS + MOST_VISITS
