"""Tests of cleansplit; processes of tests and benchmarks send no data anywhere."""

import os

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
