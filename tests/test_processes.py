"""Processes that do the heavy work of tasks, real ones."""

import contextlib
import contextvars
import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from loky.backend import resource_tracker

from tasks.errors import ProcessLostError, StorageError
from tasks.processes import end_processes, in_processes, in_worker

ROOT = Path(__file__).resolve().parents[1]
SOON = 10  # seconds; less than the interrupted work would take


def who() -> tuple[int, int, bool]:
    return os.getpid(), os.getppid(), "prefect" in sys.modules


def fail() -> None:
    raise StorageError("the device is away for a moment", heals=True)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_there(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def write_and_wait(mark: Path) -> None:
    mark.touch()
    time.sleep(6 * SOON)


def semaphores() -> list[Path]:
    """Return the system resources that remain, on Linux, shortly after the processes of this one have ended."""
    limit = time.monotonic() + SOON / 5
    while found := list(Path("/dev/shm").glob(f"sem.loky-{os.getpid()}-*")):  # noqa: S108  # of the system
        gc.collect()
        if time.monotonic() > limit:
            break
        time.sleep(0.05)
    return found


def test_work_is_done_in_processes_where_there_are_some_and_else_here() -> None:
    assert in_worker(who)[0] == os.getpid()
    with in_processes(0):
        assert in_worker(who)[0] == os.getpid()
    with in_processes(1):
        process, parent, prefect = in_worker(who)
        assert (parent, prefect) == (os.getpid(), False)
    assert process != os.getpid()
    assert not semaphores(), "left behind"
    assert in_worker(who)[0] == os.getpid(), "again"


def test_an_error_says_and_is_what_it_was() -> None:
    with in_processes(1), pytest.raises(StorageError, match="away for a moment") as found:
        in_worker(fail)
    assert found.value.heals, "so its task is tried again"


def test_a_process_that_was_killed_is_told_from_an_error() -> None:
    with in_processes(1):
        with pytest.raises(ProcessLostError, match="was killed, perhaps for lack of memory"):
            in_worker(die)
        with pytest.raises(ProcessLostError):
            in_worker(who)


@pytest.mark.parametrize("ended_by", ["an error of the block", "who stops the run"])
def test_what_processes_do_can_be_ended(ended_by: str, tmp_path: Path) -> None:
    seen: list[BaseException] = []

    def work() -> None:
        try:
            in_worker(write_and_wait, tmp_path / "mark")
        except ProcessLostError as error:
            seen.append(error)

    def end() -> None:
        with in_processes(1):
            context = contextvars.copy_context()
            waiting.append(threading.Thread(target=context.run, args=(work,)))
            waiting[0].start()
            while not (tmp_path / "mark").exists():
                time.sleep(0.05)
            if ended_by == "an error of the block":
                raise KeyboardInterrupt
            end_processes()
            waiting[0].join(SOON)
            raise KeyboardInterrupt

    waiting: list[threading.Thread] = []
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        end()
    waiting[0].join(SOON)
    assert time.monotonic() - start < SOON
    assert len(seen) == 1
    seen.clear()  # an error refers to all that it passed through
    assert not semaphores()


def test_a_lost_process_does_not_keep_the_block_from_ending() -> None:
    """What tells processes to end must not wait for one that was killed."""
    with pytest.raises(ProcessLostError), in_processes(2):
        in_worker(die)


def test_a_process_that_does_not_start_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    resource_tracker.ensure_running()  # which is started in the same way
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ProcessLostError), in_processes(2):
        in_worker(who)


def test_a_script_that_calls_us_is_not_run_again(tmp_path: Path) -> None:
    """Whoever calls a flow in a script need not say that it is the main one."""
    script = tmp_path / "script.py"
    script.write_text(
        "from tasks.processes import in_worker, in_processes\n"
        "from tests.test_processes import who\n"
        "print('begins')\n"
        "with in_processes(1):\n"
        "    print(in_worker(who)[2])\n"
    )
    (tmp_path / "pickle.py").write_text("raise SystemExit('of the current folder')")
    done = subprocess.run(
        [sys.executable, "-P", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("begins\nFalse\n", "")
