"""Tests of cleansplit; what they and the benchmarks start sends nothing anywhere."""

import os

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
