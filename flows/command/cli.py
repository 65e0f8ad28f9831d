"""The `cleansplit` command. The last line on standard output is the run directory; all else goes to standard error."""

import os
import sys
from contextlib import suppress
from typing import get_args


def main() -> None:
    """Run the command line; modules that read settings from the current folder are imported after leaving it."""
    if sys.getfilesystemencoding() != "utf-8":  # text and names of files are UTF-8 in any locale
        paths = os.pathsep.join(filter(None, sys.path))  # without the current folder, like -P
        again = [sys.executable, "-P", "-X", "utf8", "-m", "flows.command.cli", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONPATH": paths})  # noqa: S606  # ourselves
    from tasks.storage.started import work_elsewhere

    work_elsewhere()
    from flows.engine import temporary
    from flows.engine.importing import without_garbage
    from tasks.errors import UsageError
    from tasks.vocabulary import ServedName

    if set(sys.argv[1:2]) & set(get_args(ServedName)) and not {"--help", "-h"} & set(sys.argv):
        with suppress(UsageError):  # of a setting, which the command reports
            temporary.start()  # meanwhile this process imports and reads the command
    # The console shows progress and one summary; Prefect keeps its own logs for its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")  # such as events that wait for a dead server
    with without_garbage():
        from flows.command.commands import execute

    execute()


if __name__ == "__main__":
    main()
