"""Fixtures: real archives built on the spot, the shared data where it is there, one Prefect server for all tests."""

import contextlib
import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # as the command does

from flows.engine import temporary
from flows.engine.importing import without_garbage
from tasks import kernel
from tasks.records import Report
from tasks.reporting.read import read_report
from tasks.storage.place import Place
from tests.build import (
    LETTERS,
    MEASURED,
    ROOT,
    SHARED,
    built_wheel,
    glyphs,
    members_of,
    noise,
    once,
    png,
    saved,
    scene,
    write_folder,
    write_tar,
)
from tests.database import NAME, home_with_database

WHOLE = (
    "tests/operations",
    "docs",
    "tests/cluster",
    "tests/kernel",
    "tests/flows",
    "tests/browser",
    "tests/faults",
    "tests/classes/test_guard.py",
    "tests/sources/test_download.py",
    "tests/evaluation/test_planted.py",
    "tests/test_wheel.py",
    "tests/exporting/test_annotated.py",
    "tests/exporting/test_sets.py",
    "tests/splits/test_properties.py",
    "tests/splits/test_course.py",
    "tests/sources/test_fonts.py",
)  # folders and files of slow tests, slowest first
SERVICES = ("tests/operations", "tests/cluster")
RUNS = {"prefect_server", "run", "audited"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave what `-m "not whole"` deselects unread: importing it takes seconds."""
    folder = collection_path.relative_to(ROOT).as_posix()
    return True if config.option.markexpr == "not whole" and folder.startswith(WHOLE) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests in two thirds of the time."""
    with without_garbage():
        collected = yield
    gc.set_threshold(*gc.get_threshold()[:2], 1000)  # of a full search, which takes a tenth of a second in each run
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, subprocesses, a browser or many seconds: by its folder, or by asking for a run.

    The slowest tests come first, so that no process has a minute's work left when the others have finished.
    """
    for item in items:
        folder = item.path.relative_to(ROOT).as_posix()
        if folder.startswith(WHOLE) or RUNS & set(getattr(item, "fixturenames", ())):
            item.add_marker("whole")
    items.sort(key=_turn)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tests and the seconds of each tier, over all processes."""
    seconds, tests = Counter[str](), Counter[str]()
    reports = [report for found in terminalreporter.stats.values() for report in found]
    for report in (report for report in reports if hasattr(report, "duration")):
        tier = "plain" if "whole" not in report.keywords else "runs"
        if report.nodeid.startswith(SERVICES):
            tier = "servers, stores and clusters"
        seconds[tier] += report.duration
        tests[tier] += report.when == "call"
    for tier in sorted(tests):
        terminalreporter.write_line(f"{tier}: {tests[tier]:,} tests, {seconds[tier]:,.0f} s of one process")


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT).as_posix()
    return next((turn for turn, name in enumerate(WHOLE) if folder.startswith(name)), len(WHOLE))


@pytest.fixture(scope="module", params=["kernel", "numpy"])
def each_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the kernel compare images, if it is installed, and then numpy."""
    if request.param == "kernel" and kernel.functions is None:
        pytest.skip("the kernel is not installed: it needs a C compiler, and installing cleansplit again")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(kernel, "functions", None)
        yield


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run flows against one server of their own, the command's temporary one."""
    home = home_with_database(tmp_path_factory.mktemp("prefect"), tmp_path_factory)
    database = f"sqlite+aiosqlite:///{home / NAME}"
    own = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database, temporary.PATIENCE: "90"}
    with contextlib.ExitStack() as serving:
        with pytest.MonkeyPatch.context() as environment:  # only for this server
            for name, value in (own | {temporary.ADDRESS: "", temporary.PASSWORD: ""}).items():
                environment.setenv(name, value)
            server = temporary.start()
            assert server, "no server is named yet"
            serving.enter_context(server.serving())
        yield


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for Prefect, for servers of a test's own."""
    return home_with_database(tmp_path / "prefect", tmp_path_factory)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the project, with the compiled kernel if there is a compiler."""
    return next(once("wheel", tmp_path_factory, lambda folder: built_wheel(folder, {})).glob("*.whl"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with real data; skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"needs the shared data folder {SHARED}, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build two archives: 42 and 12 images a letter; of the 12, two have an exact and two a near twin in large."""

    def build(folder: Path) -> None:
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
        write_tar(folder / "large.tar.gz", members_of(large, "large") | bad)
        write_tar(folder / "small.tar.gz", members_of(small, "small") | {"root/F/empty.png": b""})

    folder = once("sources", tmp_path_factory, build)
    return {role: str(folder / f"{role}.tar.gz") for role in ("large", "small")}


