"""Which libraries shape the results of which work: a stage's key has their versions.

Another build of the same Pillow may hold other versions of its libraries. A missing library counts, too: a stage that
refused images for lack of it is built again once it is installed.
"""

from functools import cache
from importlib.metadata import version
from typing import Any

LIBRARIES = {
    "fonts": ("pillow", "numpy"),
    "glyphs": ("pillow",),
    "photographs": ("pillow", "simplejpeg"),
    "drawing": ("numpy",),
    "hashing": ("datasketch", "numpy", "scipy"),
    "registration": ("numpy", "scipy"),
    "statistics": ("numpy", "scipy"),
    "training": ("numpy", "scikit-learn", "scipy"),
}
IN_PILLOW = {  # by the names of `PIL.features`
    "fonts": ("freetype2", "raqm", "fribidi", "harfbuzz", "zlib", "zlib_ng"),
    "glyphs": ("zlib", "zlib_ng"),
    "photographs": ("avif", "jpg", "jpg_2000", "libjpeg_turbo", "libtiff", "webp", "zlib", "zlib_ng"),
}
installed = cache(version)


def shaped_by(*works: str) -> dict[str, Any]:
    """Return the versions of the libraries that shape the results of some work, as an entry of a stage's inputs.

    >>> list(shaped_by("drawing", "statistics")["libraries"])
    ['numpy', 'scipy']
    """
    from PIL import features

    versions: dict[str, Any] = {name: installed(name) for work in works for name in LIBRARIES[work]}
    versions |= {name: features.version(name) for work in works for name in IN_PILLOW.get(work, ())}
    return {"libraries": versions | (_heif() if "photographs" in works else {})}


def _heif() -> dict[str, Any]:
    """Return the versions of what decodes HEIC, which may be installed or not."""
    try:
        import pillow_heif

        facts = pillow_heif.libheif_info()
    except (ImportError, AttributeError):  # a thread that waits for an import that fails gets an empty module
        return {"pillow-heif": None}
    return {"pillow-heif": pillow_heif.__version__, "libheif": [facts["libheif"], facts["decoders"]]}
