"""After a temporary failure of storage the task is retried; a permanent failure ends it at once."""

import errno
from pathlib import Path

import pytest
from prefect import flow

from tasks.errors import StorageError
from tasks.stage_task import stage_task
from tasks.storage.disk import storage_errors
from tasks.storage.place import Place


@pytest.mark.parametrize(("name", "tries"), [("EIO", 2), ("ESTALE", 2), ("ETIMEDOUT", 2), ("EAGAIN", 2), ("ENOSPC", 1)])
def test_only_what_may_heal_is_tried_again(prefect_server: None, tmp_path: Path, name: str, tries: int) -> None:
    attempts = tmp_path / "attempts"

    @stage_task("write once the device is back")
    def write() -> str:
        with attempts.open("a") as file:
            file.write("x")
        with storage_errors(Place.of(tmp_path)):
            if len(attempts.read_text()) < 2:
                raise OSError(getattr(errno, name), "no")
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
