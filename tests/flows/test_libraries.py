"""Another version of a library, or one that is there at last, builds the stages again that it shapes, and no others."""

import json
import os
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pillow_heif import register_heif_opener

from tasks import kernel
from tests import plain
from tests.build import ROOT, glyphs, png, saved, scene, write_folder
from tests.flows.test_cli import command, here

GLYPHS = {"train": glyphs(12, 1), "test": glyphs(8, 2)}


def images() -> dict[str, bytes]:
    names = [f"{split}/{'AB'[i % 2]}/{i}" for split, count in (("train", 6), ("test", 4)) for i in range(count)]
    return {f"{name}.png": saved(scene(90, 70, seed=i), "PNG") for i, name in enumerate(names)}


def test_another_version_compares_again_and_decodes_nothing(server: dict[str, str], tmp_path: Path) -> None:
    data, space = write_folder(tmp_path / "data", images()), tmp_path / "w"
    about = b"Metadata-Version: 2.1\nName: datasketch\nVersion: 99\n"
    other = write_folder(tmp_path / "other", {"datasketch-99.dist-info/METADATA": about})
    runs, stages = [], []
    given, changed = ("audit", str(data), "--workspace", str(space)), os.pathsep.join([str(other), str(ROOT)])
    for audit in (here, partial(command, **server, PYTHONPATH=changed)):
        runs.append(audit(*given).stdout)
        stages.append({name: {*(space / "stages" / name).glob("[!.]*")} for name in ("classes", "overlap")})
    assert runs[0]
    assert runs[0] == runs[1], "the same report, and so the same run"
    assert stages[0]["classes"] == stages[1]["classes"]
    assert stages[0]["overlap"] < stages[1]["overlap"]


def test_numpy_fingerprints_again_what_the_kernel_has_and_decodes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, counts = write_folder(tmp_path / "data", images()), []
    for functions in (kernel.functions, None):
        monkeypatch.setattr(kernel, "functions", functions)
        plain.audit(root=str(data), workspace=tmp_path / "w")
        counts.append([len([*(tmp_path / "w/stages" / name).glob("[!.]*")]) for name in ("classes", "fingerprints")])
    assert counts == [[4, 4], [4, 8]]


def test_a_run_names_the_engine_of_the_comparison_that_it_uses_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{s}/{'AB'[n % 2]}/{s}{n}.png": png(each) for s in ("train", "test") for n, each in enumerate(GLYPHS[s])}
    data, named = write_folder(tmp_path / "data", files), []
    for functions, limit in ((kernel.functions, 0.5), (None, 0.6)):
        monkeypatch.setattr(kernel, "functions", functions)
        here = kernel.engine()
        report = plain.audit(root=str(data), workspace=tmp_path / "w", max_overlap=limit)
        named.append((here, *json.loads((report.run / "run.json").read_text())["result"]["compared_by"]))
    assert named[0] == (named[0][0], named[0][0])
    assert named[1] == (kernel.NUMPY, named[0][0]), "pairs of glyphs are equal, and are not searched again"


def test_heic_is_read_once_its_library_is_installed(server: dict[str, str], tmp_path: Path) -> None:
    register_heif_opener()
    phone = {"test/A/phone.heic": saved(scene(90, 70, seed=99), "HEIF")}
    data = write_folder(tmp_path / "data", images() | phone)
    missing = write_folder(tmp_path / "missing", {"pillow_heif.py": b"raise ImportError('not installed')"})
    given = ("audit", str(data), "--workspace", str(tmp_path / "w"), "--max-quarantine", "0.5")

    without = command(*given, **server, PYTHONPATH=os.pathsep.join([str(missing), str(ROOT)]))
    assert without.returncode == 0, without.stderr
    refused = pq.read_table(Path(without.stdout.strip()) / "quarantine.parquet").to_pylist()
    assert [(row["member"], row["reason"]) for row in refused] == [("phone.heic", "needs_heic")]

    installed = here(*given)
    assert installed.returncode == 0, installed.stderr
    report = json.loads((Path(installed.stdout.strip()) / "report.json").read_text())
    assert report["rows"]["test"] == 5
