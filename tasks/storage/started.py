"""The folder in which a command was started, and the empty one in which it works.

Prefect and matplotlib read settings from the current folder, and Python may import from it, but it may be the data set.
So a command resolves relative paths from there and works elsewhere; its processes inherit both.
"""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tasks.errors import UsageError

STARTED_IN = "CLEANSPLIT_STARTED_IN"
STEPS = ".steps"  # in the folder that all processes of a command work in: a byte for each finished step
NAMED = (  # variables that name files or folders, which libraries would resolve from the working folder
    "PREFECT_HOME", "PREFECT_PROFILES_PATH", "MATPLOTLIBRC", "MPLCONFIGDIR", "TMPDIR", "NETRC", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
_own: list[str] = []


def work_elsewhere() -> None:
    """Remember the current folder, and work in an empty one until this process ends."""
    here = os.environ[STARTED_IN] = _current()
    for name in filter(os.environ.get, NAMED):
        os.environ[name] = os.path.join(here, os.path.expanduser(os.environ[name]))
    try:
        _own.append(tempfile.mkdtemp(prefix="cleansplit-"))
        atexit.register(remove_own)
        os.chdir(_own[0])
    except OSError as error:
        sys.exit(f"cleansplit: cannot make a folder to work in ({error}); set TMPDIR to a writable folder.")


def advance(steps: int) -> None:
    """Count finished steps in this process or a child of the command, for its progress bar."""
    if STARTED_IN in os.environ:
        with contextlib.suppress(OSError), Path(STEPS).open("ab") as file:  # a killed child may outlive the folder
            file.write(bytes(steps))


def steps_done() -> int:
    """Return the number of steps that all processes of the command have counted."""
    return os.path.getsize(STEPS) if os.path.exists(STEPS) else 0


def remove_own() -> None:
    """Remove the working folder of this process, which is about to end."""
    while _own:
        shutil.rmtree(_own.pop(), ignore_errors=True)


def absolute(path: str | os.PathLike[str]) -> str:
    """Return an absolute path; ``~`` stands for the user's home, and relative paths start where the command started.

    Raises `UsageError` when that folder no longer exists.
    """
    own = os.path.expanduser(path)
    if os.path.isabs(own):
        return os.path.abspath(own)
    if folder := os.environ.get(STARTED_IN, _current()):
        return os.path.abspath(os.path.join(folder, own))
    raise UsageError(f"{own} is relative to a folder that was removed; change to another, or give an absolute path.")


def _current() -> str:
    """Return the current folder, or an empty string if it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
