"""The command as people and scripts use it: a process with two streams and an exit code."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.build import write_tar

TINY = ("--models", "softmax", "--sizes", "50", "--max-quarantine", "0.1")


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, against the tests' server when there is one."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | environment,
        check=False,
    )


@pytest.fixture(scope="session")
def server(prefect_server: None) -> dict[str, str]:
    from prefect.settings import PREFECT_API_URL

    return {"PREFECT_API_URL": str(PREFECT_API_URL.value())}


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the sentence of an expected failure."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("cleansplit: ")
    return sentence


def test_the_last_line_is_the_run_directory_and_all_else_goes_to_standard_error(
    server: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    arguments = ("run", "--large", sources["large"], "--small", sources["small"], "--workspace", str(tmp_path), *TINY)
    first, second = (command(*arguments, **server) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    run = Path(first.stdout.removesuffix("\n"))
    assert (run / "report.json").is_file()
    assert (tmp_path / "latest").resolve() == run.resolve()
    assert "load letters          20 tasks, " in first.stderr
    assert "load letters          20 tasks, 20 reused" in second.stderr
    assert "test 120 rows, chosen from the data; --test sets it" in first.stderr
    assert "test rows have an identical image in train" in first.stderr
    assert "INFO" not in first.stderr


def test_it_needs_no_server(sources: dict[str, Any], tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": ""}
    workspace = ("--workspace", str(tmp_path / "w"))
    done = command("run", "--large", sources["large"], "--small", sources["small"], *workspace, *TINY, **home)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_dir()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--tresh", "1"), "Unknown option"),
        (("rum",), "Unknown command"),
        (("run", "--seed", "x"), "Invalid value"),
        (("run", "--threshold", "1.5"), "threshold: Input should be less than or equal to 1"),
        (("run", "--workers", "0"), "workers: Input should be greater than 0"),
        (("run", "--large", "x.tar"), "large is given without small: a run needs both sources, or neither of them."),
        (("run", "--large", "/no/a", "--small", "/no/b"), "/no/a does not exist; name an archive, a folder, a URL"),
    ],
)
def test_usage_errors_exit_with_2(
    server: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    workspace = ("--workspace", str(tmp_path)) if arguments[0] == "run" else ()
    assert sentence in refused(command(*arguments, *workspace, **server), 2)


def test_bad_data_exits_with_3(server: dict[str, str], sources: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.tar.gz"
    page.write_text("<html>404</html>")
    arguments = ("run", "--large", str(page), "--small", sources["small"], "--workspace", str(tmp_path / "w"))
    assert "is no readable tar archive" in refused(command(*arguments, **server), 3)


def test_a_source_with_too_few_classes_exits_with_3_and_lists_them(server: dict[str, str], tmp_path: Path) -> None:
    tar = str(write_tar(tmp_path / "two.tar", {"r/A/1.png": b"", "r/B/1.png": b""}))
    done = command("run", "--large", tar, "--small", tar, "--workspace", str(tmp_path / "w"), **server)
    assert "two.tar has 2 class folders (A, B) where 10 are expected" in refused(done, 3)


def test_a_workspace_that_cannot_be_written_exits_with_6(
    server: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "w").write_text("a file in the way")
    arguments = ("run", "--large", sources["large"], "--small", sources["small"], "--workspace", str(tmp_path / "w"))
    assert "cannot write" in refused(command(*arguments, **server), 6)


def test_help_describes_every_parameter() -> None:
    done = command("run", "--help")
    assert done.returncode == 0
    assert "Similarity from which a row is removed" in " ".join(done.stdout.replace("│", " ").split())
