"""The files of a run that need attention, from its tables."""

import html
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tasks.presenting.changes import cell, problems_of
from tasks.records import Report
from tasks.records.rows import Gate
from tasks.storage import Place, tables


def test_the_right_class_of_an_image_is_a_text_even_if_it_looks_like_a_number(run: Report, tmp_path: Path) -> None:
    shutil.copy(run.run / "quarantine.parquet", tmp_path)
    header = (run.run / "actions.csv").read_text().partition("\n")[0]
    row = '"set/2/a.png","train","2","relabel","conflict","set/001/b.png",0.99,"001"'
    (tmp_path / "actions.csv").write_text(f"{header}\n{row}\n")
    said = {problem.path: problem.sentence for problem in problems_of(Place.of(tmp_path), run)}
    assert said["set/2/a.png"] == "wrong label; the right class is 001"


def test_a_name_is_no_markdown() -> None:
    name = r"data/_a_/x*y*z\1 [fix](http:/evil.example) ![p](p.png) ~~a~~ |b| `c` <i> @me &amp;.png"
    assert html.unescape(cell(name)) == name
    assert not re.search(r"[\\*_\[\]~!|`<>@]", cell(name))


def test_ignored_files_are_named_where_their_gate_failed(run: Report, tmp_path: Path) -> None:
    shutil.copy(run.run / "actions.csv", tmp_path)
    rows = tables.read(Place.of(run.run) / "quarantine.parquet").to_pylist()
    outside = next(iter(rows)) | {"path": "set/notes.xyz", "outcome": "ignored", "reason": "not_image_name"}
    tables.write(pa.Table.from_pylist([outside]), Place.of(tmp_path) / "quarantine.parquet")
    for passed in (True, False):
        gated = replace(run, gates=(Gate("max_ignored", 0.0, 0.5, passed=passed),))
        named = [problem for problem in problems_of(Place.of(tmp_path), gated) if problem.path == "set/notes.xyz"]
        assert [problem.fails for problem in named] == [True] * (not passed)
