"""Embeddings nominate pairs; pixels decide which are duplicates, and the other close ones are of the same subject."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import DataError, UsageError
from tasks.overlap.embeddings import read_embeddings
from tasks.presenting.words import Numbers, sentences
from tasks.records import Report
from tasks.reporting.read import PAGE
from tasks.storage.place import Place
from tests.build import glyphs, png, saved, scene, write_folder
from tests.plain import audit

TRAIN, TEST = 90, 20


def picture(seed: int) -> Image.Image:
    return scene(120, 90, seed=seed)


THIRD, HALF = (10, 8, 80, 60), (38, 29, 120, 90)  # crops, by their share of the area


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build splits, and an embedding of each image by its scene, as a good model would give.

    In test, third.png and half.jpg are crops of train's scenes 3 and 17, copy.jpg is scene 5 at another quality. The
    others are new.
    """
    folder = tmp_path_factory.mktemp("subjects")
    train = {f"train/{n}.png": (n, saved(picture(n), "PNG")) for n in range(TRAIN)}
    test = {f"test/{n}.png": (n, saved(picture(n), "PNG")) for n in range(100, 100 + TEST)}
    test["test/third.png"] = 3, saved(picture(3).crop(THIRD), "PNG")
    test["test/half.jpg"] = 17, saved(picture(17).crop(HALF), "JPEG", quality=10)  # less than near-identical
    test["test/copy.jpg"] = 5, saved(picture(5), "JPEG", quality=70)
    root = write_folder(folder / "data", {name: data for name, (_, data) in (train | test).items()})
    rng = np.random.default_rng(0)
    vectors = np.stack([embedded(scene, rng) for scene, _ in (train | test).values()])
    table = pa.table({"id": [*train, *test], "vector": pa.array(vectors.tolist())})
    pq.write_table(table, folder / "embeddings.parquet")
    return {"root": str(root), "embeddings": folder / "embeddings.parquet"}


def embedded(subject: int, rng: np.random.Generator) -> NDArray[np.float64]:
    own = np.random.default_rng([subject, 1]).normal(size=64)
    return own + 0.2 * rng.normal(size=64)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("w")


@pytest.fixture(scope="module")
def report(prefect_server: None, given: dict[str, Any], workspace: Path) -> Report:
    return audit(**given, threshold=0.9, workspace=workspace)


def removed_of(report: Report) -> list[int]:
    """Return the scenes of train whose duplicates are removed from test."""
    names = pq.read_table(report.run / "removed.parquet")["twin_id"].to_pylist()
    return sorted(int(Path(name).stem) for name in names)


def test_a_crop_of_a_third_is_the_same_subject_and_a_copy_is_a_duplicate(report: Report) -> None:
    rows = pq.read_table(report.run / "same_subject.parquet").to_pylist()
    assert [(row["id"], row["twin_id"]) for row in rows] == [("test/(none)/third.png", "train/(none)/3.png")]
    assert rows[0]["cosine"] > report.same_subject[0].cosine
    assert removed_of(report) == [5, 17], "an image of the same subject is never removed"


def test_the_same_subject_has_a_gallery_of_its_own_and_a_sentence(report: Report) -> None:
    page = (report.run / PAGE).read_text()
    before, after = page.split('<h2 id="subjects">')
    assert "third.png" in after.split("</section>")[0]
    assert "third.png" not in before
    assert "1 pair of test and train images is close in the embeddings" in "".join(
        sentences(Numbers(report), "qualifications")
    )


def test_embeddings_nominate_a_duplicate_that_bits_do_not(
    report: Report, given: dict[str, Any], workspace: Path
) -> None:
    plain = audit(root=given["root"], threshold=0.9, workspace=workspace)
    assert (removed_of(plain), removed_of(report)) == ([5], [5, 17])
    assert plain.same_subject == ()
    assert not (plain.run / "same_subject.parquet").exists()


def test_the_rows_of_an_array_are_named_by_a_listing(given: dict[str, Any], tmp_path: Path) -> None:
    table = pq.read_table(given["embeddings"])
    np.save(tmp_path / "e.npy", np.array(table["vector"].to_pylist(), np.float32))
    (tmp_path / "e.txt").write_text("\n".join(table["id"].to_pylist()))
    ids, vectors = read_embeddings(Place.of(tmp_path / "e.npy"))
    expected, others = read_embeddings(Place.of(given["embeddings"]))
    assert ids == expected
    np.testing.assert_array_equal(vectors, others)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "wrong"),
    [
        ([[1.0, 2.0], [1.0]], "the vectors differ in length"),
        ([[1.0, float("nan")], [1.0, 2.0]], "not finite"),
        ([[1.0, 2.0], None], "the vectors differ in length"),
        (["a", "b"], "does not contain embeddings"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(vectors: list[Any], wrong: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["train/a.png", "train/b.png"], "vector": vectors}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match=wrong):
        read_embeddings(Place.of(tmp_path / "e.parquet"))


def test_an_id_with_two_vectors_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["train/a.png"] * 2, "vector": [[1.0], [2.0]]}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match=r"repeated ids: 1"):
        read_embeddings(Place.of(tmp_path / "e.parquet"))


def test_an_error_that_names_its_own_remedy_stays(tmp_path: Path) -> None:
    twice = pa.table([["train/a.png"], ["train/a.png"], [[1.0]]], names=["id", "id", "vector"])
    pq.write_table(twice, tmp_path / "e.parquet")
    with pytest.raises(
        DataError, match=r"e\.parquet has 3 columns, or two with the same name; remove the unused ones\.$"
    ):
        read_embeddings(Place.of(tmp_path / "e.parquet"))


def test_a_missing_listing_other_ids_and_glyphs_are_refused(
    prefect_server: None, given: dict[str, Any], workspace: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "e.npy", np.ones((2, 3)))
    with pytest.raises(DataError, match=r"No such file .*e\.txt.*; give Parquet"):
        read_embeddings(Place.of(tmp_path / "e.npy"))
    (tmp_path / "e.txt").write_text("a.png\nb.png")
    with pytest.raises(DataError, match=r"lack the images of train; their ids are like train/"):
        audit(root=given["root"], embeddings=tmp_path / "e.npy", workspace=workspace)
    letters = {f"{split}/{n}.png": png(glyphs(1, seed=n)[0]) for split in ("train", "test") for n in range(3)}
    with pytest.raises(UsageError, match="embeddings are for photographs"):
        audit(
            root=str(write_folder(tmp_path / "glyphs", letters)),
            view="ink",
            embeddings=tmp_path / "e.npy",
            workspace=tmp_path / "w",
        )
