"""The `cleansplit` command. The last line on standard output is the run directory; all else goes to standard error."""

import os

# What a server does that the temporary one of a single run need not: its database serves one writer at a time, and who
# finds it locked waits for two seconds.
IDLE = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in (
        "CANCELLATION_CLEANUP", "EVENT_LOGGER", "EVENT_PERSISTER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS",
        "REPOSSESSOR", "SCHEDULER", "TRIGGERS",
    )
}  # fmt: skip


def main() -> None:
    """Run the command line.

    Everything is imported here and not above: the processes of a pool import this file when they start.
    """
    # The console shows progress and one summary; Prefect keeps its own logs for its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # a busy machine takes a minute
    for name, value in IDLE.items():
        os.environ.setdefault(name, value)
    from flows.command.commands import execute

    execute()


if __name__ == "__main__":
    main()
