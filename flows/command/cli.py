"""The `cleansplit` command. The last line on standard output is the run directory; all else goes to standard error."""

import os
import sys


# The database of a server without Postgres takes one writer at a time, and who finds it locked tries again in two
# seconds; so what tasks report is written together, and a temporary server does nothing that one run can do without.
def _together(seconds: int) -> dict[str, str]:
    """Return the settings by which a server writes what tasks report at most each so many seconds, and at its end."""
    values = {"READ_BATCH_SIZE": "100", "BATCH_SIZE": "100", "FLUSH_INTERVAL": str(seconds)}
    return {f"PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_{name}": value for name, value in values.items()}


TOGETHER = _together(1)
LEAN = {
    **_together(10),  # nobody looks on
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # which imports every integration
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # a server that stays does it
    **{
        f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
        for name in (
            "CANCELLATION_CLEANUP", "EVENT_LOGGER", "EVENT_PERSISTER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS",
            "REPOSSESSOR", "SCHEDULER", "TRIGGERS",
        )
    },
}  # fmt: skip
WITH_FLOWS = ("run", "audit", "dedupe", "split", "sanitize", "evaluate", "prepare", "reproduce")  # commands


def main() -> None:
    """Run the command line.

    Everything is imported here and not above: the processes of a pool import this file when they start.
    """
    if sys.getfilesystemencoding() != "utf-8":  # text and names of files are UTF-8, whatever the locale says
        paths = os.pathsep.join(filter(None, sys.path))  # without the current folder, which -P leaves out, too
        again = [sys.executable, "-P", "-X", "utf8", "-m", "flows.command.cli", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONPATH": paths})  # noqa: S606  # ourselves
    from tasks.storage.started import work_elsewhere

    work_elsewhere()  # before anything takes settings from the current folder
    # The console shows progress and one summary; Prefect keeps its own logs for its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # a busy machine takes a minute
    for name, value in LEAN.items():
        os.environ.setdefault(name, value)
    from flows.engine import temporary

    if {*sys.argv[1:2]} & {*WITH_FLOWS} and not {*sys.argv} & {"--help", "-h"}:
        temporary.start()  # before what was typed is read: all that follows waits for it
    from flows.command.commands import execute

    execute()


if __name__ == "__main__":
    main()
