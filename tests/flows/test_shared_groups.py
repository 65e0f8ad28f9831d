"""Rows that share a group with an earlier split, whether or not they are duplicates, are counted, listed and gated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from flows import pipeline
from tasks.classes.camera import taken
from tasks.errors import GateError, UndecidedError, UsageError
from tasks.presenting.words import Numbers, sentences
from tasks.records import Report
from tasks.records.rows import SharedRows
from tasks.records.spec import AuditSpec
from tasks.reporting.gates import enforce_gates, measure_gates
from tests.build import saved, scene, write_folder
from tests.plain import audit
from tests.real import read_members

TRACK = "^(?:[^/]*/)?([0-9]+)_"


def exif(moment: str | None, camera: str | None = "Canon", serial: str | None = None) -> Image.Exif:
    """Return EXIF data as a camera writes them, without what is None."""
    data = Image.Exif()
    for values, key, value in (
        (data, Base.Make, camera),
        (data.get_ifd(IFD.Exif), Base.DateTimeOriginal, moment),
        (data.get_ifd(IFD.Exif), Base.BodySerialNumber, serial),
    ):
        if value is not None:
            values[key] = value
    return data


def photo(seed: int, minute: int | None) -> bytes:
    image = scene(90, 70, seed=seed)
    return saved(image, "JPEG") if minute is None else saved(image, "JPEG", exif=exif(f"2024:05:31 14:{minute:02d}:59"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build three splits of photographs with the names TRACK_FRAME.jpg.

    In test, 1_9 is a copy of train's 1_0, 2_9 belongs to track 2, 7_0 to minute 2 of train, and 8_0 has no EXIF data.
    Validation has track 3 of train and its own track 5.
    """
    train = {f"train/{track}_{n}.jpg": photo(10 * track + n, minute=track) for track in (1, 2, 3) for n in range(4)}
    test = {"1_9": photo(10, minute=1), "2_9": photo(91, minute=4), "7_0": photo(92, minute=2), "8_0": photo(93, None)}
    validation = {"3_9": photo(94, minute=5), "5_0": photo(95, minute=6)}
    held = {f"test/{name}.jpg": data for name, data in test.items()}
    held |= {f"val/{name}.jpg": data for name, data in validation.items()}
    return str(write_folder(tmp_path_factory.mktemp("recorded"), train | held))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("w")


@pytest.fixture(scope="module")
def tracked(prefect_server: None, recorded: str, workspace: Path) -> Report:
    return audit(root=recorded, group_by=TRACK, workspace=workspace)


def listed(report: Report) -> list[tuple[Any, ...]]:
    rows = pq.read_table(report.run / "shared_groups.parquet").to_pylist()
    return [tuple(row.values()) for row in rows]


def test_rows_that_share_a_track_are_counted_apart_from_duplicates(tracked: Report) -> None:
    assert tracked.shared_groups == (
        SharedRows(rows_of="test", found_in="train", rows=4, shared=2, duplicates=1, undecided=0),
        SharedRows(rows_of="test", found_in="validation", rows=4, shared=0, duplicates=0, undecided=0),
        SharedRows(rows_of="validation", found_in="train", rows=2, shared=1, duplicates=0, undecided=0),
    )
    assert sentences(Numbers(tracked), "qualifications")[0] == (
        f"2 of the 4 test images share a group with train (--group-by {TRACK}); 1 of these is a duplicate."
    )
    assert "None of the 4 test images shares a group with validation" in "".join(
        sentences(Numbers(tracked), "findings")
    )


def test_the_table_names_the_group_and_whether_the_row_is_a_duplicate(tracked: Report) -> None:
    assert listed(tracked) == [
        ("test/(none)/1_9.jpg", "test", "1", "train", True),
        ("test/(none)/2_9.jpg", "test", "2", "train", False),
        ("validation/(none)/3_9.jpg", "validation", "3", "train", False),
    ]


def test_camera_and_minute_are_a_group_and_a_photograph_without_them_may_share_any(
    recorded: str, workspace: Path, tracked: Report
) -> None:
    with pytest.raises(
        UndecidedError, match=r"2 of 4 test images \(50\.00 %\) share a group with train, and 1 more may share one"
    ):
        audit(root=recorded, group_by="exif", max_shared_groups=0.5, workspace=workspace)
    report = audit(root=recorded, group_by="exif", max_shared_groups=0.5, undecided="pass", workspace=workspace)
    assert [row[:3] for row in listed(report)] == [
        ("test/(none)/1_9.jpg", "test", "Canon 2024:05:31 14:01"),
        ("test/(none)/7_0.jpg", "test", "Canon 2024:05:31 14:02"),
    ]
    assert [gate.passed for gate in report.gates if gate.name == "max_shared_groups"] == [True]


