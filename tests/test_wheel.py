"""The wheel contains everything that a run needs, the kernel if there is a compiler, and nothing of the tests."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tasks.kernel import ARGUMENTS, VERSION
from tests.build import ROOT, built_wheel

NO_COMPILER = {"CC": "/nowhere/cc"}
COMPARED_BY = "from tasks.kernel import engine, functions; print(functions and len(vars(functions)), engine())"


def printed(wheel: Path, folder: Path, program: str) -> str:
    """Return what a program prints with what the wheel holds, on a machine without a compiler, away from the clone."""
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    environment = {"PYTHONPATH": str(folder / "installed"), "PATH": "/nowhere", "HOME": str(folder)}
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_holds_every_module_and_asset_and_no_test(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    command = ["git", "ls-files", "flows", "tasks", "cleansplit.py"]
    assert set(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()) <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/"))]


def test_its_command_starts_away_from_the_clone(wheel: Path, tmp_path: Path) -> None:
    started = "import sys; sys.argv[1:] = ['--version']; from flows.command.cli import main; main()"
    assert printed(wheel, tmp_path, started) == "0.2.0"


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_it_is_for_every_python_of_a_platform_and_brings_the_kernel(wheel: Path, tmp_path: Path) -> None:
    assert re.fullmatch(r"cleansplit-[0-9.]+-py3-none-(linux|macosx)\w+\.whl", wheel.name)
    assert printed(wheel, tmp_path, COMPARED_BY) == f"{len(ARGUMENTS)} kernel {VERSION}"


def test_without_a_compiler_it_is_built_all_the_same_and_numpy_compares(tmp_path: Path) -> None:
    assert printed(built_wheel(tmp_path, NO_COMPILER), tmp_path, COMPARED_BY) == "None numpy"