def copied(name: str, factory: pytest.TempPathFactory, build: Callable[[Path], Report]) -> Report:
    """Return a process's own copy of a workspace with one run, which the first of all processes builds."""
    made = once(name, factory, build)
    own = factory.mktemp(name) / "w"
    shutil.copytree(made, own, symlinks=True)
    return read_report(Place(str((own / "latest").resolve())))


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest, sources: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return the report of one run of the pipeline."""

    def build(workspace: Path) -> Report:
        from flows.pipeline import cleansplit

        request.getfixturevalue("prefect_server")
        return cleansplit(**sources, workspace=workspace, **MEASURED)

    return copied("run", tmp_path_factory, build)


@pytest.fixture(scope="session")
def server(prefect_server: None) -> dict[str, str]:
    """Return the environment that leads other processes to the tests' server."""
    started = temporary.start()
    assert started
    return started.access


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build photographs of many sizes, formats and names in two unicode classes below nested roots.

    In each class of test, 0 is train's 0 as another file, 1 is train's 1 at another size and quality, 2 is a mirrored
    2; the others are new. Three members are unreadable.
    """

    def build(folder: Path) -> None:
        train: dict[str, bytes] = {}
        test: dict[str, bytes] = {}
        for number, name in enumerate(("猫 1", "10")):
            own = [scene(90 + 7 * i, 60 + 5 * i, seed=100 * number + i) for i in range(12)]
            train |= {f"data/train/{name}/deep/{i}.png": saved(image, "PNG") for i, image in enumerate(own[:8])}
            near = own[1].resize((200, 150)).convert("RGB")
            test |= {
                f"data/test/{name}/0.bmp": saved(own[0], "BMP"),
                f"data/test/{name}/1.JPG": saved(near, "JPEG", quality=60),
                f"data/test/{name}/2.tiff": saved(own[2].transpose(Image.Transpose.FLIP_LEFT_RIGHT), "TIFF"),
                f"data/test/{name}/3.webp": saved(own[9], "WEBP"),
                f"data/test/{name}/4.gif": saved(own[10], "GIF"),
                f"data/test/{name}/5.png": saved(own[11].convert("RGBA"), "PNG"),
            }
        test["data/test/10/cut.jpg"] = saved(scene(80, 60), "JPEG")[:-300]
        test["data/test/10/mislabelled.jpg"] = saved(scene(80, 60), "PNG")
        test["data/test/10/notes.txt"] = b"x"
        for split, members in (("train", train), ("test", test)):
            write_folder(folder / split, members)

    folder = once("photographs", tmp_path_factory, build)
    return {name: str(folder / name) for name in ("train", "test")}


@pytest.fixture(scope="session")
def audited(
    request: pytest.FixtureRequest, photographs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """Return the report of an audit of the photographs."""
    given: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}

    def build(workspace: Path) -> Report:
        from flows.pipeline import audit

        request.getfixturevalue("prefect_server")
        return audit(**photographs, workspace=workspace, **given)

    return copied("audited", tmp_path_factory, build)


settings.register_profile("reproducible", derandomize=True, print_blob=True)
settings.load_profile("reproducible")