def test_an_unknown_group_in_train_leaves_every_other_row_undecided(
    recorded: str, workspace: Path, tracked: Report
) -> None:
    report = audit(root=recorded, group_by="^(?!3_1)([0-9]+)_", workspace=workspace)
    assert [(pair.shared, pair.undecided) for pair in report.shared_groups] == [(2, 2), (0, 0), (1, 1)]


def test_a_pattern_without_a_match_and_a_gate_without_groups_are_refused(
    recorded: str, workspace: Path, tracked: Report
) -> None:
    with pytest.raises(UsageError, match="--group-by patient: no path of an image matches"):
        audit(root=recorded, group_by="patient", workspace=workspace)
    with pytest.raises(UsageError, match="max_shared_groups needs --group-by"):
        AuditSpec.of(root=recorded, max_shared_groups=0)
    with pytest.raises(UsageError, match=r"group_by \( is not a valid regular expression"):
        AuditSpec.of(root=recorded, group_by="(")


def test_a_pattern_without_a_match_is_refused_before_images_are_compared(
    prefect_server: None, recorded: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--group-by patient: no path of an image matches"):
        pipeline.audit(root=recorded, group_by="patient", workspace=tmp_path)
    assert (tmp_path / "stages/fingerprints").exists()
    assert not (tmp_path / "stages/overlap").exists()


def test_the_gate_counts_shared_rows_of_the_worst_split_and_fails_without_rows(tracked: Report) -> None:
    assert isinstance(tracked.spec, AuditSpec)
    limited = replace(tracked, spec=replace(tracked.spec, max_shared_groups=0.5))
    assert measure_gates(limited)[-1].value == 0.5
    assert measure_gates(limited)[-1].passed
    strict = replace(tracked, spec=replace(tracked.spec, max_shared_groups=0.4))
    with pytest.raises(GateError, match=r"\(50\.00 %\) share a group with train, more than the 40 % allowed") as caught:
        enforce_gates(replace(strict, gates=measure_gates(strict)))
    assert caught.value.exit_code == 4
    empty = replace(strict, shared_groups=())
    assert (measure_gates(empty)[-1].value, measure_gates(empty)[-1].passed) == (None, False)


def test_frames_of_gtsrb_share_tracks_if_cut_by_frame_and_none_if_cut_by_track(
    prefect_server: None, shared: Path, tmp_path: Path
) -> None:
    """Validation has every fifth frame of three tracks, and test has whole tracks."""
    files = {}
    for name, data in read_members(shared / "data" / "gtsrb_frames.tar"):
        sign, track, frame = name.removesuffix(".png").replace("_", "/").split("/")[-3:]
        if sign == "00033" and int(track) < 6:
            split = "test" if int(track) > 2 else "val" if int(frame) % 5 == 0 else "train"
            files[f"{split}/{sign}/{track}_{frame}.png"] = data
    report = audit(root=str(write_folder(tmp_path / "frames", files)), group_by="([0-9]+)_", workspace=tmp_path / "w")
    by_pair = {(pair.rows_of, pair.found_in): pair for pair in report.shared_groups}
    assert by_pair["validation", "train"].shared == report.rows.validation > 10
    assert by_pair["test", "train"].shared == by_pair["test", "validation"].shared == 0
    assert report.rows.test > 50


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (exif("2024:05:31 14:07:12", serial="42"), "Canon 42 2024:05:31 14:07"),
        (exif("0000:00:00 00:00:00"), None),
        (exif("2024:05:31 14:07:12", camera=None), None),
        (exif("2024:05:31 14:07:12", camera=" \0"), None),
        (exif(None), None),
        (Image.Exif(), None),
    ],
)
def test_a_photograph_has_a_group_if_both_camera_and_minute_are_known(data: Image.Exif, expected: str | None) -> None:
    assert taken(data) == expected


def test_damaged_exif_data_give_no_group() -> None:
    data = Image.Exif()
    data.load(b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\xff\xff\xff\x7f" + b"\0" * 4)
    assert taken(data) is None
