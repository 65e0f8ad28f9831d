from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.storage.place import Place

WORKSPACE = Place.of("/data/workspace")


def test_names_join_below_a_root() -> None:
    run = WORKSPACE / "runs" / "one"
    assert run == WORKSPACE / "runs/one"
    assert (run.root, run.name, run.last) == ("/data/workspace", "runs/one", "one")
    assert str(run) == "/data/workspace/runs/one"
    assert (run.parent, run.beside("two")) == (WORKSPACE / "runs", WORKSPACE / "runs/two")


@pytest.mark.parametrize("name", ["..", "../other", "runs/../../other", "runs/..", "/", "/etc/passwd"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    for place in (WORKSPACE, WORKSPACE / "runs"):
        with pytest.raises(DataError, match="points outside /data/workspace"):
            place / name


def test_dots_inside_a_name_lead_nowhere() -> None:
    assert str(WORKSPACE / "runs/..a../...") == "/data/workspace/runs/..a../..."


def test_a_location_is_a_name_below_the_workspace_or_an_absolute_path() -> None:
    assert WORKSPACE.locate("downloads/large.tar") == WORKSPACE / "downloads/large.tar"
    assert WORKSPACE.locate("/elsewhere/large.tar") == Place.of("/elsewhere/large.tar")
    with pytest.raises(DataError, match="points outside /data/workspace"):
        WORKSPACE.locate("../large.tar")


def test_a_place_of_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Place.of("large.tar") == Place.of(Path("large.tar")) == Place.of(tmp_path / "large.tar")
    assert str(Place.of("~/large.tar")) == "/home/somebody/large.tar"
