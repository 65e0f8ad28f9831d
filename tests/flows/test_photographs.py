"""Runs on photographs: real ones whose truth is known, and built ones of every kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.pipeline import audit, sanitize
from tasks.errors import UsageError
from tasks.exporting.export import export_run
from tasks.overlap.minhash import choose_bands
from tasks.overlap.nearest import nearest
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import CANDIDATES, FLOOR, by_minhash
from tasks.presenting.words import Numbers, answer, sentences
from tasks.records import Report
from tasks.registration.views import BITS, VIEWS
from tasks.reporting.read import read_findings
from tasks.reporting.verify import verify_run
from tasks.storage.place import Place
from tasks.vocabulary import Format
from tests.build import glyphs, png, saved, scene, write_folder, write_tar
from tests.flows.test_cli import here
from tests.hostile_jpegs import hostile
from tests.plain import audit as plain_audit
from tests.plain import run as plain_run

pytestmark = pytest.mark.usefixtures("prefect_server")

QUICK: dict[str, Any] = {"models": ("1nn",), "sizes": ("all",), "workers": 2}


@pytest.fixture(scope="module")
def cifar(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Run on the sample of CIFAR-10: all of its train against all of its test."""
    data = shared / "data"
    given: dict[str, Any] = {"large": str(data / "cifar_train.tar.gz"), "small": str(data / "cifar_test.tar.gz")}
    sizes: dict[str, Any] = {"train": 3000, "validation": 0, "test": 600}
    space = tmp_path_factory.mktemp("cifar")
    return plain_run(**given, **sizes, **QUICK, workspace=space, also=("mirrored",))


def test_the_published_twins_are_found_and_none_has_another_class(cifar: Report, shared: Path) -> None:
    listed = json.loads((shared / "data" / "cifar_expected.json").read_text())["twins"]
    near = {twin["test"].split("/", 1)[1] for twin in listed if twin["judgment"] == "near"}
    removed = {row["id"].split("/", 1)[1]: row for row in pq.read_table(cifar.run / "removed.parquet").to_pylist()}
    assert cifar.spec.view == "photo"
    assert cifar.verdict.reason == "own"
    assert len(near & set(removed)) >= 0.9 * len(near)
    assert all(row["class_name"] == row["twin_class_name"] for row in removed.values())
    assert {row["reason"] for row in removed.values()} == {"near"}
    assert all(row["agreement"] >= cifar.verdict.threshold for row in removed.values())


def test_minhash_proposes_all_but_the_stated_share(cifar: Report) -> None:
    fingerprints = read_findings(Place.of(cifar.run)).fingerprints
    workspace = cifar.run.parents[1]
    of: dict[str, Patterns] = {}
    for role in ("large", "small"):
        tables = [pq.read_table(workspace / prints.table) for prints in fingerprints if prints.role == role]
        bits = [np.frombuffer(b, np.uint8) for table in tables for b in table["bits"].to_pylist()]
        of[role] = Patterns.of(np.stack(bits), BITS)
    bands, apart = (
        choose_bands(VIEWS["photo"].permutations, 60, 0.93),
        (len(of["large"]) + np.arange(len(of["small"])), np.arange(len(of["large"]))),
    )
    assert (bands.bands, bands.rows) == (96, 7)
    truth = nearest([of["small"]], of["large"], CANDIDATES, FLOOR, apart)
    found = by_minhash([of["small"]], of["large"], apart, bands, CANDIDATES)
    similar = truth.similarity[:, 0] >= 0.6
    assert similar.sum() > 90
    assert (found.row[similar, 0] == truth.row[similar, 0]).mean() >= bands.recall_at(0.6)


def test_twins_raise_the_accuracy_of_the_model_that_remembers(cifar: Report) -> None:
    (conclusion,) = cifar.conclusions
    assert conclusion.significant
    assert (conclusion.points or 0) > 0


def test_mirrored_twins_are_counted_apart_and_stay(audited: Report) -> None:
    (count,) = [c for c in audited.variants if (c.rows_of, c.found_in) == ("test", "train")]
    table = pq.read_table(audited.run / "variants.parquet").to_pylist()
    anew = [row for row in table if row["percent"] >= 90 > row["plain_percent"]]
    assert [row["id"] for row in anew] == ["test/10/2.tiff", "test/猫 1/2.tiff"]
    assert count.rows == 2
    removed = set(pq.read_table(audited.run / "removed.parquet")["id"].to_pylist())
    assert not removed & {row["id"] for row in anew}


def test_a_run_of_photographs_is_whole_and_names_their_files(cifar: Report) -> None:
    assert verify_run(Place.of(cifar.run)) == []
    left = (cifar.run / "paths" / "sanitized" / "test.txt").read_text().splitlines()
    assert len(left) == cifar.sanitized.near.test
    assert all(path.count("/") == 1 and path.endswith(".jpg") for path in left)
    assert len((cifar.run / "paths" / "sanitized" / "train.txt").read_text().splitlines()) == 3000


def test_the_answer_says_what_models_of_photographs_see(cifar: Report) -> None:
    assert "These models see gray copies of 16 x 16 pixels. Mostly missed are copies" in answer(Numbers(cifar))
    assert sentences(Numbers(cifar), "qualifications")[-1] == "These models see gray copies of 16 x 16 pixels."


