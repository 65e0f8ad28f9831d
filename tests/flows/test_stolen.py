"""`cleansplit apply` on a run, or on folders, that somebody else has changed since: no file elsewhere is touched."""

import shutil
from pathlib import Path

import pytest

from tasks.storage.place import Place
from tasks.storage.stages import amend, read_manifest
from tests.build import glyphs, png, write_folder
from tests.flows.test_actions import files_below
from tests.flows.test_cli import here, refused
from tests.plain import dedupe

FILES = {f"{name}/{i:02d}.png": png(image) for name in "ab" for i, image in enumerate(glyphs(12, seed=ord(name)))}
FILES |= {"a/again.png": FILES["a/00.png"], "b/again.png": FILES["b/00.png"]}


@pytest.fixture
def run(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Look for duplicates in a folder by a relative name, next to the same set of another user."""
    write_folder(tmp_path / "mine" / "set", FILES)
    write_folder(tmp_path / "theirs", FILES)
    monkeypatch.chdir(tmp_path / "mine")
    return dedupe(source="set", workspace=tmp_path / "w").run


def test_the_folders_that_files_are_taken_from_are_shown_first_from_wherever_it_is_called(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--execute"]):
        done = here("apply", str(run), "--move", str(tmp_path / "gone"), *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[0] == f"files are taken from {tmp_path / 'mine' / 'set'}"
    assert files_below(tmp_path / "gone").keys() == {"a/again.png", "b/again.png"}


@pytest.mark.parametrize("name", ["set", "/data/set"])
def test_a_run_that_says_that_its_source_is_elsewhere_is_refused(name: str, run: Path, tmp_path: Path) -> None:
    manifest = read_manifest(Place.of(run / "run.json"))
    assert manifest is not None
    found = manifest["result"]["findings"]
    found["archives"][0] |= {"location": str(tmp_path / "theirs"), "name": name}
    amend(Place.of(run / "run.json"), "findings", found)
    for how in ("--move", "--link"):
        said = refused(here("apply", str(run), how, str(tmp_path / "out"), "--execute"), 3)
        assert f"says that {name} is {tmp_path / 'theirs'}" in said
    assert files_below(tmp_path / "theirs") == FILES
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["--move", "--link"])
@pytest.mark.parametrize("replaced", ["b", "b/again.png"])
def test_no_link_in_a_source_is_followed(how: str, replaced: str, run: Path, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine" / "set" / replaced, tmp_path / "theirs" / replaced
    shutil.rmtree(mine) if mine.is_dir() else mine.unlink()
    mine.symlink_to(theirs)
    if how == "--link" and replaced == "b/again.png":
        replaced_kept = tmp_path / "mine" / "set" / "b" / "00.png"
        replaced_kept.unlink()
        replaced_kept.symlink_to(theirs.with_name("00.png"))
    done = here("apply", str(run), how, str(tmp_path / "out"), "--execute")
    assert "a symbolic link leads to" in done.stderr.splitlines()[-1]
    assert done.returncode == 3
    assert files_below(tmp_path / "theirs") == FILES
    assert not list((tmp_path / "out").rglob("b/*"))


def test_no_link_in_a_target_is_followed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").symlink_to(tmp_path / "elsewhere")
    done = here("apply", str(run), "--move", str(tmp_path / "out"), "--execute")
    assert "a symbolic link leads to" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "elsewhere").iterdir())
    assert (tmp_path / "mine" / "set" / "b" / "again.png").is_file()
