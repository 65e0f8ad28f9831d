"""A stage's key has the versions of the libraries that shape its result, and of no others."""

import sys
from types import SimpleNamespace

import pytest

from tasks import kernel
from tasks.classes.tasks import _shard_inputs
from tasks.libraries import LIBRARIES, shaped_by
from tasks.records import Part, Reading
from tasks.storage.stages import digest_of

MAY_BE_MISSING = {"zlib_ng", "fribidi", "raqm", "harfbuzz"}  # in a build of Pillow
PART = Part("large", "archive.tar", {}, "index.parquet", 0, 1, 10, {"A": 0}, "digest", 0)
GLYPHS, PHOTOGRAPHS = Reading("glyphs", "ink", 28), Reading("photographs", "photo", 16)


@pytest.mark.parametrize("work", LIBRARIES)
def test_every_library_has_a_version(work: str) -> None:
    versions = shaped_by(work)["libraries"]
    assert {name for name, version in versions.items() if version is None} <= MAY_BE_MISSING


def test_what_decodes_is_in_the_key_of_decoding_and_what_does_not_is_not() -> None:
    libraries = set(_shard_inputs(PART, PHOTOGRAPHS)["libraries"])
    assert {"pillow", "libjpeg_turbo", "libtiff", "webp", "avif", "jpg_2000", "pillow-heif", "simplejpeg"} <= libraries
    assert "pydicom" in libraries
    assert not libraries & {"scikit-learn", "scipy", "numpy", "datasketch", "freetype2"}
    assert "freetype2" in shaped_by("fonts")["libraries"]


def test_an_absent_library_is_another_key_for_what_it_decodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    of = {reading.kind: digest_of(_shard_inputs(PART, reading)) for reading in (GLYPHS, PHOTOGRAPHS)}
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert digest_of(_shard_inputs(PART, GLYPHS)) == of["glyphs"]
    assert digest_of(_shard_inputs(PART, PHOTOGRAPHS)) != of["photographs"]


def test_the_kernel_and_numpy_have_other_keys_for_what_they_align(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for functions in (None, SimpleNamespace()):
        monkeypatch.setattr(kernel, "functions", functions)
        assert shaped_by("registration")["libraries"]["kernel"] == kernel.engine()
        assert "kernel" not in shaped_by("hashing", "statistics", "photographs")["libraries"]
        keys.add(digest_of(shaped_by("registration")))
    assert len(keys) == 2
