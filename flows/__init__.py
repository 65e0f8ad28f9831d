"""Prefect flows of cleansplit: orchestration only."""

import os

# Prefect reads this on its first import: a run sends nothing anywhere, and its temporary server does not mention it.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
