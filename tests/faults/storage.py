"""Storage in trouble: full, too small for a file, read-only, not ours, failing."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tasks.storage.workspace import SHARED
from tests.faults import plain
from tests.faults.crash import at_event
from tests.faults.oracle import Golden, Tally, explained, judge, torn
from tests.faults.plain import Ended

STORAGE = [6]
NOBODY = 65534
FAILING_CALLS = {"fsync": range(1, 60, 6), "rename": range(1, 22, 3), "write": range(1, 40, 4), "link": range(1, 9, 3)}


def may_mount() -> bool:
    """Say whether this process may mount file systems."""
    if os.geteuid() or not shutil.which("mount"):
        return False
    try:
        with tempfile.TemporaryDirectory() as folder, _tmpfs(Path(folder), 65_536):
            return True
    except subprocess.CalledProcessError:
        return False


def may_trace() -> bool:
    """Say whether this process may watch and change the system calls of another."""
    found = shutil.which("strace")
    return found is not None and subprocess.run([found, "-o", os.devnull, "true"], capture_output=True).returncode == 0


def full_disk(golden: Golden, scratch: Path, count: int = 30) -> Tally:
    """Run on file systems of many sizes, all too small; then make room."""
    tally, needed = Tally("disk full"), sum(p.stat().st_size for p in golden.workspace.rglob("*") if p.is_file())
    for number in range(count):
        size = 32_768 + number * needed // count
        with _tmpfs(scratch / "disk", size) as disk:
            workspace = disk / "w"
            ended = plain.in_child(partial(golden.run, workspace), scratch)
            full = ended.code == 0 or "no space left on the device" in ended.said
            problems = Counter(torn=torn(workspace), unexplained=int(not (full and explained(ended, [*STORAGE, 0]))))
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            problems += judge(golden, workspace, ended, [*STORAGE, 0], scratch)
            tally.count(f"{size} bytes", +problems)
    return tally


def small_files(golden: Golden, scratch: Path, sizes: Sequence[int] = (100, 500, 1000, 2000, 5000, 10_000)) -> Tally:
    """Let no file pass some size, which needs no rights; then lift the limit."""
    tally = Tally("file size limit")
    for size in sizes:
        workspace = plain.fresh(scratch / "w")

        def work(size: int = size, workspace: Path = workspace) -> None:
            said = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, said[1]))
            try:
                golden.run(workspace)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, said)

        ended = plain.in_child(work, scratch)
        tally.count(f"{size} bytes", judge(golden, workspace, ended, [*STORAGE, 0], scratch))
    return tally


def read_only(golden: Golden, scratch: Path, step: int = 12) -> Tally:
    """Mount the disk read-only in the middle of a run; then writable again."""
    tally = Tally("read-only in mid-run")
    for number in range(1, 150, step):
        with _tmpfs(scratch / "disk", 64 << 20) as disk:
            workspace = disk / "w"

            def remount(_path: str, disk: Path = disk) -> None:
                subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=False, capture_output=True)

            def work(number: int = number, workspace: Path = workspace) -> None:
                at_event(number, workspace, remount)
                golden.run(workspace)

            ended = plain.in_child(work, scratch)
            problems = Counter(torn=torn(workspace))
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            # A disk on which a file is open for writing can't be made read-only: then the run goes on.
            problems += judge(golden, workspace, ended, [*STORAGE, 0], scratch)
            tally.count(f"event {number}", +problems)
    return tally


def no_permission(golden: Golden, scratch: Path) -> Tally:
    """Let another user run: on a workspace, a stage folder and a source that are not theirs."""
    tally = Tally("no permission")
    os.environ[SHARED] = "1"  # workspaces that every user can write are not the subject
    for what in ("workspace", "stage folder", "source", "latest"):
        place = plain.fresh(scratch / "open")
        place.mkdir(mode=0o777)
        place.chmod(0o777)
        workspace = place / "w"
        sources = {role: str(shutil.copy(path, place)) for role, path in golden.sources.items()}
        mine = Golden(sources, golden.workspace, golden.digest)
        if what == "workspace":
            workspace.mkdir(mode=0o755)
        elif what == "stage folder":
            (workspace / "stages" / "classes").mkdir(parents=True)
            workspace.chmod(0o777)
            (workspace / "stages").chmod(0o777)
        elif what == "source":
            Path(sources["large"]).chmod(0)
        else:
            (workspace / "runs").mkdir(parents=True)
            workspace.chmod(0o777)

        def work(mine: Golden = mine, workspace: Path = workspace) -> None:
            become_nobody()
            mine.run(workspace)

        ended = plain.in_child(work, scratch_for_all(scratch))
        for path in (place, *place.rglob("*")):
            path.chmod(0o777)
        tally.count(what, judge(mine, workspace, ended, STORAGE, scratch))
    del os.environ[SHARED]
    return tally


def failing_device(golden: Golden, scratch: Path, calls: dict[str, Sequence[int]] = FAILING_CALLS) -> Tally:  # type: ignore[assignment]  # ranges are sequences of int
    """Let the kernel itself refuse the n-th call of a kind with an input/output error."""
    tally = Tally("device fails at the n-th call")
    folder = Path(golden.sources["large"]).parent
    for call, numbers in calls.items():
        for number in numbers:
            workspace = plain.fresh(folder / "w")
            inject = ["--seccomp-bpf", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={number}"]
            if call == "write":  # only writes to files of the workspace
                inject += [option for path in _places(golden, workspace) for option in ("-P", str(path))]
            command = ["strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-m", plain.__name__]
            done = subprocess.run([*command, str(workspace)], capture_output=True, text=True, timeout=120, check=False)
            ended = Ended(done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "")
            tally.count(f"{call} {number}", judge(golden, workspace, ended, [*STORAGE, 0], scratch))
    return tally


def become_nobody() -> None:
    """Give up all rights, for good."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def scratch_for_all(scratch: Path) -> Path:
    """Return a folder in which another user can leave the output of a run."""
    folder = scratch / "said"
    folder.mkdir(exist_ok=True)
    for path in (folder, *folder.parents):
        with contextlib.suppress(PermissionError):
            if not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)
    folder.chmod(0o777)
    return folder


def _places(golden: Golden, workspace: Path) -> list[Path]:
    """Return the folder for unfinished files; their names depend on their content."""
    files = [path.relative_to(golden.workspace) for path in golden.workspace.glob("*/*/*/**/*.parquet")]
    files += [path.relative_to(golden.workspace) for path in golden.workspace.glob("stages/*/*/manifest.json")]
    return [workspace / f.parts[0] / f.parts[1] / f".{f.parts[2]}.building" / Path(*f.parts[3:]) for f in files]


@contextlib.contextmanager
def _tmpfs(place: Path, size: int) -> Iterator[Path]:
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
