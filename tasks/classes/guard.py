"""Decode what may be dear in a process with limits: no file can take a run's time or memory, or end it.

Files that are cheap by construction, nearly all there are, are decoded where they are read. For others a process is
started, `tasks.classes.guarded`, which may take a few seconds of processor time and a gigabyte for each. When it is
ended by a limit, or dies of a file, the file is refused and another process is started for the next.
"""

import contextlib
import os  # noqa: TID251  # the environment of a process
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import Any

from tasks.classes.decoder import CostlyError, Photograph, photograph
from tasks.classes.messages import Asked, answer_in, question
from tasks.classes.png import UnreadableError

SECONDS, WALL_SECONDS = 5, 60  # of processor time for one file, and after which a process is taken for stuck


class Guard:
    """Decodes files one after the other, some of them in a process of its own; not for several threads."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Any = None

    def read(self, data: bytes, scaled: bool, side: int) -> Photograph:
        """Decode a file; raises `UnreadableError`."""
        try:
            return photograph(data, scaled, side, cheap=True)
        except CostlyError:
            return self._read_elsewhere(Asked(scaled, side, data))

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.connection.close()
            self.process.kill()
            self.process.wait()
            self.process = None

    def _read_elsewhere(self, asked: Asked) -> Photograph:
        if self.process is None:
            self._start()
        answer = b""
        with contextlib.suppress(EOFError, OSError):
            self.connection.send_bytes(question(asked))
            if self.connection.poll(WALL_SECONDS):
                answer = self.connection.recv_bytes()
        if not answer:
            self.close()
            raise UnreadableError("too_costly", f"its decoder was ended, after {SECONDS} s at most or by a crash")
        return answer_in(answer, asked.side)

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", "tasks.classes.guarded", str(theirs.fileno()), str(SECONDS)]
            paths = os.pathsep.join(sys.path)
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
