"""One set: its groups of duplicates, what to keep and what to remove, for glyphs and photographs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.pipeline import audit, dedupe, sanitize
from flows.publish import key_of
from tasks.errors import GateError, UsageError
from tasks.records import Report
from tasks.records.spec import AuditSpec, SplitSpec
from tasks.records.spec_searching import ArrivalsSpec, DedupeSpec
from tests.build import glyphs, noise, png, saved, scene, write_folder, write_tar


def members() -> dict[str, bytes]:
    """Return two classes of 20 glyphs: a copy under another name, two near copies, a copy in the other class."""
    own = {name: glyphs(20, seed=ord(name)) for name in "ab"}
    found = {f"{name}/{i:02d}.png": png(image) for name, images in own.items() for i, image in enumerate(images)}
    found |= {"a/copy.png": png(own["a"][3]), "a/near.png": png(noise(own["a"][3], 1, seed=0))}
    found |= {"b/again.png": png(own["a"][7]), "b/near.png": png(noise(own["b"][5], 1, seed=1))}
    return found | {"b/broken.png": b""}


@pytest.fixture(scope="module")
def report(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("dedupe")
    return dedupe(source=str(write_tar(folder / "set.tar", members())), workspace=folder / "w", max_quarantine=0.5)


def lines(path: Path) -> list[str]:
    """Return class and file of the paths of a list."""
    return ["/".join(line.split("/")[-2:]) for line in path.read_text().splitlines()]


def test_every_planted_duplicate_is_listed_and_one_of_each_label_stays(report: Report) -> None:
    assert lines(report.run / "remove.txt") == ["a/copy.png", "a/near.png", "b/near.png"]
    assert 'download="keep.txt"' in (report.run / "report.html").read_text()
    assert sorted(lines(report.run / "keep.txt") + lines(report.run / "remove.txt")) == sorted(
        set(members()) - {"b/broken.png"}
    )
    found = report.duplicates_in("train")
    assert (found.rows, found.groups, found.grouped, found.exact, found.near) == (44, 3, 7, 1, 2)
    assert (found.largest, found.chains, found.conflicts, found.held) == (3, 0, 1, 1)
    assert report.sanitized.near.train == 41
    rows = pq.read_table(report.run / "duplicates.parquet").to_pylist()
    stays = {(row["group"], row["class_name"]): row["id"] for row in rows if row["stays"]}
    assert all(row["twin_id"] == stays[row["group"], row["class_name"]] for row in rows)
    assert len(stays) == 4
    assert {row["reason"] for row in rows} == {"exact", "near", None}


def test_gates_on_test_are_refused_when_a_single_set_is_sanitized_again(report: Report) -> None:
    workspace = report.run.parents[1]
    for name, value in {"max_overlap": 0.0, "min_rows": 1000, "protect": "test"}.items():
        with pytest.raises(UsageError, match=f"{name} does not apply to the run latest"):
            sanitize(**{"workspace": workspace, name: value})
    assert sanitize(workspace=workspace).sanitized == report.sanitized


def test_it_is_said_in_the_report_and_in_prefect(report: Report) -> None:
    text = (report.run / "README.md").read_text()
    answer = "3 of the 44 images are duplicates; 1 more is a duplicate of an image with another label, and stays."
    assert text.split("## ")[1].startswith(f"{answer}\n")
    assert "7 images are in 3 groups of duplicates; the largest has 3." in text
    assert "1 contains several labels, and one image of each label stays." in text
    assert "test images" not in text
    page = (report.run / "report.html").read_text()
    assert answer in re.sub("<[^>]*>", "", page)
    assert "The splits" not in page
    shown = re.findall('class="id">([^<]*)<', page)
    assert sorted(shown) == [f"a/{name}.png" for name in ("03", "07", "copy", "near")] + [
        f"b/{name}.png" for name in ("05", "again", "near")
    ]
    key = f"cleansplit-{key_of([*report.spec.sources.values()])}-groups"
    with get_client(sync_client=True) as client:
        assert client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def test_a_gate_limits_duplicates(report: Report, tmp_path: Path) -> None:
    source = str(write_tar(tmp_path / "set.tar", members()))
    with pytest.raises(GateError, match=r"4 of 44 images \(9\.09 %\) are duplicates, more than the 5 % allowed"):
        dedupe(source=source, workspace=tmp_path / "w", max_quarantine=0.5, max_duplicates=0.05)


def test_an_audit_names_the_duplicates_inside_each_split(prefect_server: None, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "train": str(write_folder(tmp_path / "train", members())),
        "test": str(
            write_folder(
                tmp_path / "test", {f"{c}/{i}.png": png(g) for c in "ab" for i, g in enumerate(glyphs(9, ord(c)))}
            )
        ),
    }
    found = audit(**given, workspace=tmp_path / "w", max_quarantine=0.5)
    assert [(of.split, of.method, of.groups, of.exact, of.near) for of in found.duplicates] == [
        ("train", "all pairs", 3, 1, 2),
        ("test", "all pairs", 0, 0, 0),
    ]
    assert lines(found.run / "duplicates" / "train-remove.txt") == lines_of_set()
    assert found.rows.train == found.sanitized.near.train == 44, "they stay"
    assert "Duplicates inside a split stay" in (found.run / "README.md").read_text()


def lines_of_set() -> list[str]:
    return ["a/copy.png", "a/near.png", "b/near.png"]


def photographs() -> dict[str, bytes]:
    """Return 60 photographs, and of three of them smaller, larger and worse copies."""
    pictures = [scene(96, 72, seed=seed) for seed in range(60)]
    found = {f"{'ab'[i % 2]}/{i:02d}.jpg": saved(picture, "JPEG", quality=90) for i, picture in enumerate(pictures)}
    found["a/00-small.jpg"] = saved(pictures[0].resize((64, 48)), "JPEG", quality=95)
    found["b/01-large.jpg"] = saved(pictures[1].resize((192, 144), Image.Resampling.BICUBIC), "JPEG", quality=90)
    found["a/02-worse.jpg"] = saved(pictures[2], "JPEG", quality=40)
    return found


@pytest.mark.parametrize(
    ("keep", "removed"),
    [("largest", ["a/00-small.jpg", "a/02-worse.jpg", "b/01.jpg"]), ("first", ["a/00.jpg", "a/02.jpg", "b/01.jpg"])],
)
def test_of_photographs_the_largest_or_the_first_stays(
    prefect_server: None, keep: Any, removed: list[str], tmp_path: Path
) -> None:
    source = str(write_folder(tmp_path / "photos", photographs()))
    found = dedupe(source=source, keep=keep, workspace=tmp_path / "w")
    assert found.verdict.why_not is None
    assert lines(found.run / "remove.txt") == removed


def chain() -> dict[str, bytes]:
    """Return glyphs that are each near the next one, and isolated glyphs."""
    links = np.zeros((5, 28, 28), np.uint8)
    for number, link in enumerate(links):
        link.reshape(-1)[8 * number : 8 * number + 400] = 255
    return {f"a/{i}.png": png(link) for i, link in enumerate(links)} | {
        f"b/{i}.png": png(image) for i, image in enumerate(glyphs(20, seed=5))
    }


@pytest.mark.parametrize(
    ("name", "text"), [("list.txt", "a/1.png\na/2.png\n"), ("x.csv", "path,label\na/1.png,A\na/2.png,A\n")]
)
def test_the_paths_of_a_list_are_those_of_its_files(prefect_server: None, tmp_path: Path, name: str, text: str) -> None:
    write_folder(tmp_path, dict.fromkeys(("a/1.png", "a/2.png"), png(glyphs(1, seed=5)[0])))
    (tmp_path / name).write_text(text)
    found = dedupe(source=str(tmp_path / name), workspace=tmp_path / "w")
    assert (found.run / "remove.txt").read_text() == f"{tmp_path}/a/2.png\n"


def test_a_chain_keeps_what_has_no_twin_that_stays_and_may_be_cut_into_groups(
    prefect_server: None, tmp_path: Path
) -> None:
    source = str(write_folder(tmp_path / "set", chain()))
    kept = dedupe(source=source, threshold=0.95, workspace=tmp_path / "w")
    cut = dedupe(source=source, threshold=0.95, chains="cut", workspace=tmp_path / "w")
    assert lines(kept.run / "remove.txt") == ["a/1.png", "a/3.png"]
    assert lines(cut.run / "remove.txt") == ["a/1.png", "a/3.png"], "each is a duplicate of one that stays"
    assert kept.duplicates_in("train").chains == cut.duplicates_in("train").chains == 1
    assert [found.duplicates_in("train").groups for found in (kept, cut)] == [1, 2]
    assert "1 is a chain: several images stay" in (kept.run / "README.md").read_text()
    assert "1 chain was cut into groups: one image of each group stays" in (cut.run / "README.md").read_text()
    goes = [row for row in pq.read_table(cut.run / "duplicates.parquet").to_pylist() if not row["stays"]]
    assert all(row["jaccard"] >= 0.95 for row in goes)
    weakest = pq.read_table(kept.run / "duplicates.parquet")["weakest"].to_pylist()
    assert weakest == [pytest.approx(376 / 392)] * 5


def test_the_same_set_gives_the_same_bytes(report: Report, tmp_path: Path) -> None:
    source = str(write_tar(tmp_path / "set.tar", dict(reversed(members().items()))))
    again = dedupe(source=source, workspace=tmp_path / "w", max_quarantine=0.5, workers=1)
    assert (again.run / "duplicates.parquet").read_bytes() == (report.run / "duplicates.parquet").read_bytes()
    for name in ("keep.txt", "remove.txt"):
        assert lines(again.run / name) == lines(report.run / name)
        assert all(line.startswith(f"{source}/") for line in (again.run / name).read_text().splitlines())


def test_mirrored_images_are_refused_where_they_are_not_searched_for() -> None:
    said = r"also mirrored needs two splits; remove it, or use `cleansplit audit`\."
    for kind, more in ((DedupeSpec, {}), (ArrivalsSpec, {"against": ("known",)})):
        with pytest.raises(UsageError, match=said):
            kind.of(source="set", also=("mirrored",), **more)
    assert (
        AuditSpec.of(train="a", test="b", also=("mirrored",)).also
        == SplitSpec.of(source="set", also=("mirrored",)).also
    )
