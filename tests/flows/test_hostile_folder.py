"""The current folder is data: no command takes settings or code from it, and all find there what they are given."""

import contextlib
import hashlib
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cleansplit
from tests.build import glyphs, png, write_folder
from tests.database import NAME
from tests.flows.test_cli import TINY
from tests.plain import audit

COMMAND = str(Path(sys.executable).with_name("cleansplit"))
MODULES = (
    "cleansplit", "flows", "json", "logging", "matplotlib", "numpy", "prefect", "sitecustomize", "tasks",
    "usercustomize", "venv",
)  # fmt: skip
ONE_AFTER_THE_OTHER = """
import os, shlex, sys
from flows.command.cli import main

folder, lines = os.getcwd(), sys.argv[1:]
for line in lines:
    os.chdir(folder)
    sys.argv[1:] = shlex.split(line)
    main()
"""  # the commands of whole lines, which share what they import
GIVEN = ("--large", "data/train", "--small", "data/test", *TINY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with splits; two images of test are in train, too."""
    own = glyphs(60, seed=4)
    files = {f"data/train/{'AB'[i % 2]}/{i}.png": png(own[i]) for i in range(40)}
    files |= {f"data/test/{'AB'[i % 2]}/{i}.png": png(own[i]) for i in range(38, 60)}
    return write_folder(tmp_path / "folder", files)


def plant(folder: Path, canary: Path) -> None:
    """Write what Prefect, matplotlib and Python would take from a current folder."""
    run = f"open({str(canary)!r}, 'a').write(__name__)\n"
    handler = {"()": "os.system", "command": f"touch {canary}"}
    told = f"version: 1\nhandlers: {{h: {handler}}}\nroot: {{handlers: [h]}}\n"
    write_folder(folder, {name: text.encode() for name, text in {
        "prefect.toml": '[logging]\nconfig_path = "logging.yml"\n',
        "pyproject.toml": '[tool.prefect.logging]\nconfig_path = "logging.yml"\n',
        ".env": "PREFECT_API_URL=http://127.0.0.1:9/api\nPREFECT_PROFILES_PATH=profiles.toml\n",
        "profiles.toml": 'active = "x"\n[profiles.x]\nPREFECT_LOGGING_CONFIG_PATH = "logging.yml"\n',
        "logging.yml": told,
        "matplotlibrc": "font.size: 30\nfigure.dpi: 20\n",
        **{f"{module}.py": run for module in MODULES},
    }.items()})  # fmt: skip


def digests(run: Path) -> dict[str, str]:
    files = {path.relative_to(run).as_posix(): path for path in run.rglob("*") if path.is_file()}
    return {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in files if name != "run.json"}


class Started:
    """Starts processes in a folder, and looks whether anything in it was executed."""

    def __init__(self, folder: Path, canary: Path, environment: dict[str, str]) -> None:
        self.folder, self.canary = folder, canary
        (canary.parent / "tmp").mkdir(exist_ok=True)
        self.environment = os.environ | environment | {"TMPDIR": str(canary.parent / "tmp")}

    def __call__(self, *arguments: str, code: int = 0, program: tuple[str, ...] = (COMMAND,)) -> str:
        given: Any = {"cwd": self.folder, "env": self.environment, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([*program, *arguments], stderr=subprocess.PIPE, **given) as process:
            if arguments[:1] == ("review",):
                assert process.stdout
                assert process.stdout.readline().startswith("http://127.0.0.1:")
                process.send_signal(signal.SIGTERM)
            said, errors = process.communicate(timeout=240)
        assert process.returncode == code, errors
        assert not self.canary.exists(), (arguments, self.canary.read_text())
        assert not list((self.canary.parent / "tmp").iterdir()), "the folder that it worked in is left"
        return said.strip()


def test_a_run_without_a_server_is_that_of_a_clean_folder(
    folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call in Python starts the command, and that processes of its own."""
    with monkeypatch.context() as current:
        current.chdir(folder)
        clean = audit(root="data", workspace=tmp_path / "w")
    plant(folder, tmp_path / "canary")
    own = {"PREFECT_HOME": os.path.relpath(home, folder), "PREFECT_API_URL": ""}
    call = "cleansplit.audit(root='data', workspace='w', runner='processes')"
    library = (sys.executable, "-P", "-c")
    start = Started(folder, tmp_path / "canary", own)
    found = Path(start(f"import cleansplit; print({call}.folder)", program=library))
    assert found.parent == folder / "w" / "runs"
    assert digests(found) == digests(clean.run)
    with contextlib.closing(sqlite3.connect(home / NAME)) as database:
        runs = database.execute("select state_type from flow_run where parent_task_run_id is null").fetchall()
    assert runs == [("COMPLETED",)], "a relative PREFECT_HOME starts where the command was started"


def test_every_other_command_works_there(folder: Path, tmp_path: Path, server: dict[str, str]) -> None:
    plant(folder, tmp_path / "canary")
    start = Started(folder, tmp_path / "canary", server | {"CLEANSPLIT_WORKSPACE": "w"})
    others = (
        f"run {shlex.join(GIVEN)}",
        f"prepare {shlex.join(GIVEN[:4])}",
        "sanitize latest --threshold 0.9",
        "evaluate w/latest --models softmax --sizes 10 --trainings 1",
        f"split data/train {shlex.join(TINY)}",
        "dedupe data/train",
        "report --out page.html",
        "report",
        "compare latest w/latest",
        "verify",
        "export w/latest --format npz --out out/npz",
        "apply --link kept --execute",
        "pull --out pulled",
        "clean --keep 1",
        "reproduce --large data/train --small missing",
    )
    said = start(*others, program=(sys.executable, "-P", "-c", ONE_AFTER_THE_OTHER), code=2).splitlines()
    first, last = Path(said[0]), Path(said[said.index("page.html") - 1])
    assert first.parent == last.parent == folder / "w" / "runs"
    assert {f"{last.name}.html", "out/npz", "kept", "pulled"} <= {*said}
    there = {path.name for path in folder.iterdir()}
    assert there >= {"page.html", f"{last.name}.html", "kept", "out", "pulled", "w"}
    start("review", "--no-browser", code=128 + signal.SIGTERM)


def test_importing_it_reads_no_settings() -> None:
    program = "import cleansplit, sys; sys.exit(bool({'prefect', 'matplotlib'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", program], cwd=Path(cleansplit.__file__).parent, check=True)


@pytest.mark.parametrize(
    ("before", "arguments", "code", "sentence"),
    [
        ("ulimit -f 0", ["verify"], 1, "cleansplit: cannot make a folder to work in"),
        ("rmdir ../gone", ["verify"], 2, "workspace is relative to a folder that was removed"),
        (
            "rmdir ../gone",
            ["verify", "--workspace", "/nowhere"],
            2,
            "/nowhere has no latest run; run `cleansplit audit SOURCE`",
        ),
    ],
)
def test_what_cannot_be_entered_is_a_sentence(
    before: str, arguments: list[str], code: int, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    script = f'{before}; exec "$0" "$@"'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND, *arguments], cwd=tmp_path / "gone", capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
