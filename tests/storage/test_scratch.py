"""The folder of files of a bucket: processes that make room in it at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.storage import scratch


def test_several_processes_may_make_room_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(scratch.FOLDER, str(tmp_path))
    monkeypatch.setenv(scratch.LIMIT, "0")
    monkeypatch.setattr(scratch, "IN_USE_SECONDS", -1)

    def use(_: int) -> None:
        with scratch.draft():
            pass

    for _ in range(20):
        for number in range(300):
            (scratch.folder() / "files" / f"{number}").write_bytes(b"x")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(use, range(4)))
        assert not list((tmp_path / "files").iterdir())
