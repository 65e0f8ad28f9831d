"""Storage that fails for a moment: the task waits and tries again; what can't heal fails at once."""

import errno
from pathlib import Path

import pytest
from prefect import flow

from tasks.errors import StorageError
from tasks.store import storage_errors
from tasks.tasks import stage_task


@pytest.mark.parametrize(("number", "tries"), [(errno.EIO, 2), (errno.ENOSPC, 1)], ids=["EIO", "ENOSPC"])
def test_only_what_may_heal_is_tried_again(prefect_server: None, tmp_path: Path, number: int, tries: int) -> None:
    attempts = tmp_path / "attempts"

    @stage_task("write once the device is back")
    def write() -> str:
        with attempts.open("a") as file:
            file.write("x")
        with storage_errors(tmp_path):
            if len(attempts.read_text()) < 2:
                raise OSError(number, "no")
        return "written"

    @flow
    def run() -> str:
        return str(write.submit().result())

    if tries == 1:
        with pytest.raises(StorageError):
            run()
    else:
        assert run() == "written"
    assert len(attempts.read_text()) == tries
