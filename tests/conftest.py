"""Fixtures: real archives built on the spot, the shared data where it is there, one Prefect server for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

import pytest
from hypothesis import settings
from prefect.testing.utilities import prefect_test_harness

from tests.build import SHARED


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Run flows against one server of their own."""
    with prefect_test_harness(server_startup_timeout=90):
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with real data; skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"needs the shared data folder {SHARED}, which is not there")
    return SHARED


settings.register_profile("reproducible", derandomize=True, print_blob=True)
settings.load_profile("reproducible")
