"""Whole runs give the same files for further core types of OpenBLAS: part of ``make faults``, half a minute."""

from pathlib import Path

import pytest

from tests.kernel.test_same_bytes import FEW, OTHERS, Digests, photographs, reference, run_with

__all__ = ["photographs", "reference"]  # fixtures


@pytest.mark.parametrize(
    "other", [each for each in OTHERS if each not in FEW], ids=lambda each: each["OPENBLAS_CORETYPE"]
)
def test_files_are_the_same_whatever_processor_openblas_is_told_of(
    other: dict[str, str],
    reference: Digests,  # a fixture
    server: dict[str, str],
    libraries: Path,
    photographs: Path,
    tmp_path: Path,
) -> None:
    library = libraries / "tasks" / "libkernel.so"
    assert run_with(library, photographs, tmp_path, server | other) == reference
