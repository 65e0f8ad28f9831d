"""A small run without Prefect, in a child process that can be broken in every way.

The same tasks in the same order as in the flows, called as plain functions. A child is a fork of this process, so
that a thousand runs cost minutes and not hours. Run as a module it does one run and ends with the command's exit code.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import CleanSplitError
from tasks.records.spec import RunSpec
from tests import plain
from tests.build import Gray, glyphs, members_of, noise, png, write_tar

CRASHED = 137


def write_sources(folder: Path) -> dict[str, str]:
    """Write two archives of two letters: 24 and 8 images each, with exact and near twins and two bad members."""
    large: dict[str, list[Gray]] = {}
    small: dict[str, list[Gray]] = {}
    for number, letter in enumerate("AB"):
        own = list(glyphs(30, seed=number))
        large[letter], small[letter] = own[:24], [*own[:2], noise(own[2], 1, seed=0), *own[24:29]]
    bad = {"root/A/broken.png": b"", "root/B/.DS_Store": b"x", "root/stray.png": png(large["A"][0])}
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "large": write_tar(folder / "large.tar.gz", members_of(large, "large") | bad),
        "small": write_tar(folder / "small.tar.gz", members_of(small, "small")),
    }
    return {role: str(path) for role, path in paths.items()}


def small_spec(sources: dict[str, str], workspace: Path) -> RunSpec:
    """Return the parameters of the small run."""
    return RunSpec.of(
        **sources, workspace=workspace, classes=2, models=("1nn",), sizes=("all",), max_quarantine=0.5, workers=1
    )


def run(spec: RunSpec) -> None:
    """Do a run, one task after another."""
    plain.run(**vars(spec))


@dataclass(frozen=True)
class Ended:
    """The end of a run: its exit code (negative: the signal), and its last output."""

    code: int
    said: str
    seconds: float = 0.0


def attempt(work: Callable[[], None]) -> tuple[int, str]:
    """Do some work and return the exit code and the sentence that the command would give."""
    try:
        work()
    except CleanSplitError as error:
        return error.exit_code, str(error)
    except Exception:
        return 1, traceback.format_exc()
    return 0, ""


def start(work: Callable[[], None], scratch: Path) -> int:
    """Start some work in a child that writes its last words to a file in `scratch`; returns its process id."""
    child = os.fork()
    if child:
        os.setpgid(child, child)  # in both processes, so that the group exists when it is killed
        return child
    os.setpgid(0, 0)
    code, said = attempt(work)
    (scratch / f"said-{os.getpid()}").write_text(said)
    os._exit(code)


def finish(child: int, scratch: Path, seconds: float = 60) -> Ended:
    """Wait for a child; one that hangs is killed, and has the code of the signal."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.002)
    else:
        os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    said = scratch / f"said-{child}"
    text = said.read_text() if said.exists() else ""
    said.unlink(missing_ok=True)
    return Ended(os.waitstatus_to_exitcode(status), text, time.monotonic() - begin)


def in_child(work: Callable[[], None], scratch: Path, seconds: float = 60) -> Ended:
    """Do some work in a child and wait for it."""
    return finish(start(work, scratch), scratch, seconds)


LISTS = re.compile(rb'href="data:text/plain[^"]*"')  # that the page offers for saving


def digest_of_run(run: Path) -> str:
    """Return a digest of all that a run holds but run.json, and but what names its sources in the report."""
    sha = hashlib.sha256()
    names = [entry["name"] for entry in json.loads((run / "report.json").read_text())["inputs"]]
    for path in sorted(path for path in run.rglob("*") if path.is_file() and path.name != "run.json"):
        data = path.read_bytes()
        if path.name == "report.json":
            content: dict[str, Any] = json.loads(data)
            content["inputs"] = content["spec"]["large"] = content["spec"]["small"] = None
            data = json.dumps(content).encode()
        if path.name == "report.html":
            data = LISTS.sub(b"", data)  # those of files below
        if path.suffix in (".html", ".csv", ".txt"):
            for name in names:
                data = data.replace(name.encode(), b"source")
        sha.update(f"{path.relative_to(run)}\0{len(data)}\0".encode() + data)
    return sha.hexdigest()


def digest(workspace: Path) -> str:
    """Return the digest of the newest run, or an empty string."""
    latest = workspace / "latest"
    return digest_of_run(latest.resolve()) if latest.exists() else ""


def fresh(workspace: Path) -> Path:
    """Return a workspace that does not exist yet."""
    shutil.rmtree(workspace, ignore_errors=True)
    return workspace


def main() -> None:
    """Do the small run in the given workspace, from the sources next to it."""
    workspace = Path(sys.argv[1])
    sources = {role: str(workspace.parent / f"{role}.tar.gz") for role in ("large", "small")}
    code, said = attempt(lambda: run(small_spec(sources, workspace)))
    print(said, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
