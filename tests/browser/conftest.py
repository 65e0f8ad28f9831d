"""A real browser; without one, tests that need it are skipped and counted."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of the system.

    It ends with its module: as long as Playwright runs, Prefect takes every later call for one in an event loop.
    """
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("needs a Chromium, which is not installed")
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": path, "args": list(QUIET)}
        started = playwright.chromium.launch(**options)
        yield started
        started.close()
