"""The folder that a command was started in, and the empty one that it works in.

Prefect and matplotlib take settings from the current folder, and Python may take modules; but that folder may be the
data set. So a command remembers where relative paths start, and works elsewhere; its processes inherit both.
"""

import atexit
import os
import shutil
import sys
import tempfile

from tasks.errors import UsageError

STARTED_IN = "CLEANSPLIT_STARTED_IN"
NAMED = (  # variables that name a file or folder, for libraries that would look for it from where we work
    "PREFECT_HOME", "PREFECT_PROFILES_PATH", "MATPLOTLIBRC", "MPLCONFIGDIR", "TMPDIR", "NETRC", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
_own: list[str] = []


def work_elsewhere() -> None:
    """Remember the current folder, and work in an empty one of this process until it ends."""
    here = os.environ[STARTED_IN] = _current()
    for name in filter(os.environ.get, NAMED):
        os.environ[name] = os.path.join(here, os.path.expanduser(os.environ[name]))
    try:
        _own.append(tempfile.mkdtemp(prefix="cleansplit-"))
        atexit.register(remove_own)
        os.chdir(_own[0])
    except OSError as error:
        sys.exit(f"cleansplit: there is no folder to work in ({error}); let TMPDIR name one that can be written.")


def remove_own() -> None:
    """Remove the folder that this process works in, which is about to end."""
    while _own:
        shutil.rmtree(_own.pop(), ignore_errors=True)


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path from the root; ``~`` stands for the user's home, and a relative path starts where we were started.

    Raises `UsageError` when that folder was removed.
    """
    own = os.path.expanduser(path)
    if os.path.isabs(own):
        return os.path.abspath(own)
    if folder := os.environ.get(STARTED_IN, _current()):
        return os.path.abspath(os.path.join(folder, own))
    raise UsageError(f"{own} starts in the current folder, which was removed; change to another, or give a whole path.")


def _current() -> str:
    """Return the current folder; nothing if it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
