"""What `tests.plain` does without Prefect gives the files that the flows give."""

from pathlib import Path
from typing import Any

import pytest

from flows import pipeline
from tasks.records import Report
from tests import plain
from tests.build import MEASURED, glyphs, png, write_folder
from tests.flows.test_tiles import files_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_an_audit_of_photographs(audited: Report, photographs: dict[str, Any], tmp_path: Path) -> None:
    given: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}
    assert files_of(plain.audit(**photographs, workspace=tmp_path, **given)) == files_of(audited)


def test_a_search_for_duplicates_of_glyphs(tmp_path: Path) -> None:
    own = glyphs(24, seed=3)
    files = {f"{'ab'[number % 2]}/{number}.png": png(own[number % 20]) for number in range(24)}
    source = str(write_folder(tmp_path / "set", files))
    one, two = (of.dedupe(source, workspace=tmp_path / of.__name__) for of in (pipeline, plain))
    assert files_of(one) == files_of(two)
    assert len(files_of(one)) > 10


def test_a_split_into_groups_and_a_run(run: Report, sources: dict[str, Any], tmp_path: Path) -> None:
    assert files_of(plain.run(**sources, workspace=tmp_path / "run", **MEASURED)) == files_of(run)
    own = glyphs(40, seed=3)
    files = {f"{'ab'[number % 2]}/{number}.png": png(own[number % 30]) for number in range(40)}
    given: dict[str, Any] = {"source": str(write_folder(tmp_path / "set", files)), "models": ("1nn",), "folds": 3}
    one, two = (of.split(**given, workspace=tmp_path / of.__name__) for of in (pipeline, plain))
    assert files_of(one) == files_of(two)
