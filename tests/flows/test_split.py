"""Splits share no duplicates and no groups of the user, from one set and from two sources."""

import shutil
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from flows.keeping import clean
from flows.pipeline import cleansplit, evaluate, prepare, sanitize
from tasks.errors import UsageError
from tasks.exporting.export import export_run
from tasks.presenting.words import Numbers, answer, sentences
from tasks.records import LoadedSources, Report, between
from tasks.reporting.read import read_findings
from tasks.splits.tasks import draw_grouped
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS
from tests.build import font_member, glyphs, noise, png, write_folder, write_tar
from tests.plain import split

TINY: dict[str, Any] = {"models": ("softmax", "1nn"), "sizes": ("all",), "trainings": 1, "workers": 2}
QUICK: dict[str, Any] = TINY | {"models": ("1nn",)}


def members(classes: str = "abc", families: int = 60) -> dict[str, bytes]:
    """Return families of glyphs: one to four near copies of each, named after family and member."""
    found = {}
    rng = np.random.default_rng(0)
    for name in classes:
        for number, image in enumerate(glyphs(families, seed=ord(name))):
            for copy in range(int(rng.integers(1, 5))):
                found[f"{name}/f{number:03d}_{copy}.png"] = png(noise(image, min(copy, 1), seed=copy))
    return found


