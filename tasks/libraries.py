"""The libraries that affect the results of each kind of work; their versions are part of a stage's key.

Builds of the same Pillow may contain different libraries. A missing library counts, too: a stage that refused images
for lack of it is rebuilt once it is installed.
"""

from functools import cache
from importlib.metadata import distributions, version
from itertools import islice
from typing import Any

from tasks.kernel import engine

LIBRARIES = {
    "fonts": ("pillow", "numpy"),
    "glyphs": ("pillow", "isal"),
    "photographs": ("pillow", "isal", "simplejpeg"),
    "drawing": ("numpy",),
    "hashing": ("datasketch", "numpy", "scipy"),
    "registration": ("numpy", "scipy"),
    "statistics": ("numpy", "scipy"),
    "training": ("numpy", "scikit-learn", "scipy"),
}
IN_PILLOW = {  # names of `PIL.features`
    "fonts": ("freetype2", "raqm", "fribidi", "harfbuzz", "zlib", "zlib_ng"),
    "glyphs": ("zlib", "zlib_ng"),
    "photographs": ("avif", "jpg", "jpg_2000", "libjpeg_turbo", "libtiff", "webp", "zlib", "zlib_ng"),
}
DICOM = ("pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "python-gdcm")
installed = cache(version)


def shaped_by(*works: str) -> dict[str, Any]:
    """Return the versions of the libraries that affect some kinds of work, as an entry of a stage's inputs.

    >>> list(shaped_by("drawing", "statistics")["libraries"])
    ['numpy', 'scipy']
    """
    from PIL import features

    versions: dict[str, Any] = {name: installed(name) for work in works for name in LIBRARIES[work]}
    versions |= {"kernel": engine()} if "registration" in works else {}
    versions |= {name: features.version(name) for work in works for name in IN_PILLOW.get(work, ())}
    return {"libraries": versions | (_heif() | _dicom() if "photographs" in works else {})}


@cache
def _dicom() -> dict[str, Any]:
    """Return the versions of the decoders of DICOM, which are optional."""
    return {name: one.version for name in DICOM for one in islice(distributions(name=name), 1)}


def _heif() -> dict[str, Any]:
    """Return the versions of the HEIC decoder, which is optional."""
    try:
        import pillow_heif

        facts = pillow_heif.libheif_info()
    except (ImportError, AttributeError):  # while an import fails, other threads that import it get an empty module
        return {"pillow-heif": None}
    return {"pillow-heif": pillow_heif.__version__, "libheif": [facts["libheif"], facts["decoders"]]}
