"""Let the pages be tested as a reader would try them: shell blocks are run first, in a folder of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import prefect_server, server  # noqa: F401  # a page's commands share the tests' server


@pytest.fixture(autouse=True)
def tried_in_a_folder_of_its_own(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run the shell blocks of a page, and let its Python blocks see what they left."""
    page = Path(str(request.node.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(page.parent)  # as in a clone
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name, value in request.getfixturevalue("server").items():
        monkeypatch.setenv(name, value)
    for commands in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        done = subprocess.run(["bash", "-euc", commands], capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
