"""Masks in image files: ``masks/1.png`` belongs to ``images/1.jpg``, and ``1_mask.png`` to ``1.jpg``.

They are found by their names: without the words for masks and for images, a mask has the path of its image.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError
from tasks.formats import is_image_name
from tasks.sources.layout import is_metadata, some
from tasks.sources.listing import SCHEMA, Listing
from tasks.storage.store import Listed
from tasks.vocabulary import counted

MASK, NAMED = "mask", 3  # kind of a member, and members to name in a message
# Words that end the names of folders and of files, before an extension, in public sets.
MASKS = re.compile(
    r"(?:(.*)[ _-])?(?:masks?|labels?|annotations?|seg(?:mentation)?s?(?:class|object)?|ground[ _-]?truths?)"
    r"|gt|gt(?:fine|coarse)|trimaps?|(.*)annot",
    re.IGNORECASE,
)
IMAGES = re.compile(r"(?:(.*)[ _-])?(?:images?|imgs?|jpegimages|leftimg8bit|inputs?|rgb)", re.IGNORECASE)
OF_MASK = re.compile(
    r"(.+)[ _.-](?:masks?|labels?|annos?|annotations?|seg(?:mentation)?s?|ground_?truths?|gt|gt(?:fine|coarse)_\w+)"
    r"(?:[ _-]?\d+)?",
    re.IGNORECASE,
)
LIKE_MASK = r"(?i)[ _.-](?:mask|label|anno|seg|ground|gt)"  # in names that `OF_MASK` may match: most have none
OF_IMAGE = re.compile(r"(.+)[ _.-](?:sat|images?|img|rgb|leftimg8bit)", re.IGNORECASE)


def find_masks(paths: Iterable[str], source: str) -> set[str]:
    """Return the files that are masks of other files, given all files of a source.

    Raises `DataError` for a folder where some files that are named like masks have an image, and others have none.
    """
    paths = list(paths)
    folders = {path.rpartition("/")[0] for path in paths}
    if not any(_folder(folder)[1] for folder in folders) and not any(map(re.compile(LIKE_MASK).search, paths)):
        return set()
    every = [path for path in paths if is_image_name(path) and not is_metadata(path)]
    named = {path: folder for path in every if (folder := _named_like_mask(path)) is not None}
    images = {key for path in every if not _folder(posixpath.dirname(path))[1] for key in image_keys(path)}
    found = defaultdict[str, dict[bool, list[str]]](lambda: {True: [], False: []})
    for path, folder in named.items():
        found[folder][not images.isdisjoint(mask_keys(path))].append(path)
    for folder, of in found.items():
        if of[True] and of[False]:
            total = len(of[True]) + len(of[False])
            raise DataError(
                f"{posixpath.join(source, folder).rstrip('/')} has {counted(total, 'file')} named like masks, but only "
                f"{len(of[True]):,} belong to an image; {some(of[False][:NAMED])} do not. Rename or move those, or "
                "read all as images with `--masks-as-images`."
            )
    return {path for of in found.values() for path in of[True]}


def mark_files(walked: list[Listed], source: str) -> list[Listed]:
    """Return the content of a folder, with the kind of masks; raises like `find_masks`."""
    masks = find_masks((one.name for one in walked if one.kind == "file"), source)
    return [one._replace(kind=MASK) if one.name in masks else one for one in walked] if masks else walked


def mark_masks(listing: Listing) -> Listing:
    """Return the members of an archive, with the kind of masks; raises like `find_masks`."""
    like = pc.any(pc.match_substring_regex(listing.table["name"], LIKE_MASK)).as_py()
    if not like and not any(_folder(folder)[1] for folder in listing.folders):
        return listing
    entries = [(entry.name, entry.kind) for entry in listing.entries()]
    masks = find_masks((name for name, kind in entries if kind == "file"), listing.source)
    if not masks:
        return listing
    kinds = pa.array([MASK if kind == "file" and name in masks else kind for name, kind in entries])
    return replace(listing, table=listing.table.set_column(2, SCHEMA.field(2), kinds))


def note_of_masks(listing: Listing) -> str:
    """Return the number of masks with the flag that reads them as images; empty without masks."""
    masks = listing.table.filter(pc.equal(listing.table["kind"], MASK))
    if not len(masks):
        return ""
    first = posixpath.join(listing.folders[masks["folder"][0].as_py()], masks["name"][0].as_py())
    are = "file is a mask" if len(masks) == 1 else "files are masks"
    return (
        f"{len(masks):,} {are} of images by name, such as {first}: not compared, but kept with the images. "
        "`--masks-as-images` reads them as images."
    )


def mask_keys(path: str) -> set[str]:
    """Return the keys of the images that a mask could belong to; see `image_keys`.

    >>> sorted(mask_keys("a/lung_masks/1.gif")), mask_keys("a/1_mask_2.png"), mask_keys("a/1.png")
    (['a/1', 'a/lung/1'], {'a/1'}, set())
    """
    folder, stem = posixpath.split(posixpath.splitext(path)[0])
    key, of_masks = _folder(folder)
    found = OF_MASK.fullmatch(stem)
    stems = [stem] * bool(of_masks) + ([found[1]] if found else [])
    return {posixpath.join(key, stem) for key in {key, _folder(folder, False)[0]} for stem in stems}


def image_keys(path: str) -> set[str]:
    """Return the keys of an image: its path, without the words for images and without its extension.

    >>> sorted(image_keys("leftImg8bit/train/1_leftImg8bit.png"))
    ['train/1', 'train/1_leftImg8bit']
    """
    folder, stem = posixpath.split(posixpath.splitext(path)[0])
    found = OF_IMAGE.fullmatch(stem)
    return {posixpath.join(_folder(folder)[0], stem) for stem in [stem, *([found[1]] if found else [])]}


def mask_folder(path: str) -> str:
    """Return the words for masks in the folders of a mask.

    >>> mask_folder("a/train_masks/1.png"), mask_folder("annotations/trimaps/a/1.png"), mask_folder("a/1_mask.png")
    ('masks', 'annotations/trimaps', '')
    """
    found = [(part, MASKS.fullmatch(part)) for part in path.split("/")[:-1]]
    return "/".join(part[len(_rest(of)) :].strip(" _-") for part, of in found if of)


def _rest(found: re.Match[str]) -> str:
    """Return the name before a word."""
    return next(filter(None, found.groups()), "")


def _named_like_mask(path: str) -> str | None:
    """Return the folder of masks that a file is in, or else its own folder if its name says mask; None otherwise."""
    folder, name = posixpath.split(path)
    is_one = OF_MASK.fullmatch(posixpath.splitext(name)[0])
    return _folder(folder)[1] or (folder if is_one else None)


@lru_cache(1 << 16)
def _folder(folder: str, rest: bool = True) -> tuple[str, str]:
    """Return a folder without the words for masks and images, and the part of it that ends with a folder of masks.

    A word may have a name before it, such as ``train_masks``: its `rest`, which is kept or not.
    """
    parts, key, masks = folder.split("/"), list[str](), ""
    for number, part in enumerate(parts, 1):
        if of := MASKS.fullmatch(part):
            masks = masks or "/".join(parts[:number])
        word = of or IMAGES.fullmatch(part)
        key.append(part if word is None else _rest(word) * (rest or not of))
    return "/".join(filter(None, key)), masks
