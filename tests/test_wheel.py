"""The wheel contains everything that a run needs, and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.build import ROOT

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), "."],
        cwd=ROOT,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_every_module_and_asset_and_no_test(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    sources = [path for top in ("flows", "tasks") for path in (ROOT / top).rglob("*") if path.suffix != ".pyc"]
    assert {str(path.relative_to(ROOT)) for path in sources if path.is_file()} | {"cleansplit.py"} <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/"))]


def test_its_command_starts_away_from_the_clone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    started = "import sys; sys.argv[1:] = ['--version']; from flows.command.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", started],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0.2.0"
