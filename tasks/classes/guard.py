"""Decode what may be dear in a process with limits: no file can take a run's time or memory, or end it.

Files that are cheap by construction, nearly all there are, are decoded where they are read. For others a process is
started, `tasks.classes.guarded`, which may take a few seconds of processor time and a gigabyte for each. When it is
ended by a limit, or dies of a file, the file is refused and another process is started for the next.
"""

import contextlib
import os  # noqa: TID251  # the environment of a process
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import Any

import tasks
from tasks.classes.decoder import CostlyError, Photograph, photograph
from tasks.classes.messages import Asked, answer_in, question
from tasks.classes.png import UnreadableError
from tasks.errors import ProcessLostError

SECONDS, WALL_SECONDS = 5, 60  # of processor time for one file, and after which a process is taken for stuck
SECONDS_TO_END = 1  # of a process that nobody asks any more
OF_THE_FILE = {  # how a process ends that a file ends
    -signal.SIGXCPU: f"the limit of {SECONDS} s", -signal.SIGSEGV: "a crash", -signal.SIGBUS: "a crash",
    -signal.SIGABRT: "a crash", -signal.SIGFPE: "a crash", -signal.SIGILL: "a crash",
}  # fmt: skip
PACKAGES = os.path.dirname(os.path.dirname(tasks.__file__ or ""))  # the folder that holds ours


class Guard:
    """Decodes files one after the other, some of them in a process of its own; not for several threads."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Any = None

    def read(self, data: bytes, side: int, reduced: bool = True) -> Photograph:
        """Decode a file; raises `UnreadableError`."""
        try:
            return photograph(data, reduced, side, cheap=True)
        except CostlyError:
            return self._read_elsewhere(Asked(reduced, side, data))

    def close(self) -> int | None:
        """End the process, if there is one, and return the code that it ended with, if it had ended by itself."""
        if self.process is None:
            return None
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(SECONDS_TO_END)
        self.process.kill()
        code, self.process = self.process.wait(), None
        return code

    def _read_elsewhere(self, asked: Asked) -> Photograph:
        for _ in range(2):
            if answer := self._answer(asked):
                return answer_in(answer, asked.side)
            if (ended := self.close()) in OF_THE_FILE:
                raise UnreadableError("too_costly", f"its decoder was ended by {OF_THE_FILE[ended]}")
        raise ProcessLostError(f"The process that decodes costly files ended twice with {ended}.")

    def _answer(self, asked: Asked) -> bytes:
        """Ask the process; the answer is empty if that has ended."""
        if self.process is None:
            self._start()
        with contextlib.suppress(EOFError, OSError):
            self.connection.send_bytes(question(asked))
            if self.connection.poll(WALL_SECONDS):
                return bytes(self.connection.recv_bytes())
            self.close()
            raise UnreadableError("too_costly", f"its decoder did not answer for {WALL_SECONDS} s")
        return b""

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            # Nothing is imported from the current folder, which may be the one that is looked through.
            command = [sys.executable, "-P", "-m", "tasks.classes.guarded", str(theirs.fileno()), str(SECONDS)]
            paths = os.pathsep.join([PACKAGES, *filter(None, sys.path)])
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                command, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.DEVNULL
            )
        self.connection = ours


@contextlib.contextmanager
def guarded() -> Iterator[Guard]:
    """Yield a guard for the files that the block reads."""
    guard = Guard()
    try:
        yield guard
    finally:
        guard.close()