def test_photographs_of_any_size_format_and_class_are_compared(audited: Report) -> None:
    assert audited.classes == ("10", "猫 1")
    test = audited.pair("test", "train")
    assert (test.rows, test.exact, test.near) == (13, 2, 3)
    removed = {row["id"]: row["reason"] for row in pq.read_table(audited.run / "removed.parquet").to_pylist()}
    assert removed == {
        "test/10/0.bmp": "exact", "test/10/1.JPG": "near", "test/猫 1/0.bmp": "exact", "test/猫 1/1.JPG": "near",
        "test/10/mislabelled.jpg": "near",
    }  # fmt: skip
    assert verify_run(Place.of(audited.run)) == []


def test_every_member_has_an_outcome(audited: Report) -> None:
    named = {row["member"]: row["reason"] for row in pq.read_table(audited.run / "quarantine.parquet").to_pylist()}
    assert named == {"cut.jpg": "cut_jpeg", "notes.txt": "not_image_name"}
    assert sum(row.mislabelled for row in audited.conservation) == 1
    assert "1 has a wrong file extension and is read all the same" in (audited.run / "README.md").read_text()
    assert "data/test" not in (audited.run / "paths" / "raw" / "test.txt").read_text()


def test_hostile_jpegs_in_a_folder_and_an_archive_are_read_or_refused_by_name(tmp_path: Path) -> None:
    files = {f"{side} {name}.jpg": data for side in (256, 1024) for name, (data, _) in hostile(side).items()}
    refused = {f"{side} {name}.jpg": why for side in (256, 1024) for name, (_, why) in hostile(side).items() if why}
    files |= {f"{number}.jpg": saved(scene(600, 500, number), "JPEG") for number in range(8)}
    folder, archive = write_folder(tmp_path / "train", files), write_tar(tmp_path / "test.tar", files)
    given = ("--train", str(folder), "--test", str(archive), "--workspace", str(tmp_path / "w"))
    done = here("audit", *given, "--max-quarantine", "1")
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.strip())
    for role in ("train", "test"):
        listed = pq.read_table(run / "quarantine.parquet", filters=[("role", "=", role)]).to_pylist()
        assert {row["member"].rpartition("/")[2]: row["reason"] for row in listed} == refused
    assert (
        f"Of {2 * len(files)} entries, {2 * len(refused)} are quarantined and 0 ignored"
        in (run / "README.md").read_text()
    )


def test_originals_are_copied_linked_or_wrapped_byte_by_byte(
    audited: Report, photographs: dict[str, Any], tmp_path: Path
) -> None:
    run = Place.of(audited.run)
    forms: tuple[Format, ...] = ("folder", "links", "parquet")
    for form in forms:
        export_run(run, form, Place.of(tmp_path / form), audited.classes, read_findings(run))
    source = Path(photographs["test"]) / "data" / "test"
    for form in forms[:2]:
        left = sorted((tmp_path / form / "sanitized" / "test").rglob("*.*"))
        assert len(left) == 8
        for path in left:
            original = source / path.relative_to(tmp_path / form / "sanitized" / "test")
            assert path.read_bytes() == original.read_bytes()
            assert path.samefile(original) == (form == "links")
    from datasets import load_dataset  # which takes half a second

    loaded = load_dataset(str(tmp_path / "parquet" / "sanitized"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 16, "test": 8}
    row = loaded["test"][0]
    assert row["image"].size[0] > 50
    assert loaded["test"].features["label"].names == list(audited.classes)


def test_a_threshold_that_an_audit_refuses_is_refused_for_a_run(audited: Report) -> None:
    with pytest.raises(UsageError, match=r"threshold 0\.2 is too low for photographs; use at least 0\.7\."):
        sanitize(run=str(audited.run), threshold=0.2, workspace=audited.run.parent.parent)


def test_an_original_that_changed_is_named(audited: Report, photographs: dict[str, Any], tmp_path: Path) -> None:
    run = Place.of(audited.run)
    path = Path(photographs["test"]) / "data" / "test" / "10" / "5.png"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + b"x")
    try:
        with pytest.raises(Exception, match="has changed since it was indexed"):
            export_run(run, "folder", Place.of(tmp_path / "out"), audited.classes, read_findings(run))
    finally:
        path.write_bytes(before)
    assert not (tmp_path / "out").exists()


def test_the_same_bytes_with_threads_and_processes(
    audited: Report, photographs: dict[str, Any], tmp_path: Path
) -> None:
    other = audit(
        **photographs,
        workspace=tmp_path,
        also=("mirrored",),
        threshold=0.9,
        max_quarantine=0.5,
        runner="processes",
        workers=2,
    )
    files = [path.relative_to(other.run) for path in other.run.rglob("*") if path.is_file() and path.name != "run.json"]
    assert len(files) > 10
    for file in files:
        assert (other.run / file).read_bytes() == (audited.run / file).read_bytes(), file


def test_a_view_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    own = {f"{'ab'[number % 2]}/{number}.png": png(image) for number, image in enumerate(glyphs(20, seed=1))}
    given: dict[str, Any] = {role: str(write_folder(tmp_path / role, own)) for role in ("train", "test")}
    photo = plain_audit(**given, workspace=tmp_path / "photo", view="photo")
    assert (photo.spec.view, photo.near_duplicates.floor, photo.spec.side) == ("photo", 0.86, 16)
    ink = plain_audit(**given, workspace=tmp_path / "ink", view="ink")
    assert (ink.spec.view, ink.spec.threshold) == ("ink", 0.95)
    with pytest.raises(UsageError, match="view"):
        plain_audit(**given, workspace=tmp_path / "w", view="colour")
