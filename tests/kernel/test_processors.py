"""Every compiler and processor gives the same bits: a driver in C runs every function, on hostile input too."""

import platform
import shutil
from pathlib import Path

import pytest

from tests.faults.kernel import SANITIZED, build_driver, digests

# Compiler, flags, and the emulator of the program.
BUILDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "not optimized": ("cc", ("-O0",), ()),
    "AVX2": ("cc", ("-O3", "-mavx2", "-mpopcnt"), ()),
    "sanitizers": ("cc", SANITIZED, ()),
    "Clang": ("clang", ("-O3",), ()),
    "ARM64": ("aarch64-linux-gnu-gcc", ("-O3", "-static"), ("qemu-aarch64",)),
}


@pytest.fixture(scope="module")
def reference(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    driver = build_driver(compiler, ["-O3"], tmp_path_factory.mktemp("reference"))
    found, of_other_input = (digests([driver], seed) for seed in (1, 2))
    assert found != of_other_input
    return found


@pytest.mark.parametrize("name", BUILDS)
def test_results_have_the_same_bits(name: str, reference: str, tmp_path: Path) -> None:
    compiler, flags, runner = BUILDS[name]
    for tool in (compiler, *runner):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}")
    if name == "AVX2" and "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip(f"needs a processor with AVX2, and this is {platform.machine()}")
    driver = build_driver(compiler, flags, tmp_path)
    assert digests([*runner, driver], 1) == reference
