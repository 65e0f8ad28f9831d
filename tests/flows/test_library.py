"""cleansplit in Python: quiet calls with results that show themselves, in scripts and in notebooks."""

import base64
import inspect
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import cleansplit
from flows.pipeline import audit
from tasks.errors import GateError, UsageError
from tests.browser.example import NOTEBOOK, executed
from tests.build import ROOT, glyphs, noise, png, write_folder


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
def audited(data: Path, tmp_path_factory: pytest.TempPathFactory) -> cleansplit.Result:
    return cleansplit.audit(root=str(data), workspace=tmp_path_factory.mktemp("w"))


def test_a_result_prints_as_a_table_and_gives_what_it_found(audited: cleansplit.Result) -> None:
    assert (audited.report.pair("test", "train").exact, audited.report.sanitized.near.test) == (1, 10)
    said = repr(audited)
    assert re.search(r"test +train +12 +1 +1 +16\.7 %", said)
    assert said.splitlines()[-1] == str(audited.folder)
    assert max(map(len, said.splitlines()[:-1])) <= 100
    assert audited.answer.startswith("8.3 % of the 12 test images have an identical image in train")
    assert audited.table("removed").num_rows == 2
    assert audited.pandas()["action"].value_counts().to_dict() == {"keep": 38, "remove": 2}
    assert {name: len(split) for name, split in audited.splits().items()} == {"train": 28, "test": 10}
    assert len(audited.splits("raw")["test"]) == 12
    tables = "actions, duplicates, label_conflicts, quarantine, removed"
    with pytest.raises(UsageError, match=f"has no table 'unconfirmed'; use one of {tables}"):
        audited.table("unconfirmed")
    with pytest.raises(UsageError, match="'clean' is not a set of splits; use one of raw, sanitized"):
        audited.splits("clean")
    again = cleansplit.open_run(str(audited.folder))
    assert again.report == audited.report


@pytest.mark.parametrize(("package", "call"), [("pandas", "pandas()"), ("datasets", "splits()")])
def test_a_missing_package_names_the_extra_that_installs_it(
    package: str, call: str, audited: cleansplit.Result, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('absent', name={package!r})")
    program = f"import cleansplit; cleansplit.open_run({str(audited.folder)!r}).{call}"
    path = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=path)
    said = f"UsageError: {package} is not installed; run `pip install 'cleansplit[notebook]'`."
    assert done.stderr.splitlines()[-1].endswith(said)


def test_the_example_of_the_readme_runs_as_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(data)
    example = re.findall(r"```python\n(import cleansplit\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"test +train +12 +1 +1 +16\.7 %", done.stdout)


def test_errors_are_the_sentences_of_the_command(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="root nowhere does not exist"):
        cleansplit.audit(root="nowhere")
    with pytest.raises(UsageError, match="threshold: give a number"):
        cleansplit.audit(root=str(data), threshold=2)
    with pytest.raises(GateError, match="have a duplicate in train, more than the 1 % allowed") as failed:
        cleansplit.audit(root=str(data), max_overlap=0.01, workspace=tmp_path)
    assert failed.value.report.pair("test", "train").either == 2


def test_parameters_are_those_of_the_command(data: Path, tmp_path: Path) -> None:
    parameters = inspect.signature(cleansplit.run).parameters
    assert {"large", "small", "models", "threshold", "decisions", "workspace"} <= set(parameters)
    assert "Seed of every random choice." in str(inspect.getdoc(cleansplit.run))
    source = str(data / "train")
    found = cleansplit.split(source=source, models=("softmax",), sizes=(10, "all"), trainings=1, workspace=tmp_path)
    assert {score.train_rows for score in found.report.scores} >= {10}
    assert cleansplit.dedupe(source=source, keep="first", workspace=tmp_path).report.spec.settings()["keep"] == "first"


def test_a_script_sees_one_line_and_no_secret_is_among_the_arguments_of_a_process(data: Path, tmp_path: Path) -> None:
    script = f"import cleansplit; cleansplit.audit(root={str(data)!r}, workspace={str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=os.environ)
    assert not done.stdout
    assert b"\n" not in done.stderr
    shown = [part.strip() for part in done.stderr.decode().split("\r") if part.strip()]
    assert all(re.match(r"audit: [a-z' ]+", part) for part in shown)
    assert len(shown) > 5
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


def test_the_link_to_the_page_is_relative_where_jupyter_asks_for_that(
    audited: cleansplit.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(audited.folder.parents[1])
    assert f'<a href="runs/{audited.folder.name}/report.html"' in audited._repr_html_()


def test_commands_in_the_answer_of_a_notebook_are_code(tmp_path: Path) -> None:
    own = glyphs(20, seed=5)
    files = {f"{'train' if i < 16 else 'test'}/{'ab'[i % 2]}/{i}.png": png(image) for i, image in enumerate(own)}
    data = write_folder(tmp_path / "data", files | {"test/a/wrong.png": png(own[1])})
    found = audit(root=str(data), workspace=tmp_path / "w")
    shown = cleansplit.open_run(str(found.run))._repr_html_()
    assert "<code><bdi>cleansplit review " in shown.partition("</strong>")[0]


def test_a_notebook_shows_one_line_duplicates_and_a_table(data: Path, tmp_path: Path) -> None:
    cells = [
        f"import cleansplit\nfound = cleansplit.audit(root={str(data)!r}, workspace={str(tmp_path)!r})\nfound",
        "found.pandas('removed')[['id', 'reason']]",
        "found.splits()",
        f"cleansplit.audit(root={str(data)!r}, workspace={str(tmp_path)!r}, max_overlap=0)",
    ]
    make: Any = nbformat.v4
    book = make.new_notebook(cells=[make.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=240, kernel_name="python3", allow_errors=True).execute()
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in book.cells]
    assert kinds[0] == ["display_data", "execute_result"]
    shown = book.cells[0]["outputs"][1]["data"]["text/html"]
    assert "<table>" in shown
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', shown)
    assert {name for _, name in pictures} == {"train/a/0.png", "test/a/copy.png", "train/b/1.png", "test/b/near.png"}
    files = {name: (data / name).read_bytes() for _, name in pictures}
    for picture, name in pictures:
        assert np.array_equal(opened(base64.b64decode(picture)), opened(files[name])), name
    (page,) = re.findall(r'<a href="([^"]+)"', shown)
    assert Path(url2pathname(page.removeprefix("file://"))).read_text().startswith("<!DOCTYPE html>")
    assert "test/a/copy.png" in book.cells[1]["outputs"][0]["data"]["text/html"]
    assert "num_rows: 10" in book.cells[2]["outputs"][-1]["data"]["text/plain"]
    failed = book.cells[3]["outputs"][-1]
    assert (failed["ename"], failed["evalue"].partition(" test")[0]) == ("GateError", "2 of 12")


def test_the_example_notebook_runs_and_finds_the_leaks_of_its_data_set(tmp_path: Path) -> None:
    book = executed(tmp_path)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert [each for each in outputs if each["output_type"] == "error"] == []
    shown = "\n".join(each.get("text", "") + each.get("data", {}).get("text/plain", "") for each in outputs)
    for name in ("dahlia/cut", "dahlia/wrong-label", "pagoda/again", "pagoda/reduced", "portrait/darker"):
        assert f"test/{name}.jpg" in shown
    assert "5 of 19 test rows (26.32 %) have a duplicate in train" in shown
    stored = [output for cell in json.loads(NOTEBOOK.read_text())["cells"] for output in cell.get("outputs", [])]
    assert len(stored) >= len([each for each in outputs if each.get("name") != "stderr"])
