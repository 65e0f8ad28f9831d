"""What a run says to do with every image, and carrying it out: lists, moved files, linked trees, loaded sets."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import write_csv

from tasks.exporting.export import export_run
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.storage import tables
from tasks.storage.place import Place
from tests import plain
from tests.build import ROOT, glyphs, members_of, png, write_folder, write_tar
from tests.flows.test_cli import here, refused
from tests.plain import audit, dedupe

GOES = {"10/0.bmp", "10/1.JPG", "10/mislabelled.jpg", "猫 1/0.bmp", "猫 1/1.JPG"}


def actions_of(run: Path) -> list[dict[str, str]]:
    with (run / "actions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def audited_in(folder: Path, photographs: dict[str, Any]) -> Report:
    """Audit our own folders, by relative names, with a class root below the source."""
    for role in ("train", "test"):
        shutil.copytree(photographs[role], folder / role)
    with pytest.MonkeyPatch.context() as current:
        current.chdir(folder)
        return audit(train="train", test="test", workspace="w", max_quarantine=0.5, threshold=0.9)


@pytest.fixture(scope="module")
def made(prefect_server: None, photographs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return an audit whose files no test changes."""
    return audited_in(tmp_path_factory.mktemp("pictures"), photographs)


@pytest.fixture
def pictures(
    prefect_server: None, photographs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Report:
    """Return an audit of the current folder."""
    monkeypatch.chdir(tmp_path)
    return audited_in(tmp_path, photographs)


def test_every_image_has_an_action_and_paths_are_those_that_the_user_can_write(
    made: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.run.parents[2])
    rows = actions_of(made.run)
    goes = [row for row in rows if row["action"] == "remove"]
    again = [row for row in rows if row["why"] == "conflict" and row["path"] in {gone["path"] for gone in goes}]
    assert {row["path"].removeprefix("test/data/test/") for row in again} == {"10/mislabelled.jpg", "猫 1/0.bmp"}
    assert {row["action"] for row in again} == {"review"}
    assert len(again) == 2, "of no other image are there two rows"
    once = [row for row in rows if row not in again]
    assert {name: sum(row["split"] == name for row in once) for name in ("train", "validation", "test")} == {
        name: made.rows[name] for name in ("train", "validation", "test")
    }
    assert all(Path(row["path"]).is_file() for row in rows)
    refused = pq.read_table(made.run / "quarantine.parquet")["path"].to_pylist()
    assert sorted(refused) == ["test/data/test/10/cut.jpg", "test/data/test/10/notes.txt"]
    assert all(Path(row["twin"]).is_file() for row in rows if row["action"] != "keep")
    assert {row["path"].removeprefix("test/data/test/") for row in goes} == GOES
    assert (made.run / "remove" / "test.txt").read_text().splitlines() == sorted(row["path"] for row in goes)
    assert [path.name for path in (made.run / "remove").iterdir()] == ["test.txt"]
    assert {row["why"] for row in goes} == {"exact", "near"}
    assert all(0.9 < float(row["similarity"]) <= 1 for row in goes)


def test_paths_in_archives_have_the_names_of_the_files_in_them(run: Report) -> None:
    names = set[str]()
    for entry in run.inputs:
        with tarfile.open(entry.name) as archive:
            names |= {f"{entry.name}/{name}" for name in archive.getnames()}
    used = {row["path"] for row in actions_of(run.run)}
    refused = set(pq.read_table(run.run / "quarantine.parquet")["path"].to_pylist())
    assert used
    assert refused
    assert used | refused <= names


def test_files_that_go_are_moved_and_files_that_stay_are_linked(pictures: Report, tmp_path: Path) -> None:
    run, before = ("apply", str(pictures.run)), files_below(tmp_path / "test")
    told = here(*run, "--move", "gone")
    assert told.returncode == 0, told.stderr
    assert f"{len(GOES)} files would be moved to {tmp_path / 'gone'}" in told.stderr
    assert told.stderr.splitlines()[-1] == "Dry run: nothing was changed. Add --execute."
    listed = Path(told.stdout.strip()).read_text().splitlines()
    assert {line.rpartition(" -> ")[2].removeprefix("gone/test/") for line in listed} == GOES
    assert not (tmp_path / "gone").exists()
    done = here(*run, "--link", "clean", "--execute")
    assert done.returncode == 0, done.stderr
    linked = files_below(tmp_path / "clean")
    assert done.stderr.splitlines()[-1] == f"linked {len(linked):,} files"
    assert len(linked) == pictures.rows.train + pictures.sanitized.near.test
    assert (tmp_path / "clean/test/10/3.webp").samefile(tmp_path / "test/data/test/10/3.webp")
    for words in ((), ("--execute",)):
        assert "already exists" in refused(here(*run, "--link", "clean", *words), 2)
    assert here(*run, "--move", "gone", "--execute").returncode == 0
    moved = files_below(tmp_path / "gone")
    assert set(moved) == {f"test/{name}" for name in GOES}
    left = {name.removeprefix("data/test/"): data for name, data in files_below(tmp_path / "test").items()}
    assert left | {name.removeprefix("test/"): data for name, data in moved.items()} == {
        name.removeprefix("data/test/"): data for name, data in before.items()
    }
    again = here(*run, "--move", "gone", "--execute")
    assert again.returncode == 0, again.stderr
    assert f"moved 0 files; {len(GOES)} had been moved before" in again.stderr
    (tmp_path / "gone/test" / min(GOES)).rename(tmp_path / "test/data/test" / min(GOES))
    one = f"1 file would be moved to {tmp_path / 'gone'}; {len(GOES) - 1} had been moved before"
    assert one in here(*run, "--move", "gone").stderr


def test_a_dry_run_without_files_to_move_names_no_folders(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", {f"a/{i}.png": png(image) for i, image in enumerate(glyphs(8, seed=3))})
    found = plain.dedupe(source=str(source), workspace=tmp_path / "w")
    told = here("apply", str(found.run), "--move", str(tmp_path / "gone"))
    assert f"0 files would be moved to {tmp_path / 'gone'}.\nDry run: nothing was changed." in told.stderr


@pytest.mark.usefixtures("prefect_server")
def test_nothing_is_moved_where_a_name_is_taken_or_what_stays_has_changed(tmp_path: Path) -> None:
    own = [png(image) for image in glyphs(8, seed=3)]
    files = {f"a/{i}.png": data for i, data in enumerate(own)} | {f"a/copy{i}.png": own[i] for i in range(3)}
    source = write_folder(tmp_path / "set", files)
    found = plain.dedupe(source=str(source), keep="first", workspace=tmp_path / "w")
    run, gone = ("apply", str(found.run), "--move", str(tmp_path / "gone")), tmp_path / "gone" / "a" / "copy2.png"
    write_folder(tmp_path / "gone", {"a/copy2.png": b"another"})
    for words in ((), ("--execute",)):
        assert f"{gone} already exists; choose another folder. Nothing was moved." in refused(here(*run, *words), 3)
    gone.unlink()
    for data in (own[5], None):
        (source / "a" / "1.png").unlink() if data is None else (source / "a" / "1.png").write_bytes(data)
        assert "1.png" in refused(here(*run, "--execute"), 3)
        assert len(files_below(tmp_path / "gone")) == 0
    write_folder(source, {"a/1.png": own[1]})
    assert "moved 3 files" in here(*run, "--execute").stderr
    assert "moved 0 files; 3 had been moved before" in here(*run, "--execute").stderr


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("case", ["a link stays", "a link into the other split", "nested", "links made later"])
def test_no_file_is_moved_that_an_image_which_stays_is_in(case: str, tmp_path: Path) -> None:
    own = {f"a/{number}.png": png(glyph) for number, glyph in enumerate(glyphs(24, seed=4))}
    one, other = (write_folder(tmp_path / "d" / name, own) for name in ("one", "other"))
    for number in range(12, 24):
        (one / f"a/{number}.png").unlink()
    for number in range(4 if case == "links made later" else 12):
        (other / f"a/{number}.png").unlink()
    kept = one / "a" / "0a.png"
    if case == "a link stays":
        kept.symlink_to("1.png")
        found = dedupe(source=str(one), keep="first", workspace=tmp_path / "w")
    elif case == "nested":
        found = audit(train=str(tmp_path / "d"), test=str(other), workspace=tmp_path / "w")
    else:
        if case == "a link into the other split":
            kept.symlink_to("../../other/a/12.png")
        found = audit(train=str(one), test=str(other), follow_links=tmp_path / "d", workspace=tmp_path / "w")
    if case == "links made later":
        for number in range(4, 12):
            (one / f"a/{number}.png").unlink()
            (one / f"a/{number}.png").symlink_to(f"../../other/a/{number}.png")
    before = files_below(tmp_path / "d")
    empty = ["--allow-empty"] if case == "nested" else []  # whatever is in test is in train too
    run = ("apply", str(found.run), "--move", str(tmp_path / "gone"), "--execute", *empty)
    assert "or an image that stays is in the same file; use --link." in refused(here(*run), 2)
    assert files_below(tmp_path / "d") == before
    assert not (tmp_path / "gone").exists()


@pytest.mark.usefixtures("prefect_server")
def test_a_file_named_like_a_page_is_moved_and_a_folder_is_no_image(tmp_path: Path) -> None:
    own = {f"a/{number}.png": png(glyph) for number, glyph in enumerate(glyphs(20, seed=4))}
    write_folder(tmp_path / "d", own | {"a/x#1.png": own["a/0.png"]})
    found = dedupe(source=str(tmp_path / "d"), keep="first", workspace=tmp_path / "w")
    run = ("apply", str(found.run), "--move", str(tmp_path / "gone"), "--execute")
    assert "moved 1 file\n" in here(*run).stderr
    again = here(*run)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (0, "moved 0 files; 1 had been moved before")
    (tmp_path / "d" / "a" / "0.png").unlink()
    (tmp_path / "d" / "a" / "0.png").mkdir()
    assert "a/0.png is missing; restore it" in refused(here(*run), 3)


@pytest.mark.usefixtures("prefect_server")
def test_a_folder_to_write_may_not_be_a_link_to_nothing(tmp_path: Path) -> None:
    own = {f"a/{number}.png": png(glyph) for number, glyph in enumerate(glyphs(20, seed=4))}
    found = dedupe(source=str(write_folder(tmp_path / "d", own)), workspace=tmp_path / "w")
    (tmp_path / "out").symlink_to(tmp_path / "nothing")
    assert "out already exists; choose another" in refused(
        here("apply", str(found.run), "--link", str(tmp_path / "out")), 2
    )


@pytest.mark.usefixtures("prefect_server")
def test_names_with_a_backslash_or_two_dots_are_names_as_others(tmp_path: Path) -> None:
    own = glyphs(20, seed=3)
    files = {f"a/{i:02d}.png": png(image) for i, image in enumerate(own)}
    odd = {"a/with\\one.png": png(own[0]), "a/\\begins.png": png(own[1]), "a/..dots.png": png(own[2])}
    hidden = {"a/.hidden.png": png(own[3]), "a/._apple.png": png(own[4])}
    source = write_folder(tmp_path / "set", files | odd | hidden)
    found = dedupe(source=str(source), keep="first", workspace=tmp_path / "w")
    assert (found.rows.train, sum(row.ignored for row in found.conservation)) == (23, 2)
    done = here("apply", str(found.run), "--move", str(tmp_path / "gone"), "--execute")
    assert done.returncode == 0, done.stderr
    moved = files_below(tmp_path / "gone")
    assert len(moved) == 3
    assert files_below(source) | moved == files | odd | hidden
    assert here("apply", str(found.run), "--link", str(tmp_path / "clean"), "--execute").returncode == 0
    assert len(files_below(tmp_path / "clean")) == 20


@pytest.mark.usefixtures("prefect_server")
def test_names_that_differ_only_in_case_are_two_files_where_they_come_from_two(tmp_path: Path) -> None:
    own = [png(image) for image in glyphs(20, seed=3)]
    files = {f"a/{i:02d}.png": data for i, data in enumerate(own)}
    files |= {f"a/{name}{case}.png": own[0] for name in "Xx" for case in ("", "2")} | {"a/y.png": own[1]}
    noise = {f"a/{case}.png": png(glyphs(1, seed=seed)[0]) for case, seed in (("z", 4), ("Z", 5))}
    source = write_folder(tmp_path / "set", files | noise)
    if len(files_below(source)) < len(files | noise):
        pytest.skip("this file system does not tell names by case")
    run = str(dedupe(source=str(source), keep="first", workspace=tmp_path / "w").run)
    for flag in ("link", "move"):
        done = here("apply", run, f"--{flag}", str(tmp_path / flag), "--execute")
        assert done.returncode == 0, done.stderr
    assert {"a/z.png", "a/Z.png"} <= files_below(tmp_path / "link").keys()
    assert {"a/x.png", "a/X2.png", "a/x2.png"} <= files_below(tmp_path / "move").keys()
    assert files_below(source) | files_below(tmp_path / "move") == files | noise


def test_what_would_lose_a_file_is_refused(pictures: Report, tmp_path: Path) -> None:
    run = ("apply", str(pictures.run), "--execute", "--move")
    assert "is inside the source test" in refused(here(*run, "test/data/test/gone"), 2)
    assert "give either --move" in refused(here(*run, "gone", "--link", "clean"), 2)
    (tmp_path / "gone/test/10").mkdir(parents=True)
    (tmp_path / "gone/test/10/0.bmp").write_text("mine")
    assert "already exists" in refused(here(*run, "gone"), 3)
    assert (tmp_path / "gone/test/10/0.bmp").read_text() == "mine"
    changed = tmp_path / "test/data/test/10/3.webp"
    changed.write_bytes(changed.read_bytes() + b" ")
    assert "has changed since it was indexed" in refused(
        here("apply", str(pictures.run), "--link", "c", "--execute"), 3
    )
    assert not (tmp_path / "c").exists()


@pytest.mark.usefixtures("prefect_server")
def test_nothing_is_moved_out_of_an_archive_but_its_clean_tree_can_be_written(run: Report, tmp_path: Path) -> None:
    assert "nothing can be moved out of" in refused(here("apply", str(run.run), "--move", str(tmp_path / "gone")), 2)
    done = here("apply", str(run.run), "--link", str(tmp_path / "clean"), "--execute")
    assert done.returncode == 0, done.stderr
    assert f"linked or copied {len(files_below(tmp_path / 'clean')):,} files" in done.stderr
    counts = {name: len(files_below(tmp_path / "clean" / name)) for name in ("train", "validation", "test")}
    assert counts == {"train": run.rows.train} | {n: run.sanitized.near[n] for n in ("validation", "test")}


def test_every_set_loads_whatever_splits_there_are(made: Report, tmp_path: Path) -> None:
    import datasets

    raw = {name: made.rows[name] for name in ("train", "test")}
    wanted = {"raw": raw, "sanitized": raw | {"test": made.sanitized.near.test}}
    run = Place.of(made.run)
    export_run(run, "parquet", Place.of(tmp_path / "out"), made.classes, read_findings(run))
    for folder in (made.run, tmp_path / "out"):
        for config, rows in wanted.items():
            loaded = datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"))
            assert {name: len(split) for name, split in loaded.items()} == rows
    assert pq.read_table(tmp_path / "out/sanitized/test-00000-of-00001.parquet").num_rows == wanted["sanitized"]["test"]


@pytest.mark.usefixtures("prefect_server")
def test_a_test_set_of_which_nothing_is_left_is_left_out_if_one_says_so(tmp_path: Path) -> None:
    import datasets

    images = {"a": glyphs(20, seed=1), "b": glyphs(20, seed=2)}
    train = write_tar(tmp_path / "train.tar", members_of(images, "x"))
    test = write_tar(tmp_path / "test.tar", members_of({name: of[:5] for name, of in images.items()}, "y"))
    found = audit(train=str(train), test=str(test), workspace=tmp_path / "w")
    assert found.sanitized.near.test == 0
    loaded = datasets.load_dataset(str(found.run), "sanitized", cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 40}
    linking = ("apply", str(found.run), "--link", str(tmp_path / "clean"), "--execute")
    told = refused(here(*linking), 2)
    assert "test has no image left without a duplicate" in told
    assert "--protect test" in told
    assert not (tmp_path / "clean").exists()
    assert here(*linking, "--allow-empty").returncode == 0
    assert {name.split("/")[0] for name in files_below(tmp_path / "clean")} == {"train"}


def test_a_reader_that_has_seen_enough_is_no_bug(run: Report, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "flows.command.cli", "apply", str(run.run), "--link", str(tmp_path / "clean")]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert not {"cleansplit:", "Traceback", "Exception"} & {*done.stderr.split()}
    assert done.returncode == 128 + signal.SIGPIPE


@pytest.mark.usefixtures("prefect_server")
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    classes = ("=1+1", "+1", "-1", "@sum", "plain")
    images = {name: [png(image) for image in glyphs(6, seed=seed)] for seed, name in enumerate(classes)}
    for split, last in (("train", 5), ("test", 6)):
        files = {f"{name}/{n}.png": each for name, own in images.items() for n, each in enumerate(own[last - 5 : last])}
        write_folder(tmp_path / "=set" / split, files)
    run = audit(root=str(tmp_path / "=set"), workspace=tmp_path / "w").run
    with (tmp_path / "groups.csv").open("wb") as file:
        write_csv(tables.harmless(pa.table({"file": ["a"], "group": ["\t=1"], "fold": [-1]})), file)
    written = [*run.rglob("*.csv"), tmp_path / "groups.csv"]
    cells = [cell for path in written for row in csv.reader(path.open(newline="")) for cell in row]
    assert {"'=1+1", "'+1", "'-1", "'@sum", "plain", "'\t=1", "-1"} <= set(cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell not in ("", "-1")]
