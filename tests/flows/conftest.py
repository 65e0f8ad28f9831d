"""One small run for the tests that look at what a run leaves behind."""

from typing import Any

import numpy as np
import pytest

from tasks.records import Report
from tests.build import Gray, glyphs, members_of, png, write_tar

LETTERS = "ABCDEFGHIJ"
TINY: dict[str, Any] = {"models": ("softmax", "1nn"), "sizes": (50, "all"), "workers": 2, "max_quarantine": 0.1}


def noise(image: Gray, pixels: int, seed: int) -> Gray:
    """Return the image with a few ink pixels taken away: a near-duplicate."""
    changed = image.copy()
    inked = np.flatnonzero(changed > 127)
    changed.flat[np.random.default_rng(seed).permutation(inked)[:pixels]] = 0
    return changed


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build two archives: 42 and 12 images a letter; of the 12, two have an exact and two a near twin in large."""
    folder = tmp_path_factory.mktemp("sources")
    large, small = {}, {}
    for number, letter in enumerate(LETTERS):
        own = glyphs(50, seed=number)
        large[letter] = list(own[:42])
        near = [noise(image, 1, seed=number) for image in own[2:4]]
        small[letter] = [*own[:2], *near, *own[42:]]
    bad = {
        "root/A/broken.png": b"",
        "root/J/text.png": b"<html>",
        "root/B/.DS_Store": b"x",
        "root/stray.png": png(own[0]),
    }
    paths = {
        "large": write_tar(folder / "large.tar.gz", members_of(large, "large") | bad),
        "small": write_tar(folder / "small.tar.gz", members_of(small, "small") | {"root/F/empty.png": b""}),
    }
    return {role: str(path) for role, path in paths.items()}


@pytest.fixture(scope="session")
def run(prefect_server: None, sources: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Run the pipeline once."""
    from flows.pipeline import cleansplit

    return cleansplit(**sources, workspace=tmp_path_factory.mktemp("workspace"), **TINY)


@pytest.fixture(scope="session")
def server(prefect_server: None) -> dict[str, str]:
    """Return the environment that leads other processes to the tests' server."""
    from prefect.settings import PREFECT_API_URL

    return {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
