"""The files of a run that need attention, from its tables."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.presenting.changes import problems_of
from tasks.records import Report
from tasks.storage import Place


def test_a_quarantined_file_of_a_detection_set_has_the_path_that_it_has_in_the_set(run: Report, tmp_path: Path) -> None:
    shutil.copy(run.run / "actions.csv", tmp_path)
    members = {"{cat, dog}": "images/val/1.jpg", "cat": "2.jpg", "(none)": "3.jpg", None: "4.jpg"}
    same: dict[str, str | None] = {"role": "small", "outcome": "quarantined", "reason": "empty"}
    rows = [same | {"class_name": name, "member": member} for name, member in members.items()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "quarantine.parquet")
    source = next(entry.name for entry in run.inputs if entry.role == "small")
    found = [one.path for one in problems_of(Place.of(tmp_path), run) if one.sentence.startswith("quarantined")]
    assert found == [f"{source}/{name}" for name in ("images/val/1.jpg", "cat/2.jpg", "3.jpg", "4.jpg")]


def test_the_right_class_of_an_image_is_a_text_even_if_it_looks_like_a_number(run: Report, tmp_path: Path) -> None:
    shutil.copy(run.run / "quarantine.parquet", tmp_path)
    header = (run.run / "actions.csv").read_text().partition("\n")[0]
    row = '"set/2/a.png","train","2","relabel","conflict","set/001/b.png",0.99,"001"'
    (tmp_path / "actions.csv").write_text(f"{header}\n{row}\n")
    said = {problem.path: problem.sentence for problem in problems_of(Place.of(tmp_path), run)}
    assert said["set/2/a.png"] == "wrong label; the right class is 001"
