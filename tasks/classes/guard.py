"""Decode what may be dear in a process with limits: no file can take a run's time or memory, or end it.

Files that are cheap by construction, nearly all there are, are decoded where they are read. For others a process is
started, `tasks.classes.guarded`, which may take a few seconds of processor time and a gigabyte for each. A file that
exceeds a limit or crashes the process is refused, and another process is started for the next file. A process that was
stopped, killed or short of memory says nothing about its file: the file is tried once more, and then the run fails.
"""

import contextlib
import json
import os  # noqa: TID251  # the environment of a process
import signal
import subprocess
import sys
from math import isqrt
from multiprocessing import Pipe
from typing import Any

import numpy as np

import tasks
from tasks.classes.decoder import CostlyError, Photograph, photograph
from tasks.classes.png import UnreadableError
from tasks.errors import ProcessLostError

SECONDS = 5  # of processor time for one file
PATIENCE = 60.0  # seconds after which a process was stopped, or waits for something: it could have used its time
SECONDS_TO_END = 1  # of a process that nobody asks any more
OF_THE_FILE = {  # how a process ends that a file ends
    -signal.SIGXCPU: "its limit of processor time", -signal.SIGSEGV: "a crash", -signal.SIGBUS: "a crash",
    -signal.SIGABRT: "a crash", -signal.SIGFPE: "a crash", -signal.SIGILL: "a crash",
}  # fmt: skip
PACKAGES = os.path.dirname(os.path.dirname(tasks.__file__ or ""))  # the folder that holds ours


class Guard:
    """Decodes files one after the other, some of them in a process of its own; not for several threads.

    A file may take `seconds` of processor time, and an answer `patience` seconds.
    """

    def __init__(self, seconds: int = SECONDS, patience: float = PATIENCE) -> None:
        self.seconds, self.patience = seconds, patience
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Any = None

    def read(self, data: bytes, side: int, reduced: bool = True, name: str = "an image") -> Photograph:
        """Decode a file; raises `UnreadableError` when it can't be decoded, or takes too much.

        Raises `ProcessLostError`, whose sentence has the `name`, when the process gave no answer twice, for a reason
        that may pass.
        """
        with contextlib.suppress(CostlyError, MemoryError):
            return photograph(data, reduced, side, cheap=True)
        return self._read_elsewhere((data, reduced, side), name)

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

    def _read_elsewhere(self, asked: tuple[bytes, bool, int], name: str) -> Photograph:
        for _ in range(2):
            if answer := self._answer(asked):
                return _photograph_in(answer)
            if (ended := self.close()) in OF_THE_FILE:
                raise UnreadableError("too_costly", f"its decoder was ended by {OF_THE_FILE[ended]}")
        raise ProcessLostError(
            f"{name} was not decoded: twice its decoder was stopped, killed or short of memory; "
            "run the same command again."
        )

    def _answer(self, asked: tuple[bytes, bool, int]) -> bytes:
        """Ask the process; the answer is empty if it has ended or does not answer in time."""
        if self.process is None:
            self._start()
        with contextlib.suppress(EOFError, OSError):
            self.connection.send(asked)
            if self.connection.poll(self.patience):
                return bytes(self.connection.recv_bytes())
        return b""

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            # Nothing is imported from the current folder, which may be the one that is looked through.
            command = [sys.executable, "-P", "-m", "tasks.classes.guarded", str(theirs.fileno()), str(self.seconds)]
            paths = os.pathsep.join([PACKAGES, *filter(None, sys.path)])
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                command, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.DEVNULL
            )
        self.connection = ours


def _photograph_in(answer: bytes) -> Photograph:
    """Return the photograph in an answer of `tasks.classes.guarded`; raises `UnreadableError` if it has none."""
    told: list[Any] = json.loads(answer)
    if len(told) == len(("reason", "detail")):
        raise UnreadableError(*told)
    *about, digest, coded, thumbnail, gray, copy, remark = told
    made = bytes.fromhex(digest), coded and bytes.fromhex(coded), bytes.fromhex(thumbnail)
    copies = (np.frombuffer(bytes.fromhex(pixels), np.uint8) for pixels in (gray, copy))
    squares = (pixels.reshape(isqrt(len(pixels)), -1) for pixels in copies)
    return Photograph._make([*about, *made, *squares, remark])


def guarded(seconds: int = SECONDS, patience: float = PATIENCE) -> contextlib.closing[Guard]:
    """Return a guard for the files that a block reads; see `Guard`."""
    return contextlib.closing(Guard(seconds, patience))
