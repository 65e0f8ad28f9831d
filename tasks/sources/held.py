"""The contents of a source, by the names of its members."""

import posixpath
import re
from collections import Counter
from shlex import quote

from tasks.formats import IMAGE_ENDINGS
from tasks.records import Source
from tasks.sources.layout import NAMED, common_root, is_below, is_metadata, some
from tasks.sources.listing import Listing
from tasks.vocabulary import UNLABELLED, SplitName

AUDIT, DEDUPE = "cleansplit audit", "cleansplit dedupe"


class Held:
    """Members of a source: images by folder, the paths of other files, and the others by kind."""

    def __init__(self, source: Source, listing: Listing) -> None:
        self.source, self.images = source, Counter[str]()
        self.files: list[str] = []
        self.others: list[tuple[str, str]] = []
        for entry in listing.entries():
            if is_metadata(entry.name):
                continue
            if entry.kind != "file":
                self.others.append((entry.kind, entry.name))
            elif posixpath.splitext(entry.name)[1].lower() in IMAGE_ENDINGS:
                self.images[posixpath.dirname(entry.name)] += 1
            else:
                self.files.append(entry.name)
        self.root = common_root(set(self.images))
        below = {folder[len(self.root) :].strip("/").partition("/")[0] for folder in self.images}
        self.children = sorted(posixpath.join(self.root, name) for name in below)
        is_folder, last = source.sha256 is None, posixpath.basename(source.name)
        self.folder = source.name.rstrip("/") if is_folder else f"{last.partition('.')[0]}-unpacked"
        self.reads = {"root": AUDIT, "source": DEDUPE}.get(source.role, f"--{source.role}")

    def path(self, below: str) -> str:
        """Return the path of a part of the unpacked source, quoted for a command."""
        return quote(posixpath.join(self.folder, below))

    def called(self, pattern: str) -> list[str]:
        """Return the paths of matching files, in any case, that are not named like images."""
        return [path for path in self.files if re.search(pattern, path, re.IGNORECASE)]

    def described(self) -> str:
        """Return the number of images, and the count of each of the first folders unless the images are flat."""
        total = f"{self.images.total():,} images"
        if set(self.images) <= {"", UNLABELLED}:
            return total
        first, others = self.children[:NAMED], self.children[NAMED:]
        counts = [sum(count for folder, count in self.images.items() if is_below(folder, name)) for name in first]
        counted = [f"{name} ({count:,})" for name, count in zip(first, counts, strict=True)]
        return f"{total} in {some([*counted, *others])}"

    def audit(self, splits: dict[SplitName, str]) -> str:
        """Return the command that compares parts of the source, using validation as test if test is missing."""
        last: dict[str, str] = {"validation": "test"} if "test" not in splits else {}
        return " ".join([AUDIT, *(f"--{last.get(name, name)} {self.path(below)}" for name, below in splits.items())])