@pytest.fixture(scope="module")
def report(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("split")
    return split(source=str(write_folder(folder / "set", members())), workspace=folder / "w", **TINY)


def groups(report: Report) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(report.run / "groups.parquet").to_pylist()
    return rows


def stages_of(workspace: Path) -> set[Path]:
    return set((workspace / "stages").glob("*/[!.]*"))


def test_no_split_has_a_twin_in_another_in_any_direction(report: Report) -> None:
    assert [pair.either for pair in report.overlap] == [0] * 6
    assert report.rows == report.sanitized.near
    families = defaultdict(set)
    for row in groups(report):
        families[row["id"].partition("_")[0]].add((row["group"], row["split"]))
    assert all(len(where) == 1 for where in families.values())
    assert len(families) == len({row["group"] for row in groups(report)}) == 180


def test_the_duplicates_inside_each_split_are_named(report: Report) -> None:
    groups_of = {row["id"]: row["group"] for row in groups(report)}
    in_several = {row for row, group in groups_of.items() if list(groups_of.values()).count(group) > 1}
    named = pq.read_table(report.run / "duplicates.parquet").to_pylist()
    assert {row["id"] for row in named} == in_several
    assert all(groups_of[row["id"]] == groups_of[row["twin_id"]] for row in named)
    listed = (report.run / "duplicates" / "train-remove.txt").read_text().splitlines()
    goes = {row["id"].partition("/")[2] for row in named if not row["stays"] and row["split"] == "train"}
    assert {"/".join(line.split("/")[-2:]) for line in listed} == goes


def test_what_is_only_alike_stays_together_if_one_asks_for_it(prefect_server: None, tmp_path: Path) -> None:
    own: dict[str, bytes] = {}
    for number, image in enumerate(glyphs(80, seed=5)):
        inked = int((image > 127).sum())
        alike = noise(image, round(0.07 * inked), seed=1)  # a similarity of 0.93, below the threshold of 0.95
        own |= {f"{'ab'[number % 2]}/{number:02d}-{i}.png": png(of) for i, of in enumerate((image, alike))}
    source = str(write_folder(tmp_path / "set", own))
    apart, together = (
        split(
            source=source, group_by="([0-9]+)-" if alike else None, group_alike=alike, workspace=tmp_path / "w", **QUICK
        )
        for alike in (False, True)
    )
    assert apart.drawing is not None
    assert together.drawing is not None
    assert (apart.drawing.groups, together.drawing.groups) == (160, 80)
    assert (together.drawing.purity, together.drawing.completeness) == (1, 1)
    for found, said in ((apart, "Each image is a group of its own."), (together, "The largest group has 2 images.")):
        assert f"{said} groups.parquet has the group of every image." in (found.run / "README.md").read_text()


def test_sizes_and_classes_are_those_of_all(report: Report) -> None:
    total = len(members())
    assert report.rows.train + report.rows.validation + report.rows.test == total
    assert abs(report.rows.test - total / 10) <= 1
    assert abs(report.rows.validation - total / 10) <= 1
    of_all = Counter(name[0] for name in members())
    for row in report.balance:
        share = row.raw / report.rows[row.split]
        assert abs(share - of_all[row.class_name] / total) < 0.03


def test_random_splits_of_the_same_sizes_leak_and_the_report_says_how_much(report: Report) -> None:
    drawing = report.drawing
    assert drawing is not None
    assert drawing.groups == 180
    assert drawing.largest == 4
    assert drawing.random_test == pytest.approx(report.rows.test, abs=2)
    assert drawing.random_twins > 0.4 * drawing.random_test
    assert drawing.random_shared >= drawing.random_twins
    claims = {(claim.model, claim.drawn): claim for claim in drawing.claims}
    assert set(claims) == {(m, d) for m in ("softmax", "1nn") for d in ("random", "random_sanitized", "grouped")}
    random, grouped = claims["1nn", "random"], claims["1nn", "grouped"]
    assert random.accuracy is not None
    assert grouped.accuracy is not None
    assert random.accuracy > grouped.accuracy + 0.2, "families of noise have nothing else in common"
    said = " ".join(sentences(Numbers(report), "effect"))
    assert f"1nn has an accuracy of {100 * random.accuracy:.1f} % on a random test set, and of " in said
    assert f"{100 * grouped.accuracy:.1f} % on this one; softmax has " in said, "one sentence has all models"
    rare = replace(report, drawing=replace(drawing, random_twins=0, random_shared=0))
    said = f"In a random split, {drawing.random_twins} of {drawing.random_test} test images would have a known"
    assert f"{said} duplicate in train, and {drawing.random_shared} share a group with another split." in answer(
        Numbers(report)
    )
    assert "In a random split, 0 of " in answer(Numbers(rare))
    text = (report.run / "README.md").read_text()
    assert "None of the 180 groups is divided between splits." in text


def rows_of_claims(report: Report) -> set[int]:
    """Return the numbers of rows that the claims of each model and way are trained on; there are claims of all."""
    assert report.drawing is not None
    claims = report.drawing.claims
    assert {claim.drawn for claim in claims} == {"random", "random_sanitized", "grouped"}
    assert all(claim.n for claim in claims)
    return {claim.train_rows for claim in claims}


def test_what_is_claimed_of_random_and_grouped_splits_is_trained_on_equally_many_rows(report: Report) -> None:
    (rows,) = rows_of_claims(report)
    assert rows == report.rows.train
    said = " ".join(sentences(Numbers(report), "effect"))
    assert [said.count(words) for words in (f"Trained on {rows:,} images, 1nn has ", "; softmax has ")] == [1, 1]


def test_twins_and_large_groups_change_no_number_of_rows_that_is_trained_on(
    prefect_server: None, tmp_path: Path
) -> None:
    """Every third image has a twin, so a random train split has about 50 rows without one in test."""
    images = [of for image in glyphs(36, seed=6) for of in (image, noise(image, 1, seed=1), np.rot90(image))]
    own = {f"{'ab'[i % 2]}/p{i // 36}-{i:03d}.png": png(image) for i, image in enumerate(images)}
    source = str(write_folder(tmp_path / "set", own))
    sizes: dict[str, Any] = {"train": 66, "validation": 0, "test": 42}
    found = split(source=source, group_by="(p[0-9])-", workspace=tmp_path / "w", **QUICK | sizes)
    assert found.rows.train == 72
    assert rows_of_claims(found) == {72}
    assert found.drawing is not None
    assert found.drawing.random_twins >= 10
    assert (found.rows.test, found.drawing.random_test) == (36, 36)


def test_evaluating_again_trains_on_random_splits_again_as_a_run_with_these_sizes_does(
    report: Report, tmp_path: Path
) -> None:
    workspace = tmp_path / "w"
    shutil.copytree(report.run.parents[1], workspace, symlinks=True)
    clean(keep=1, workspace=workspace)
    source, kept = next(iter(report.spec.sources.values())), stages_of(workspace)
    assert split(source=source, workspace=workspace, **TINY).run.name == report.run.name
    assert stages_of(workspace) == kept, "the kept run was made from these, and from no other"
    given: dict[str, Any] = {"models": ("1nn",), "sizes": (40, 90), "trainings": 2, "workspace": workspace}
    again = evaluate(run=report.run.name, **given)
    assert rows_of_claims(again) == {90}
    assert {claim.model for claim in again.drawing.claims} == {"1nn"}
    assert split(source=source, **TINY | given).run == again.run
    none = evaluate(run=report.run.name, **given | {"sizes": (10_000,)})
    assert none.drawing is not None
    assert none.drawing.claims == ()


def test_the_seed_decides_and_the_same_seed_gives_the_same_rows(report: Report, tmp_path: Path) -> None:
    source = str(write_tar(tmp_path / "set.tar", dict(reversed(members().items()))))
    again = split(source=source, workspace=tmp_path / "w", **QUICK | {"workers": 1})
    other = split(source=source, workspace=tmp_path / "w", seed=1, **QUICK)
    one, same, different = (groups(run) for run in (report, again, other))
    assert one == same
    assert one != different
    raw = "raw/train-00000-of-00001.parquet"
    assert (report.run / raw).read_bytes() == (again.run / raw).read_bytes()


def test_what_the_user_says_belongs_together_does(prefect_server: None, tmp_path: Path) -> None:
    images = glyphs(240, seed=3)
    own = {f"{'ab'[i % 2]}/p{i // 12:02d}-{i:03d}.png": png(image) for i, image in enumerate(images)}
    source = str(write_folder(tmp_path / "set", own | {"a/other.png": png(glyphs(1, seed=9)[0])}))
    found = split(source=source, group_by="(p[0-9]+)-", folds=4, workspace=tmp_path / "w", **QUICK)
    where = defaultdict(set)
    for row in groups(found):
        if "other" not in row["id"]:
            where[row["id"].rpartition("/")[2][:3]].add((row["split"], row["fold"]))
    assert all(len(splits) == 1 for splits in where.values())
    assert len(where) == 20
    assert {fold for ((_, fold),) in where.values()} == {0, 1, 2, 3}
    assert found.drawing is not None
    assert (found.drawing.groups, found.drawing.largest, found.drawing.unmatched) == (21, 12, 1)
    assert found.drawing.random_twins == 0
    assert found.drawing.purity == 1.0
    assert found.drawing.completeness == pytest.approx(20 / 240)
    out = tmp_path / "out"
    export_run(Place.of(found.run), "folder", Place.of(out), found.classes)
    listed = pacsv.read_csv(out / "raw" / "groups.csv").to_pylist()
    assert {row["file"] for row in listed} == {str(p.relative_to(out / "raw")) for p in (out / "raw").rglob("*.png")}
    assert {(row["group"], row["fold"]) for row in listed} == {(row["group"], row["fold"]) for row in groups(found)}
    export_run(Place.of(found.run), "parquet", Place.of(tmp_path / "hub"), found.classes)
    train = pq.read_table(tmp_path / "hub" / "raw" / "train-00000-of-00001.parquet")
    of_all = {row["id"]: row["group"] for row in groups(found)}
    assert {row["id"]: row["group"] for row in train.to_pylist()}.items() <= of_all.items()
    assert found.drawing.random_shared > 0.8 * found.drawing.random_test


@pytest.mark.parametrize(
    ("every", "parts", "given", "found"),
    [(6, 5, {"folds": 5}, (72, 24, 24)), (2, 2, {"validation": 0}, (60, 0, 60))],
)
def test_few_groups_leave_no_split_and_no_fold_empty(
    prefect_server: None, tmp_path: Path, parts: int, given: dict[str, Any], found: tuple[int, ...], every: int
) -> None:
    images = glyphs(120, seed=7)  # a half of them in class b, or a sixth
    own = {f"{'ab'[i % every == 0]}/p{i * parts // 120}-{i:03d}.png": png(image) for i, image in enumerate(images)}
    source = str(write_folder(tmp_path / "set", own))
    report = split(source=source, group_by="(p[0-9])-", workspace=tmp_path / "w", **QUICK | given)
    assert (report.rows.train, report.rows.validation, report.rows.test) == found
    where = {(row["id"].rpartition("/")[2][:2], row["split"]) for row in groups(report)}
    assert len(where) == parts
    assert {row["fold"] for row in groups(report) if given.get("folds")} == set(range(given.get("folds", 0)))
    said = (report.run / "README.md").read_text() + (report.run / "report.html").read_text()
    assert ("None of the 0" in said, " 0 validation rows" in said) == (False, False)


def test_twins_that_are_found_between_splits_may_leave_too_few_groups(prefect_server: None, tmp_path: Path) -> None:
    """As in a second round of drawing: only its pair connects two of three groups."""
    own = {f"{'ab'[i % 2]}/p{i // 20}-{i:02d}.png": png(image) for i, image in enumerate(glyphs(60, seed=8))}
    source = str(write_folder(tmp_path / "set", own))
    report = split(source=source, group_by="(p[0-9])-", workspace=tmp_path / "w", **QUICK)
    of_run = read_findings(Place.of(report.run))
    assert of_run.splits.in_groups is not None
    ids = {row["split"]: row["id"] for row in groups(report)}
    (tmp_path / "w" / "pair").mkdir()
    for name, other in (("train", "test"), ("test", "train")):
        row = {"id": [ids[name]], "twin_id": [ids[other]], "exact": [False], "near": [True]}
        pq.write_table(pa.table(row), tmp_path / "w" / "pair" / f"{name}.parquet")
    pair = replace(between(of_run.overlaps, "train", "test"), folder="pair", sha256="of the pair")
    loaded = LoadedSources(of_run.reading, of_run.archives, of_run.shards, of_run.fingerprints, None)
    first, second = (
        draw_grouped.fn(
            of_run.spec, loaded, of_run.duplicates[0], found, of_run.splits.in_groups.ruling, False, of_run.spec.place
        ).data
        for found in ((), (pair,))
    )
    assert first.in_groups.groups == 3
    assert isinstance(second, UsageError)
    assert str(second) == ("train, validation and test need 3 groups, but the images form only 2; use --validation 0.")


def test_groups_may_be_a_column_or_the_fonts_of_glyphs(prefect_server: None, tmp_path: Path) -> None:
    images = glyphs(120, seed=4)
    rows = {
        "image": pa.array([png(image) for image in images], pa.binary()),
        "label": ["ab"[i % 2] for i in range(120)],
        "patient": [f"p{i // 6}" for i in range(120)],
    }
    pq.write_table(pa.table(rows), tmp_path / "cases.parquet")
    by_column = split(source=str(tmp_path / "cases.parquet"), group_by="group", workspace=tmp_path / "w", **QUICK)
    assert by_column.drawing is not None
    assert (by_column.drawing.groups, by_column.drawing.unmatched) == (20, 0)
    fonts = {
        f"{letter}/{font_member(f'f{i}.ttf')}": png(glyphs(1, seed=i * 7 + ord(letter))[0])
        for i in range(40)
        for letter in "AB"
    }
    by_font = split(
        source=str(write_folder(tmp_path / "fonts", fonts)), group_by="font", workspace=tmp_path / "w", **QUICK
    )
    assert by_font.drawing is not None
    assert (by_font.drawing.groups, by_font.drawing.largest) == (40, 2)
    assert by_font.fonts("test", "train").rows == 0


def test_two_sources_are_drawn_from_together(prefect_server: None, tmp_path: Path) -> None:
    own = members("ab", 40)
    halves: dict[str, Any] = {
        name: str(write_folder(tmp_path / name, dict(list(own.items())[number::2])))
        for number, name in enumerate(("large", "small"))
    }
    found = cleansplit(**halves, recipe="grouped", train=100, validation=0, test=40, workspace=tmp_path / "w", **TINY)
    assert [pair.either for pair in found.overlap] == [0] * 6
    assert (found.rows.train, found.rows.validation, found.rows.test) == (100, 0, 40)
    assert {row["id"].partition("/")[0] for row in groups(found) if row["split"] == "train"} == {"large", "small"}
    assert sum(row["split"] is None for row in groups(found)) == len(own) - 140
    again = sanitize(run=found.run.name, threshold=0.99, workspace=tmp_path / "w")
    assert again.verdict.threshold == 0.99
    assert evaluate(run=found.run.name, models=("1nn",), sizes=("all",), workspace=tmp_path / "w").scores


@pytest.mark.parametrize("classes", ["one", "none"])
def test_a_set_without_several_classes_is_split_and_not_trained_on(
    prefect_server: None, tmp_path: Path, classes: str
) -> None:
    of_one = members("a", families=40)
    made = of_one if classes == "one" else {name.removeprefix("a/"): data for name, data in of_one.items()}
    source = write_folder(tmp_path / "set", made)
    report = split(source=str(source), workspace=tmp_path / "w", workers=2)
    assert [pair.either for pair in report.overlap] == [0] * 6
    rows = [getattr(report.rows, name) for name in SPLITS]
    assert sum(rows) == len(of_one)
    assert min(rows) > 0
    assert not report.scores
    assert not report.effects
    assert ("The images have no classes." in (report.run / "report.html").read_text()) == (classes == "none")
    with pytest.raises(UsageError, match="fewer than two classes"):
        evaluate(run=report.run.name, workspace=tmp_path / "w", models=("1nn",))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"group_by": "("}, UsageError, r"group_by \( is not a valid regular expression"),
        ({"group_by": "patient-(.*)"}, UsageError, "no path of an image matches"),
        ({"group_by": "group"}, UsageError, "no image has a group; --columns group=NAME"),
        ({"group_by": "[abc]"}, UsageError, "but the largest split has"),
        ({"group_by": "png"}, UsageError, "test need 3 groups, but the images form only 1; use a finer --group-by"),
        ({"group_by": "[abc]", "folds": 5}, UsageError, "5 folds need 5 groups, but there are 3; use --folds 3"),
        ({"train": 10_000}, UsageError, "but there are"),
    ],
)
def test_groups_that_can_not_be_are_refused(
    report: Report, given: dict[str, Any], error: type[Exception], said: str
) -> None:
    wide = {"train": 100, "test": 40, "validation": 0} if given.get("group_by") == "[abc]" else {}
    (source,) = report.spec.sources.values()
    with pytest.raises(error, match=said):
        split(source=source, workspace=report.run.parents[1], **QUICK | given | wide)


def test_groups_are_for_grouped_splits_alone(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="group_by is for grouped splits; use --recipe grouped, or cleansplit split"):
        cleansplit(group_by="font", workspace=tmp_path / "w")
    with pytest.raises(UsageError, match="prepare cannot draw grouped splits"):
        prepare(recipe="grouped", workspace=tmp_path / "w")
