"""The gate in continuous integration: the commands of the action and the hook, on a changing set."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.build import ROOT, glyphs, png, write_folder
from tests.flows.test_cli import here


def step(name: str) -> dict[str, Any]:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (found,) = [each for each in action["runs"]["steps"] if each.get("name") == name]
    return dict(found)


def shell_of(step: dict[str, Any]) -> list[str]:
    return ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]


def test_the_action_fails_with_the_gate_and_says_what_changed(server: dict[str, str], tmp_path: Path) -> None:
    own = glyphs(30, seed=4)
    files = {f"train/{'ab'[i % 2]}/{i}.png": png(own[i]) for i in range(20)}
    files |= {f"test/{'ab'[i % 2]}/{i}.png": png(own[i]) for i in range(20, 30)}
    data = write_folder(tmp_path / "our data", files)
    (tmp_path / "shlex.py").write_text("raise SystemExit('imported')")
    (tmp_path / "temp").mkdir()
    (tmp_path / "temp" / "cleansplit").symlink_to(sys.prefix)  # the result of the previous step
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    given = {
        "ARGUMENTS": "--root 'our data'\n--max-overlap 0.05\n", "WORKSPACE": ".cleansplit",
        "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output),
    }  # fmt: skip
    audit = step("Audit")
    assert set(audit["env"]) == {"ARGUMENTS", "WORKSPACE"}
    assert "${{" not in audit["run"], "text of others would become a part of the script"

    def run(**other: str) -> tuple[int, list[str]]:
        environment = os.environ | server | given | other
        done = subprocess.run(
            shell_of(audit), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    assert run() == (0, [])
    assert "No earlier run of these sources" in summary.read_text()
    assert "need attention" not in summary.read_text()
    (data / "test/a/leak, 50%.png").write_bytes(png(own[1]))
    (data / "test/a/::error::empty.png").write_bytes(b"")
    code, annotated = run()
    assert code == 4
    said = summary.read_text()
    assert "- max_overlap: **failed**, value 9.09 %, limit 5.00 %" in said
    assert "| overlap | test in train, exact | 0 | 1 |" in said
    assert "| our data/test/a/leak, 50%.png | identical to our data/train/b/1.png |" in said
    assert "| our data/test/a/::error::empty.png | quarantined: no bytes |" in said
    assert re.search(r"\| settings \| sha256 of root \| [0-9a-f]{12} \| [0-9a-f]{12} \|", said)
    assert "sha256 of t" not in said
    leak, title = "our data/test/a/leak%2C 50%25.png", "title=cleansplit"
    assert annotated == [
        f"::error file={leak},{title}::identical to our data/train/b/1.png",
        f"::error file=our data/test/a/%3A%3Aerror%3A%3Aempty.png,{title}::quarantined: no bytes",
        f"::warning file=our data/train/b/1.png,{title}::duplicate of our data/test/a/leak, 50%25.png, "
        "which has another label",
        f"::warning file={leak},{title}::duplicate of our data/train/b/1.png, which has another label",
    ]
    assert run() == (4, annotated)
    change = "| overlap | test in train, exact | 0 | 1 |"
    assert change in summary.read_text().rpartition("## cleansplit")[2], "no run is compared with itself"
    folder = output.read_text().splitlines()[-1].removeprefix("run=")
    assert (Path(folder) / "report.html").is_file()
    assert run(ARGUMENTS="--root 'our data/' --max-overlap 0.05") == (4, annotated), "the paths have one slash"
    assert run() == (4, annotated)
    assert change in summary.read_text().rpartition("## cleansplit")[2], "of the same sources"
    write_folder(tmp_path / "other", {"a/copy.png": png(own[2]), "a/new.png": png(glyphs(1, seed=5)[0])})
    code, annotated = run(ARGUMENTS="--train 'our data/train' --test 'our data/test' --test other --max-overlap 0.05")
    assert (code, len(annotated)) == (4, len(set(annotated)))
    assert f"::error file={leak},{title}::identical to our data/train/b/1.png" in annotated, "of every benchmark"
    assert f"::error file=other/a/copy.png,{title}::identical to our data/train/a/2.png" in annotated
    assert run(ARGUMENTS="--root 'our data' --max-overlap '0.5") == (1, []), "an unclosed quote must not pass a gate"


def test_annotations_that_fail_leave_the_exit_code_to_the_audit(tmp_path: Path) -> None:
    (programs := tmp_path / "cleansplit" / "bin").mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "cleansplit").write_text("#!/bin/sh\necho nowhere\n")
    (programs / "cleansplit").chmod(0o755)
    names = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")
    given = {name: str(tmp_path / name) for name in names} | {"ARGUMENTS": "", "WORKSPACE": "w"}
    environment = os.environ | given | {"RUNNER_TEMP": str(tmp_path)}
    assert subprocess.run(shell_of(step("Audit")), cwd=tmp_path, env=environment, check=False).returncode == 0


def test_the_action_takes_no_code_from_what_is_checked_out(tmp_path: Path) -> None:
    install = step("Install")
    (tmp_path / "venv.py").write_text("raise SystemExit('imported')")
    first, *others = install["run"].splitlines()
    assert [line for line in others if "--no-build-isolation" in line or "--require-hashes" in line] == others
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {"RUNNER_TEMP": str(tmp_path / "temp"), "PATH": path}
    subprocess.run(shell_of({"run": first}), cwd=tmp_path, env=os.environ | given | install["env"], check=True)
    assert (tmp_path / "temp" / "cleansplit" / "bin" / "pip").exists()


def test_actions_and_images_are_pinned_by_digest() -> None:
    done = subprocess.run(["make", "--silent", "pins"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "all actions and images are pinned by digest\n"


def test_the_hook_runs_the_gate(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["pass_filenames"] is False
    own = glyphs(20, seed=4)
    files = {f"{split}/a/{i}.png": png(own[i]) for split, some in (("train", 12), ("test", 4)) for i in range(some)}
    write_folder(tmp_path / "data", files)
    command, *words = shlex.split(hook["entry"])
    assert (Path(sys.executable).parent / command).is_file()
    monkeypatch.chdir(tmp_path)
    done = here(*words, "data", "--max-overlap", "0")
    assert done.returncode == 4
    assert "4 of 4 test images (100.00 %) have a duplicate in train" in done.stderr


def test_the_hook_runs_for_a_commit_of_any_form_of_data(tmp_path: Path) -> None:
    """pre-commit itself selects the files; a command that needs no installation prints them in place of the hook's."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    local = hook | {"language": "system", "entry": "echo", "verbose": True, "pass_filenames": True}
    names = "a/1.png train.tar.gz train.parquet mnist.npz t10k-images-idx3-ubyte data_batch_1 x.csv"
    selected = {f"data/{name}" for name in names.split()}
    write_folder(tmp_path, dict.fromkeys(selected, b"data"))
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]})
    (tmp_path / ".pre-commit-config.yaml").write_text(config)
    environment = os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    for command in (["git", "init", "-q"], ["git", "add", "data"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    run = [sys.executable, "-m", "pre_commit", "run"]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {word for word in done.stdout.split() if word.startswith("data/")} == selected
