"""cleansplit in Python: quiet calls with results that show themselves, in scripts and in notebooks."""

import base64
import inspect
import io
import json
import os
import pty
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.request import url2pathname

import numpy as np
import pytest
from PIL import Image

import cleansplit
from tasks.errors import GateError, UsageError
from tasks.records.spec import SplitSpec
from tests.browser.example import NOTEBOOK, executed
from tests.build import ROOT, glyphs, noise, png, write_folder
from tests.plain import audit
from tests.sources.listed import as_typed


@pytest.fixture(scope="module", autouse=True)
def on_the_tests_server(server: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in server.items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a root of splits; two of test's 12 images have a duplicate in train, one an exact one."""
    folder, own = tmp_path_factory.mktemp("data"), glyphs(40, seed=2)
    train = {f"train/{'ab'[i % 2]}/{i}.png": png(own[i]) for i in range(28)}
    test = {f"test/{'ab'[i % 2]}/{i}.png": png(own[i]) for i in range(28, 38)}
    test |= {"test/a/copy.png": png(own[0]), "test/b/near.png": png(noise(own[1], 1, seed=1))}
    return write_folder(folder / "root", train | test)


@pytest.fixture(scope="module")
def example(data: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[bytes]:
    """Return what the example of the README prints, as a script beside the data."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(data)
    script = re.findall(r"```python\n(import cleansplit\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, check=False)


@pytest.fixture(scope="module")
def audited(example: subprocess.CompletedProcess[bytes]) -> cleansplit.Result:
    return cleansplit.open_run(example.stdout.decode().splitlines()[-1])


def test_a_class_that_looks_like_a_number_stays_text_in_the_table_of_actions(tmp_path: Path) -> None:
    own = glyphs(12, seed=3)
    data = write_folder(
        tmp_path / "data", {f"{'train' if i < 8 else 'test'}/001/{i}.png": png(own[i]) for i in range(12)}
    )
    found = cleansplit.Result(audit(root=str(data), workspace=tmp_path / "w"))
    assert found.table()["class"].unique().to_pylist() == ["001"]
    assert found.table()["similarity"].type == "double"


def test_a_result_prints_as_a_table_and_gives_what_it_found(audited: cleansplit.Result) -> None:
    assert (audited.report.pair("test", "train").exact, audited.report.sanitized.near.test) == (1, 10)
    said = repr(audited)
    assert re.search(r"test +train +12 +1 +1 +16\.7 %", said)
    assert said.splitlines()[-1] == str(audited.folder)
    assert max(map(len, said.splitlines()[:-1])) <= 100
    assert audited.answer.startswith("2 of the 12 test images (16.7 %) have a duplicate in train.")
    assert audited.table("removed").num_rows == 2
    assert audited.pandas()["action"].value_counts().to_dict() == {"keep": 38, "remove": 2}
    assert {name: len(split) for name, split in audited.splits().items()} == {"train": 28, "test": 10}
    assert len(audited.splits("raw")["test"]) == 12
    tables = "actions, duplicates, label_conflicts, quarantine, removed"
    with pytest.raises(UsageError, match=f"has no table 'unconfirmed'; use one of {tables}"):
        audited.table("unconfirmed")
    with pytest.raises(UsageError, match="'clean' is not a set of splits; use one of raw, sanitized"):
        audited.splits("clean")
    again = cleansplit.open_run(workspace=audited.folder.parents[1])
    assert again.report == audited.report


@pytest.mark.parametrize(("package", "call"), [("pandas", "pandas()"), ("datasets", "splits()")])
def test_a_missing_package_names_the_extra_that_installs_it(
    package: str, call: str, audited: cleansplit.Result, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('absent', name={package!r})")
    program = f"import cleansplit; cleansplit.open_run({str(audited.folder)!r}).{call}"
    path = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=path)
    said = f"UsageError: {package} is missing; run `pip install 'cleansplit[notebook]'`."
    assert done.stderr.splitlines()[-1].endswith(said)


def test_the_example_of_the_readme_runs_as_written(example: subprocess.CompletedProcess[bytes]) -> None:
    assert example.returncode == 0, example.stderr
    assert re.search(rb"test +train +12 +1 +1 +16\.7 %", example.stdout)


def test_errors_are_the_sentences_of_the_command(audited: cleansplit.Result, data: Path) -> None:
    with pytest.raises(UsageError, match="root nowhere does not exist"):
        cleansplit.audit(root="nowhere")
    with pytest.raises(UsageError, match="threshold: give a number"):
        cleansplit.audit(root=str(data), threshold=2)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'rot'$"):
        audit(rot=str(data))
    with pytest.raises(GateError, match="have a duplicate in train, more than the 1 % allowed") as failed:
        cleansplit.audit(root=str(data), max_overlap=0.01, workspace=audited.folder.parents[1])
    assert failed.value.report.pair("test", "train").either == 2


def test_a_call_that_the_system_ends_says_so_and_paths_are_sources(data: Path, tmp_path: Path) -> None:
    program = (
        "import os, pathlib, threading, time, cleansplit\n"
        "def end():\n"
        "    children = pathlib.Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children')\n"
        "    while not children.read_text().split():\n"
        "        time.sleep(0.01)\n"
        "    os.kill(int(children.read_text().split()[0]), 9)\n"
        "threading.Thread(target=end).start()\n"
        f"cleansplit.audit(root=pathlib.Path({str(data)!r}), workspace={str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "CleanSplitError: ended by signal 9, perhaps for want of memory; the same call resumes." in done.stderr
    found = cleansplit.audit(root=cast(Any, data), workspace=tmp_path)
    assert found.report.pair("test", "train").either == 2


@pytest.mark.parametrize("name", ["run", "audit", "dedupe", "split"])
def test_help_shows_a_call_that_can_be_typed(name: str) -> None:
    shown = pydoc.plain(pydoc.render_doc(getattr(cleansplit, name)))
    assert f"\n{name}(" in shown
    assert "workspace: pathlib.PurePath | None = None" in shown
    assert not re.search("--[a-z]|FieldInfo|Validator", shown)


def test_parameters_are_those_of_the_command() -> None:
    parameters = inspect.signature(cleansplit.run).parameters
    assert {"large", "small", "models", "threshold", "decisions", "workspace"} <= set(parameters)
    assert "Seed of every random choice." in str(inspect.getdoc(cleansplit.run))
    given = SplitSpec.of(source="a", models=("softmax", "1nn"), sizes=(10, "all"), trainings=1, workspace="w")
    assert as_typed(["split", *given.arguments()]) == given


def test_a_script_sees_a_line_per_stage_and_prints_what_it_says_itself(
    example: subprocess.CompletedProcess[bytes],
) -> None:
    ours, *_ = example.stderr.partition(b"\rGenerating ")  # where datasets shows its own progress, the first time
    assert b"\r" not in ours, "a log keeps all lines"
    shown = ours.decode().splitlines()
    assert all(re.match(r"audit: [a-z' ]+", line) for line in shown)
    assert len(shown) > 5
    first, *_, last = example.stdout.decode().splitlines()
    assert first == "Rows of each split", "nothing comes before the tables"
    assert Path(last, "report.json").is_file()


def test_a_terminal_sees_one_line(audited: cleansplit.Result, data: Path) -> None:
    call = f"cleansplit.audit(root={str(data)!r}, workspace={str(audited.folder.parents[1])!r})"
    ours, terminal = pty.openpty()
    subprocess.run([sys.executable, "-c", f"import cleansplit; {call}"], cwd=ROOT, stderr=terminal, check=True)
    os.close(terminal)
    shown = os.read(ours, 1 << 16)
    assert shown.count(b"\raudit: ") > 3
    assert b"\n" not in shown


def test_no_secret_is_among_the_arguments_of_a_process() -> None:
    from cleansplit import CHILD
    from tasks.addresses import reveal
    from tasks.records.spec import AuditSpec

    address = "http://me:secret@127.0.0.1/x.tar?token=1"
    audit = AuditSpec.of(train=address, test="b")
    assert audit.arguments() == ["--train=http://127.0.0.1/x.tar", "--test=b"]
    assert audit.arguments(show=reveal) == [f"--train={address}", "--test=b"]
    assert AuditSpec.of(root="a", decisions=False).arguments() == ["--no-decisions", "--root=a"]
    assert AuditSpec.of(root="a", decisions="d.parquet").arguments() == ["--decisions=d.parquet", "--root=a"]
    assert "secret" not in CHILD


def opened(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_a_result_shows_the_images_as_they_are(audited: cleansplit.Result, data: Path) -> None:
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', audited._repr_html_())
    assert {name for _, name in pictures} == {"train/a/0.png", "test/a/copy.png", "train/b/1.png", "test/b/near.png"}
    for picture, name in pictures:
        assert np.array_equal(opened(base64.b64decode(picture)), opened((data / name).read_bytes())), name


def test_the_link_to_the_page_is_relative_where_jupyter_asks_for_that(
    audited: cleansplit.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    (page,) = re.findall(r'<a href="file://([^"]+)"', audited._repr_html_())
    assert Path(url2pathname(page)).read_text().startswith("<!DOCTYPE html>")
    monkeypatch.chdir(audited.folder.parents[1])
    assert f'<a href="runs/{audited.folder.name}/report.html"' in audited._repr_html_()


def test_commands_below_the_answer_of_a_notebook_are_code(tmp_path: Path) -> None:
    own = glyphs(20, seed=5)
    files = {f"{'train' if i < 16 else 'test'}/{'ab'[i % 2]}/{i}.png": png(image) for i, image in enumerate(own)}
    data = write_folder(tmp_path / "data", files | {"test/a/wrong.png": png(own[1])})
    found = audit(root=str(data), workspace=tmp_path / "w")
    shown = cleansplit.open_run(str(found.run))._repr_html_()
    assert "<code><bdi>cleansplit review " in shown


class Executed(NamedTuple):
    """The folder where the example notebook ran, and the outputs of its cells."""

    folder: Path
    cells: list[list[Any]]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    folder = tmp_path_factory.mktemp("notebook")
    return Executed(folder, [cell["outputs"] for cell in executed(folder).cells if cell["cell_type"] == "code"])


def test_a_notebook_shows_one_line_duplicates_and_a_table(notebook: Executed) -> None:
    _, audited, removed, _, splits, *_ = notebook.cells
    assert [output["output_type"] for output in audited] == ["display_data", "execute_result"]
    shown = audited[1]["data"]["text/html"]
    assert "<table>" in shown
    pictures = re.findall(r'<img src="data:image/[a-z]+;base64,([^"]+)" alt="([^"]+)"', shown)
    assert {name for _, name in pictures} >= {"test/dahlia/cut.jpg", "test/pagoda/again.jpg"}
    (page,) = re.findall(r'<a href="([^"]+)"', shown)
    assert (notebook.folder / url2pathname(page)).read_text().startswith("<!DOCTYPE html>")
    assert "test/pagoda/again.jpg" in removed[0]["data"]["text/html"]
    assert "num_rows: 14" in splits[-1]["data"]["text/plain"]


def test_the_example_notebook_runs_and_finds_the_leaks_of_its_data_set(notebook: Executed) -> None:
    outputs = [output for outputs in notebook.cells for output in outputs]
    assert [each for each in outputs if each["output_type"] == "error"] == []
    shown = "\n".join(each.get("text", "") + each.get("data", {}).get("text/plain", "") for each in outputs)
    for name in ("dahlia/cut", "dahlia/wrong-label", "pagoda/again", "pagoda/reduced", "portrait/darker"):
        assert f"test/{name}.jpg" in shown
    assert "5 of 19 test images (26.32 %) have a duplicate in train" in shown
    stored = [output for cell in json.loads(NOTEBOOK.read_text())["cells"] for output in cell.get("outputs", [])]
    assert len(stored) >= len([each for each in outputs if each.get("name") != "stderr"])
