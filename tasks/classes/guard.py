"""Decode potentially expensive files in a process with limits, so that no file can exhaust or end a run.

Nearly all files are cheap by construction and decoded directly. For others a process, `tasks.classes.guarded`, may take
a few seconds of processor time and a gigabyte per file. A file that exceeds a limit or crashes the process is refused,
and the next file gets a new process. If the process is stopped, killed or short of memory, the file may not be the
cause: it is tried once more, and then the run fails.
"""

import contextlib
import json
import os  # noqa: TID251  # the environment of a process
import signal
import subprocess
import sys
from multiprocessing import Pipe
from typing import Any

import tasks
from tasks.classes.decoder import CostlyError, Photograph, photograph
from tasks.classes.png import UnreadableError
from tasks.errors import ProcessLostError

SECONDS = 5  # of processor time for one file
PATIENCE = 60.0  # seconds after which a process must be stopped or blocked: it could have used its processor time
SECONDS_TO_END = 1  # of an unused process
OF_THE_FILE = {  # exit codes that the file causes
    -signal.SIGXCPU: "its limit of processor time", -signal.SIGSEGV: "a crash", -signal.SIGBUS: "a crash",
    -signal.SIGABRT: "a crash", -signal.SIGFPE: "a crash", -signal.SIGILL: "a crash",
}  # fmt: skip
PACKAGES = os.path.dirname(os.path.dirname(tasks.__file__ or ""))  # the folder of our packages


class Guard:
    """Decodes files in sequence, some of them in its own process; not for several threads."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Any = None

    def read(self, data: bytes, side: int, reduced: bool = True, name: str = "an image") -> Photograph:
        """Decode a file; raises `UnreadableError` if it is undecodable or too costly.

        Raises `ProcessLostError` with the `name` if the process twice gave no answer for a possibly temporary reason.
        """
        with contextlib.suppress(CostlyError, MemoryError):
            return photograph(data, reduced, side, cheap=True)
        return self._read_elsewhere((data, reduced, side), name)

    def close(self) -> int | None:
        """End the process, if there is one; return its exit code if it had already ended."""
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
        said = "its decoder was killed or lacked memory; run the same command again."
        raise ProcessLostError(f"{name} was not decoded: {said}")

    def _answer(self, asked: tuple[bytes, bool, int]) -> bytes:
        """Ask the process; return an empty answer if it ended or did not answer in time."""
        if self.process is None:
            self._start()
        with contextlib.suppress(EOFError, OSError):
            self.connection.send(asked)
            if self.connection.poll(PATIENCE):
                return bytes(self.connection.recv_bytes())
        return b""

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            # Nothing may be imported from the current folder, which may be an untrusted data set.
            command = [sys.executable, "-P", "-m", "tasks.classes.guarded", str(theirs.fileno()), str(SECONDS)]
            paths = os.pathsep.join([PACKAGES, *filter(None, sys.path)])
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                command, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.DEVNULL
            )
        self.connection = ours


def _photograph_in(answer: bytes) -> Photograph:
    """Return the photograph in an answer of `tasks.classes.guarded`; raises `UnreadableError` for an error."""
    told: list[Any] = json.loads(answer)
    if len(told) == 2:  # reason and detail
        raise UnreadableError(*told)
    *about, digest, coded, thumbnail, gray, copy, colours, remark = told
    made = (field and bytes.fromhex(field) for field in (digest, coded, thumbnail, gray, copy, colours))
    return Photograph._make([*about, *made, remark])


def guarded() -> contextlib.closing[Guard]:
    """Return a guard for the files that a block reads; see `Guard`."""
    return contextlib.closing(Guard())
