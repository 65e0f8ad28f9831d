"""The files of a run that need attention, from its tables."""

import shutil
from pathlib import Path

from tasks.presenting.changes import problems_of
from tasks.records import Report
from tasks.storage import Place


def test_the_right_class_of_an_image_is_a_text_even_if_it_looks_like_a_number(run: Report, tmp_path: Path) -> None:
    shutil.copy(run.run / "quarantine.parquet", tmp_path)
    header = (run.run / "actions.csv").read_text().partition("\n")[0]
    row = '"set/2/a.png","train","2","relabel","conflict","set/001/b.png",0.99,"001"'
    (tmp_path / "actions.csv").write_text(f"{header}\n{row}\n")
    said = {problem.path: problem.sentence for problem in problems_of(Place.of(tmp_path), run)}
    assert said["set/2/a.png"] == "wrong label; the right class is 001"
