"""A set of DICOM files: duplicates at full depth under any window, shared patients, and a damaged file by name."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.errors import GateError, UsageError
from tasks.records.rows import SharedRows
from tasks.records.spec import AuditSpec
from tests.build import dicom, scene, write_folder
from tests.plain import audit, split


def scan(seed: int) -> np.ndarray:
    """Return a gray image of 12 bits."""
    return np.asarray(scene(90, 70, seed=seed).convert("L")).astype(np.uint16) * 16 + 7


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build two splits of scans.

    In test, `window` and `bit` are scans of train, with another window and with one bit changed; `visit` is a new scan
    of a patient in train, `new` one of another patient, `unknown` one without a patient, and `cut` is damaged.
    """
    files = {f"train/{n}.dcm": dicom(scan(n), PatientID=f"P{n}", SeriesInstanceUID="1.2") for n in range(6)}
    changed = scan(1)
    changed[9, 9] ^= 1
    test = {
        "window": dicom(scan(0), PatientID="P0", WindowCenter=900, WindowWidth=1500),
        "bit": dicom(changed, PatientID="P1"),
        "visit": dicom(scan(20), PatientID="P2"),
        "new": dicom(scan(21), PatientID="P9", SeriesInstanceUID="1.2"),
        "unknown": dicom(scan(22), PatientID=""),
        "cut": dicom(scan(23), PatientID="P3")[:-200],
    }
    held = files | {f"test/{name}.dcm": data for name, data in test.items()}
    return str(write_folder(tmp_path_factory.mktemp("scans"), held))


def test_a_set_of_scans_is_audited_by_stored_values_and_patients(
    prefect_server: None, scans: str, tmp_path: Path
) -> None:
    report = audit(root=scans, group_by="dicom:PatientID", max_quarantine=0.5, workspace=tmp_path)
    (refused,) = pq.read_table(report.run / "quarantine.parquet").to_pylist()
    assert (refused["member"], refused["reason"]) == ("cut.dcm", "undecodable")
    removed = pq.read_table(report.run / "removed.parquet").to_pylist()
    assert {(row["id"], row["reason"]) for row in removed} == {
        ("test/(none)/window.dcm", "exact"),
        ("test/(none)/bit.dcm", "near"),
    }
    shared = {row["id"]: row["group"] for row in pq.read_table(report.run / "shared_groups.parquet").to_pylist()}
    names = {f"test/(none)/{name}.dcm": group for name, group in (("window", "P0"), ("bit", "P1"), ("visit", "P2"))}
    assert shared == names
    assert report.shared_groups == (
        SharedRows(rows_of="test", found_in="train", rows=5, shared=3, duplicates=2, undecided=1),
    )
    with pytest.raises(GateError, match=r"3 of 5 test images \(60\.00 %\) share a group with train"):
        audit(root=scans, group_by="dicom:PatientID", max_shared_groups=0, max_quarantine=0.5, workspace=tmp_path)
    series = audit(root=scans, group_by="dicom:SeriesInstanceUID", max_quarantine=0.5, workspace=tmp_path)
    assert [(pair.shared, pair.undecided) for pair in series.shared_groups] == [(1, 4)]


def test_split_divides_no_patient(prefect_server: None, tmp_path: Path) -> None:
    files = {f"{n}.dcm": dicom(scan(30 + n), PatientID=f"P{n % 4}") for n in range(12)}
    source = str(write_folder(tmp_path / "scans", files))
    sizes = {"train": 6, "validation": 3, "test": 3}
    report = split(source=source, group_by="dicom:PatientID", models=("1nn",), **sizes, workspace=tmp_path / "w")
    groups = pq.read_table(report.run / "groups.parquet").to_pylist()
    patients = {(int(row["id"].rpartition("/")[2].removesuffix(".dcm")) % 4, row["split"]) for row in groups}
    assert len(patients) == len({patient for patient, _ in patients}) == 4


def test_an_element_that_is_not_read_and_a_set_without_dicom_are_refused(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dicom:StudyDate is not read; use dicom:PatientID or dicom:SeriesInstanceUID"):
        AuditSpec.of(root="scans", group_by="dicom:StudyDate")
    gray = {
        f"{split}/{n}.dcm": dicom(scan(n + 50 * (split == "test"))) for split in ("train", "test") for n in range(3)
    }
    folder = write_folder(tmp_path / "scans", gray)
    with pytest.raises(UsageError, match="no image is a DICOM file with a PatientID"):
        audit(root=str(folder), group_by="dicom:PatientID", workspace=tmp_path / "w")
