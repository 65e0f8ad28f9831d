"""Run the compiled kernel on hostile input under the sanitizers of addresses and undefined behaviour: [--seconds N]."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cyclopts

from tests.build import ROOT

DRIVER = ROOT / "tests" / "kernel" / "driver.c"
FLAGS = ("-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-Wno-psabi")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ROUNDS = 20


def build_driver(compiler: str, flags: Sequence[str], folder: Path) -> Path:
    """Compile the kernel with the driver of its functions."""
    driver = folder / "driver"
    subprocess.run([compiler, *FLAGS, *flags, str(DRIVER), "-o", str(driver), "-lm"], check=True)
    return driver


def digests(command: Sequence[str | Path], seed: int) -> str:
    """Return the output of the driver for a seed; raises `subprocess.CalledProcessError` where a sanitizer stops it."""
    done = subprocess.run([*command, str(seed), str(ROUNDS)], check=True, capture_output=True, text=True)
    return done.stdout


def main(seconds: float = 60) -> None:
    """Try other input until the time is over, and print the first finding."""
    compiler = shutil.which("cc")
    if not compiler:
        sys.exit("The kernel needs a C compiler: install gcc or clang.")
    with tempfile.TemporaryDirectory() as folder:
        driver, seed, end = build_driver(compiler, SANITIZED, Path(folder)), 0, time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                digests([driver], seed)
            except subprocess.CalledProcessError as error:
                sys.exit(f"kernel: seed {seed}\n{error.stderr}")
            seed += 1
    print(f"kernel: {seed * ROUNDS:,} rounds of hostile input, findings 0")


if __name__ == "__main__":
    cyclopts.run(main)
