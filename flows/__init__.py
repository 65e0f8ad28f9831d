"""Prefect flows of cleansplit: orchestration only."""

import os

# Read when Prefect is first imported: a run sends nothing anywhere, and its temporary server is quiet about it.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
