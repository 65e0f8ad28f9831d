"""The kernel, as the project compiles it and for processors without AVX2, whether it is installed or not."""

import shutil
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace as Functions

import pytest

from tasks.kernel import load
from tests.build import ROOT, once

FLAGS = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi")


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which("cc")
    if not found:
        pytest.skip("needs a C compiler")
    return found


@pytest.fixture(scope="session")
def libraries(compiler: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both libraries."""

    def build(folder: Path) -> None:
        zipfile.ZipFile(wheel).extract("tasks/libkernel.so", folder)
        source, plain = ROOT / "tasks" / "kernel.c", folder / "plain.so"
        subprocess.run([compiler, *FLAGS, "-fPIC", "-shared", source, "-o", plain, "-lm"], check=True)

    return once("kernel", tmp_path_factory, build)


def functions_of(library: Path) -> Functions:
    functions = load(library)
    assert functions is not None
    return functions


@pytest.fixture(scope="session")
def kernel(libraries: Path) -> Functions:
    return functions_of(libraries / "tasks" / "libkernel.so")


@pytest.fixture(scope="session")
def plain(libraries: Path) -> Functions:
    return functions_of(libraries / "plain.so")
