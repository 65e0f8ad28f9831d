"""Whole runs give the same files for two core types of OpenBLAS, and with AVX2 masked."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build import ROOT, saved, scene, write_folder

pytestmark = pytest.mark.whole
PROGRAM = """
from flows.pipeline import audit
from flows.pipeline import dedupe
from tasks.kernel import engine

assert engine() != "numpy"
audit(train="train", test="test", workspace="audited")
dedupe(source="train", workspace="deduped")
"""
MASKED = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    "OPENBLAS_CORETYPE": "Nehalem",
}
REFERENCE, *OTHERS = ({"OPENBLAS_CORETYPE": name} for name in ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX"))
FEW = [other for other in OTHERS if other["OPENBLAS_CORETYPE"] == "Haswell"]  # `make faults` takes all
Digests = dict[str, str]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with train and test, which has moved and changed copies, and pictures of its own."""
    folder, windows = tmp_path_factory.mktemp("photographs"), {}
    for seed in range(12):
        picture = scene(360, 360, seed)
        for split, (left, top), form in (("train", (20, 20), "PNG"), ("test", (24 + seed % 5, 17), "JPEG")):
            if split == "train" or seed % 3:
                shown = picture.crop((left, top, left + 320, top + 320)).resize((96, 96))
                windows[f"{split}/{'ab'[seed % 2]}/{seed}.{form.lower()}"] = saved(shown, form)
                windows[f"train/{'ab'[seed % 2]}/{seed}-again.png"] = saved(shown.rotate(1), "PNG")
    return write_folder(folder, windows)


def run_with(library: Path, photographs: Path, folder: Path, environment: dict[str, str]) -> Digests:
    """Return digests of the results of an audit and of a search for duplicates, with a library of the kernel."""
    for part in ("flows", "tasks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.so"))
    shutil.copy(library, folder / "tasks" / "libkernel.so")
    for part in ("train", "test"):
        (folder / part).symlink_to(photographs / part)
    environment = os.environ | environment | {"PYTHONPATH": str(folder), "PREFECT_LOGGING_LEVEL": "ERROR"}
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, env=environment, check=True)
    runs = {name: (folder / name / "latest").resolve() for name in ("audited", "deduped")}
    files = [(name, path) for name, run in runs.items() for path in (*run.rglob("*.parquet"), run / "report.json")]
    return {
        f"{name}/{path.relative_to(runs[name])}": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files
    }


@pytest.fixture(scope="module")
def reference(
    server: dict[str, str], libraries: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Digests:
    library = libraries / "tasks" / "libkernel.so"
    found = run_with(library, photographs, tmp_path_factory.mktemp("reference"), server | REFERENCE)
    assert len(found) > 10
    return found


@pytest.mark.parametrize("other", FEW, ids=lambda other: other["OPENBLAS_CORETYPE"])
def test_files_are_the_same_whatever_processor_openblas_is_told_of(
    other: dict[str, str],
    reference: Digests,
    server: dict[str, str],
    libraries: Path,
    photographs: Path,
    tmp_path: Path,
) -> None:
    library = libraries / "tasks" / "libkernel.so"
    assert run_with(library, photographs, tmp_path, server | other) == reference


def test_files_are_the_same_without_avx2(
    reference: Digests, server: dict[str, str], libraries: Path, photographs: Path, tmp_path: Path
) -> None:
    assert run_with(libraries / "plain.so", photographs, tmp_path, server | MASKED) == reference
