"""The `cleansplit` command. The last line on standard output is the run directory; all else goes to standard error."""

import os


def main() -> None:
    """Run the command line.

    Everything is imported here and not above: the processes of a pool import this file when they start.
    """
    # The console shows progress and one summary; Prefect keeps its own logs for its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # a busy machine takes a minute
    from flows.command.commands import execute

    execute()


if __name__ == "__main__":
    main()
