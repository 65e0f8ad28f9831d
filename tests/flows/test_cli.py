"""The command as people and scripts use it: a process with two streams and an exit code."""

import contextlib
import inspect
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect import Flow
from prefect.context import use_profile
from prefect.futures import PrefectConcurrentFuture
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    Profile,
    get_current_settings,
    temporary_settings,
)
from prefect.utilities.callables import parameter_schema

from flows.command.commands import execute
from flows.command.server import require_server
from flows.engine import temporary
from flows.engine.declare import our_flow
from flows.engine.interrupt import stop_as_usual
from flows.table import CLEAN
from tasks.errors import ServerError, UsageError
from tasks.records.spec import AuditSpec
from tests.build import ROOT, write_tar
from tests.database import NAME

TINY = ("--models", "softmax", "--sizes", "50", "--trainings", "1", "--max-quarantine", "0.1")


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, against the tests' server when there is one."""
    return subprocess.run(
        [sys.executable, "-m", "flows.command.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | environment,
        check=False,
    )


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process; a flow needs the tests' server."""
    code: Any = 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            execute(arguments)
        except SystemExit as end:
            code = end.code
        finally:
            stop_as_usual()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


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
    first, second = command(*arguments, **server), here(*arguments)
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    run = Path(first.stdout.removesuffix("\n"))
    assert (run / "report.json").is_file()
    assert (tmp_path / "latest").resolve() == run.resolve()
    assert "load classes          20 tasks, " in first.stderr
    assert "load classes          20 tasks, 20 reused" in second.stderr
    assert "test 120 rows, chosen from the data; --test sets it" in first.stderr
    assert re.search(
        r"of the 120 test images \(\S+ %\) have a duplicate in train; 4 more in validation\.", first.stderr
    )
    assert "INFO" not in first.stderr


def test_flows_of_python_and_a_command_of_one_process_share_a_server_that_ends_with_it(
    sources: dict[str, Any], home: Path, tmp_path: Path
) -> None:
    program = """
import contextlib, sys
from concurrent.futures import ThreadPoolExecutor
from flows.command.commands import execute
from flows.pipeline import audit
train, test, space = sys.argv[1:]
def measured(threshold):
    return audit(train=train, test=test, workspace=space, max_quarantine=0.5, threshold=threshold)
with ThreadPoolExecutor(2) as pool:  # at once
    list(pool.map(measured, (0.9, 0.95)))
with contextlib.suppress(SystemExit):
    given = ["--train", train, "--test", test, "--workspace", space, "--max-quarantine", "0.5"]
    execute(["audit", *given, "--threshold", "0.92"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, sources["large"], sources["small"], str(tmp_path / "w")],
        env=of_its_own(home), capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    assert done.stderr.count("starting Prefect") == 1
    assert len(list((tmp_path / "w" / "runs").glob("*/report.json"))) == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert not _servers(home)
    # What its own server was told is stored when it has ended, to the last task.
    with contextlib.closing(sqlite3.connect(home / NAME)) as database:
        flows = database.execute("select state_type from flow_run").fetchall()
        tasks = database.execute("select state_type from task_run").fetchall()
    assert {*flows, *tasks} == {("COMPLETED",)}
    told = sum(map(int, re.findall(r" (\d+) tasks?", done.stderr)))
    assert len(tasks) == 3 * told + len(flows) - 3, "each flow below another is a task"


def test_a_server_that_takes_too_long_is_named_with_the_setting_that_helps(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home))
    monkeypatch.setenv(temporary.PATIENCE, "0")
    said = f"did not start within 0 seconds; set {temporary.PATIENCE} higher"
    with pytest.raises(ServerError, match=said):
        serve_once()


def test_a_server_that_prefect_s_settings_name_is_used_and_none_is_left_running(
    sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)  # a profile comes after the environment
    (tmp_path / "profiles.toml").write_text(
        'active = "there"\n[profiles.there]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    home = {"PREFECT_HOME": str(tmp_path), "PREFECT_CLIENT_MAX_RETRIES": "0"}
    given = ("--large", sources["large"], "--small", sources["small"], "--workspace", str(tmp_path / "w"))
    sentence = refused(command("run", *given, **home), 1)
    assert "Prefect's server at http://127.0.0.1:9/api does not answer" in sentence
    assert not _servers(tmp_path)


@pytest.mark.parametrize(("said", "counts"), [({PREFECT_CLIENT_MAX_RETRIES: 2}, 2), ({}, 7)])
def test_how_often_calls_are_retried_is_what_a_profile_says(
    said: dict[Any, Any], counts: int, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def retries(spec: object) -> int:
        return get_current_settings().client.max_retries

    monkeypatch.delenv("PREFECT_CLIENT_MAX_RETRIES", raising=False)
    server = temporary.start()
    assert server
    with use_profile(Profile(name="mine", settings=said), include_current_context=False), server.serving():
        assert our_flow(CLEAN)(retries)() == counts


def test_a_temporary_server_serves_what_a_lasting_one_does_to_who_has_its_password(server: dict[str, str]) -> None:
    from prefect.server.api.server import create_api_app  # which takes seconds

    ask = httpx.Client(timeout=60)  # a busy machine takes more than the usual five seconds
    url, access = server["PREFECT_API_URL"], server["PREFECT_API_AUTH_STRING"].split(":")
    told = ask.get(f"{url}/openapi.json", auth=(access[0], access[1])).json()
    assert told["paths"].keys() == create_api_app().openapi()["paths"].keys()
    assert [ask.get(f"{url}/openapi.json").status_code, ask.post(f"{url}/flows/filter").status_code] == [401, 401]
    answered = ask.get(f"{url}/health", headers={"Origin": "http://elsewhere.example"})
    assert answered.status_code == 200
    assert "access-control-allow-origin" not in answered.headers
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    shown = str([Path(f"/proc/{child}/cmdline").read_text() for child in own])
    assert len(access[1]) > 20
    assert "temporary_server" in shown
    assert access[1] not in shown


def test_a_temporary_server_that_does_not_come_up_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////nowhere/prefect.db")
    said = r"Prefect's temporary server ended with code \d+: .*unable to open database file\. Make room in PREFECT_HOME"
    with pytest.raises(ServerError, match=said):
        serve_once()


def serve_once() -> None:
    """Start a server as a command does, and end it."""
    server = temporary.Temporary()
    try:
        with server.serving():
            pass
    finally:
        server.stop()


def of_its_own(home: Path) -> dict[str, str]:
    """Return an environment that makes a command start a server."""
    return os.environ | {"PREFECT_HOME": str(home), "PREFECT_API_URL": ""}


def test_a_server_that_does_not_answer_is_named_to_python_too(sources: dict[str, Any], tmp_path: Path) -> None:
    from flows.pipeline import audit

    for address, more in (("http://127.0.0.1:9/api", ""), ("http://127.0.0.1:9", " Its address usually ends in /api.")):
        dead = {PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}
        said = f"at {address} does not answer; start it, or unset PREFECT_API_URL.{more}"
        with temporary_settings(dead), pytest.raises(ServerError, match=f"{re.escape(said)}$"):
            audit(train=sources["large"], test=sources["small"], workspace=tmp_path / "w")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PREFECT_LOGGING_LEVEL", "'DEBUG', 'INFO'"),
        ("PREFECT_CLIENT_MAX_RETRIES", "a valid integer"),
        ("PREFECT_SERVER_API_PORT", "a valid integer"),
        ("PREFECT_SILENCE_API_URL_MISCONFIGURATION", "a valid boolean"),
    ],
)
def test_a_setting_of_prefect_that_is_wrong_is_named(name: str, kind: str, tmp_path: Path) -> None:
    done = command("audit", str(tmp_path), **{"PREFECT_API_URL": "http://127.0.0.1:9/api", name: "banana"})
    assert f"the setting {name} is wrong: Input should be {kind}" in refused(done, UsageError.exit_code)


@pytest.mark.parametrize("name", ["CLEANSPLIT_TASK_SECONDS", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"])
def test_a_setting_that_is_no_number_is_named(name: str, tmp_path: Path) -> None:
    done = command("audit", str(tmp_path), **{name: "6h"})
    assert f"{name} must be a number, not 6h; change or unset it." in refused(done, UsageError.exit_code)


@pytest.mark.parametrize("given", [None, "cleansplit:wrong"])
def test_a_server_that_asks_for_a_password_says_where_it_is_given(
    given: str | None, server: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    from flows.pipeline import audit

    said = "the server asks for a password; set PREFECT_API_AUTH_STRING=name:password."
    with temporary_settings({PREFECT_API_AUTH_STRING: given}):
        with pytest.raises(ServerError, match=said):
            audit(train=sources["large"], test=sources["small"], workspace=tmp_path / "w")
        with pytest.raises(ServerError, match=said):
            require_server()


def test_the_server_keeps_of_parameters_what_prefect_would_keep() -> None:
    from flows.pipeline import cleansplit

    endless: list[Any] = []
    endless.append(endless)
    given: dict[str, Any] = {
        "endless": endless, "bytes": b"\xff",
        "workspace": Path("w"), "nothing": None, "sizes": (50, "all"), "share": 0.5, "spec": AuditSpec.of(root="猫"),
        "future": PrefectConcurrentFuture(uuid4(), Future()),
    }  # fmt: skip
    kept = cleansplit.serialize_parameters(given)
    assert kept == Flow.serialize_parameters(cleansplit, given)
    assert kept["workspace"] == "w"
    assert json.loads(json.dumps(kept)) == kept


def test_the_schema_of_a_flow_s_parameters_opens_a_form_with_fields_to_type_in() -> None:
    from flows.pipeline import cleansplit

    names = list(inspect.signature(cleansplit.fn).parameters)
    assert len(names) > 30
    assert list(inspect.signature(cleansplit).parameters) == names
    for schema in (cleansplit.parameters, parameter_schema(cleansplit)):
        assert list(schema.properties) == names
        assert schema.properties["seed"]["description"].startswith("Seed")
        assert schema.properties["view"]["enum"] == ["ink", "photo", "auto"]
        assert schema.properties["threshold"]["type"] == "number"
        assert not [name for name, one in schema.properties.items() if {"type": "null"} in one.get("anyOf", ())]


def test_a_mistyped_command_leaves_no_server_running(tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": ""}
    assert "Unknown option" in refused(command("run", "--tresh", "1", **home), 2)
    assert not _servers(tmp_path)


def test_a_server_ends_with_a_run_that_is_killed(sources: dict[str, Any], home: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_API_URL": ""}
    given = ["--large", sources["large"], "--small", sources["small"], "--workspace", str(tmp_path / "w"), *TINY]
    run = subprocess.Popen([sys.executable, "-m", "flows.command.cli", "run", *given], env=environment)
    assert _soon(lambda: len(_servers(home)) == 2), "the run and its server"
    run.kill()
    run.wait()
    assert _soon(lambda: not _servers(home))


def _soon(holds: Callable[[], bool]) -> bool:
    """Say whether something comes true within some seconds."""
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def _servers(home: Path) -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/environ") if _names(path, str(home))]


def _names(environment: Path, home: str) -> bool:
    """Return whether a process runs with a PREFECT_HOME; only Linux can tell."""
    try:
        return f"PREFECT_HOME={home}\0".encode() in environment.read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--tresh", "1"), "Unknown option"),
        (("rum",), "Unknown command"),
        (
            ("audit", "a", "a b"),
            "a b is one path too many; give each with its option, which `cleansplit audit --help` lists.",
        ),
        (("verify", "a", "b"), "b is one path too many; give each with its option"),
        (("run", "--large", "/no/a", "--small", "/no/b"), "/no/a does not exist; name an archive, a folder or a URL"),
        (("audit", "fonts"), "root fonts does not exist; name an archive, a folder or a URL (docs/data.md"),
        (("dedupe", "notmnist"), "source notmnist does not exist; name an archive, a folder or a URL (docs/data.md"),
        (("dedupe",), "SOURCE needs a value, which `cleansplit dedupe --help` describes."),
        (("reference", "add"), "NAME needs a value, which `cleansplit reference add --help` describes."),
        (("reference", "add", "a"), "SOURCE needs a value, which `cleansplit reference add --help` describes."),
        (("clean",), "--keep needs a value, which `cleansplit clean --help` describes."),
        (("audit", "/usr", "--workspace", ""), "--workspace is empty; give a value, or leave it out."),
        (("dedupe", "/usr", "--workspace="), "--workspace is empty; give a value, or leave it out."),
        (
            ("audit", "/usr", "--summary", "/no/folder/a.md"),
            "/no/folder/a.md is a folder, or its folder does not exist",
        ),
        (("audit", "/usr", "--summary", "/usr"), "/usr is a folder, or its folder does not exist; name a file in a"),
        (("verify", "/usr/lib"), "run /usr/lib does not exist; give its folder, its id below "),
        (
            ("run", "--large", "/usr", "--small", "/var", "--dataset", "notmnist"),
            "dataset notmnist: give fonts, fonts:FOLDER or notmnist, and no large and small.",
        ),
        (
            ("reference", "list", "a", "--workspace", "/no/w"),
            "/no/w has no images of the reference a; run `cleansplit reference add a",
        ),
        (("reference", "verify", "a", "--workspace", "/no/w"), "/no/w has no images of the reference a; run"),
        (("review", "--workspace", "/no/w"), "/no/w has no latest run; run `cleansplit audit SOURCE`, or name another"),
        (("audit", "old\udcff"), r"old\udcff has a name that is not UTF-8 text; rename it or make a link to it."),
        (("run", "--group-by", "a\udcff"), r"a\udcff has a name that is not UTF-8"),
        (("verify", "run\udcff"), r"run\udcff has a name that is not UTF-8"),
    ],
)
def test_usage_errors_exit_with_2(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    workspace = ("--workspace", str(tmp_path)) if arguments[0] == "run" else ()
    assert sentence in refused(here(*arguments, *workspace), 2)


def test_help_and_mistakes_do_not_wait_for_what_only_work_needs() -> None:
    lines = [["--help"], ["run", "--help"], ["audit", "/no/folder"], ["run", "--seed", "x"], ["verify", "/no/run"]]
    program = f"""
import sys
from flows.command.cli import main
codes = []
for sys.argv[1:] in {lines}:
    try:
        main()
        codes.append(0)
    except SystemExit as end:
        codes.append(end.code or 0)
print(codes, sorted({{'prefect', 'sklearn', 'matplotlib'}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[-1] == "[0, 0, 2, 2, 2] []", done.stderr


IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"threshold": 1.5},
    {"threshold": -0.1},
    {"threshold": "nan"},
    {"threshold": 0.0},
    {"threshold": 0.955},
    {"floor": 2},
    {"recall": 1},
    {"recall": 0},
    {"seed": -1},
    {"seed": "x"},
    {"seed": "1.5"},
    {"seed": 2**31},
    {"max_overlap": True},
    {"threshold": True},
    {"workers": 0},
    {"train": 0},
    {"train": -10},
    {"train": 101},
    {"validation": -1},
    {"test": "2.5"},
    {"classes": 0},
    {"side": 1},
    {"side": 100_000},
    {"min_per_class": 0},
    {"max_overlap": 1.1},
    {"max_quarantine": -1},
    {"min_rows": 0},
    {"models": ["svm"]},
    {"models": ["softmax", "softmax"]},
    {"sizes": [0]},
    {"sizes": ["most"]},
    {"protect": "validation"},
    {"large": "x.tar"},
    {"dataset": "foo"},
)


@pytest.mark.parametrize("wrong", IMPOSSIBLE, ids=str)
def test_the_command_and_python_refuse_the_impossible_in_the_same_words(
    wrong: dict[str, Any], capsys: pytest.CaptureFixture[str], prefect_server: None, tmp_path: Path
) -> None:
    from flows.command.commands import execute
    from flows.pipeline import cleansplit

    with pytest.raises(UsageError) as refusal:
        cleansplit(workspace=tmp_path / "w", **wrong)
    ((name, value),) = wrong.items()
    values = value if isinstance(value, list) else [value]
    with pytest.raises(SystemExit) as ended:
        execute(["run", "--workspace", str(tmp_path / "w"), f"--{name.replace('_', '-')}", *map(str, values)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"cleansplit: {refusal.value}"
    assert str(refusal.value).startswith(name)
    assert not (tmp_path / "w").exists(), "refused before any work"


def test_bad_data_exits_with_3(prefect_server: None, sources: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.tar.gz"
    page.write_text("<html>404</html>")
    arguments = ("run", "--large", str(page), "--small", sources["small"], "--workspace", str(tmp_path / "w"))
    assert "is neither a zip nor a readable tar archive" in refused(here(*arguments), 3)


def test_a_source_with_too_few_classes_exits_with_3_and_lists_them(prefect_server: None, tmp_path: Path) -> None:
    members = {"r/A/1.png": b"", "r/B/1.png": b""}
    two, other = (str(write_tar(tmp_path / name, members)) for name in ("two.tar", "other.tar"))
    given = ("run", "--large", two, "--small", other, "--workspace", str(tmp_path / "w"))
    done = here(*given, "--classes", "10")
    assert "two.tar has 2 class folders (A, B) where 10 are expected" in refused(done, 3)
    one = str(write_tar(tmp_path / "one.tar", {"r/A/1.png": b"", "r/A/2.png": b""}))
    done = here("run", "--large", one, "--small", two, "--workspace", str(tmp_path / "w"))
    assert "one.tar has one class folder (A), but a run needs two; run `cleansplit split " in refused(done, 3)


def test_a_workspace_that_cannot_be_written_exits_with_6(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "w").write_text("a file in the way")
    arguments = ("run", "--large", sources["large"], "--small", sources["small"], "--workspace", str(tmp_path / "w"))
    assert "cannot use" in refused(here(*arguments), 6)


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert here("--version").stdout.strip() == project["version"]


def test_prefects_own_reports_stay_off_the_console(home: Path) -> None:
    code = "import logging; from flows.command.cli import main; main(); import prefect.main; "
    code += "logging.getLogger('prefect._internal.concurrency').error('Events wait.')"
    command = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(command, env=of_its_own(home), capture_output=True, text=True, check=True)
    assert not done.stderr


def test_help_describes_every_parameter() -> None:
    done = here("run", "--help")
    assert done.returncode == 0
    assert "Lowest similarity of images to remove" in " ".join(done.stdout.replace("│", " ").split())


def test_code_in_help_has_no_background() -> None:
    done = command("arrivals", "--help", FORCE_COLOR="1")
    assert "\x1b[1maudit" in done.stdout
    assert not re.search(r"\x1b\[[0-9;]*4\dm", done.stdout)


def test_a_task_that_takes_too_long_is_a_sentence(server: dict[str, str], tmp_path: Path) -> None:
    # Rendering takes several seconds; a limit near the time in which Prefect starts a task would end it in there.
    sentence = refused(command("run", "--workspace", str(tmp_path), CLEANSPLIT_TASK_SECONDS="1", **server), 1)
    assert "a task took longer than 1 seconds, the limit that CLEANSPLIT_TASK_SECONDS sets" in sentence


def test_text_is_utf_8_whatever_the_locale_says() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    sentence = refused(command("verify", "猫", **plain), 2)
    assert sentence.startswith("cleansplit: run 猫 does not exist; ")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("HTPS://me:hush@example.org/a.tar?key=hush", "only addresses of http://, https:// and s3:// are read"),
        (
            "s3://me:hush@bucket/a#hush",
            "s3://bucket/a: an address in a bucket is like s3://bucket/prefix; set credentials in",
        ),
    ],
)
def test_a_mistyped_address_keeps_its_secrets(address: str, sentence: str) -> None:
    done = here("audit", "--train", address, "--test", "b.tar")
    assert sentence in refused(done, 2)
    assert "hush" not in done.stderr


@pytest.mark.parametrize("address", ["s3://a bucket/w", "s3://büro/w", "s3://bucket/a/../b"])
def test_an_address_that_no_bucket_has_is_named(address: str) -> None:
    assert f"{address}: an address in a bucket is like s3://bucket/prefix" in refused(
        here("verify", "--workspace", address), 2
    )


def test_a_workspace_keeps_its_secrets() -> None:
    done = here("verify", "--workspace", "s3://me:hush@bucket/w")
    assert "s3://bucket/w: an address in a bucket is like s3://bucket/prefix" in refused(done, 2)
    assert "hush" not in done.stderr
