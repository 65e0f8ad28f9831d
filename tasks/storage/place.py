"""The place of a file or folder."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath

from tasks.addresses import public_name
from tasks.errors import DataError, UsageError
from tasks.storage.started import absolute

IN_BUCKET = "s3://"


@dataclass(frozen=True)
class Place:
    """A file or folder: a root, and a logical name below it; records hold only the name of a place in a workspace."""

    root: str  # an absolute path on this machine, or an address in a bucket
    name: str = ""  # parts joined by /; empty for the root itself
    published: bool = False  # whether the root is a workspace in a bucket, where manifests define the folders

    @classmethod
    def of(cls, path: str | PurePath) -> "Place":
        """Return the place of a path on this machine or of an address; ``~`` stands for the user's home.

        Raises `UsageError` for an address with more than a bucket and a name, and for a name that is not UTF-8.
        """
        if address := address_in(path):
            shown, (bucket, *parts) = public_name(address), address.removeprefix(IN_BUCKET).split("/")
            if shown != address or not re.fullmatch(r"[\w.-]+", bucket, re.ASCII) or {"", ".", ".."} & set(parts):
                how = "an address in a bucket is like s3://bucket/prefix; set credentials in the environment"
                raise UsageError(f"{shown}: {how}.")
            return cls(address)
        own = absolute(path)
        refuse_other_encodings(own)
        return cls(own)

    def __truediv__(self, name: str) -> "Place":
        """Return the place of a name below this one; raises `DataError` when the name leads out of it.

        >>> str(Place("/data") / "runs" / "one")
        '/data/runs/one'
        """
        if name.startswith("/") or ".." in name.split("/"):
            raise DataError(f"the name {name!r} points outside {self}; it was not written by cleansplit.")
        return replace(self, name=f"{self.name}/{name}" if self.name else name)

    def locate(self, location: str) -> "Place":
        """Return the place that a record names: a name below this workspace, or a source elsewhere."""
        return Place(location) if location.startswith(("/", IN_BUCKET)) else self / location

    @property
    def in_bucket(self) -> bool:
        """Whether it is in a bucket rather than on this machine."""
        return self.root.startswith(IN_BUCKET)

    @property
    def last(self) -> str:
        """Last part of the name, or of the root if the name is empty."""
        return PurePath(self.name or self.root).name

    @property
    def parent(self) -> "Place":
        """The folder that contains it."""
        if not self.name:
            return replace(self, root=os.path.dirname(self.root))
        return replace(self, name=self.name.rpartition("/")[0])

    def __str__(self) -> str:
        """Return the path or address, for people."""
        return f"{self.root.rstrip('/')}/{self.name}" if self.name else self.root


def names_below(files: Sequence[Place]) -> list[str]:
    """Return the names of files below the folder that contains all of them.

    >>> names_below([Place("/a/en/1.tar"), Place("/a/es/1.tar")]), names_below([Place("/a/en/1.tar")])
    (['en/1.tar', 'es/1.tar'], ['1.tar'])
    """
    paths = [PurePosixPath(str(file)) for file in files]
    folder = os.path.commonpath([path.parent for path in paths])
    return [str(path.relative_to(folder)) for path in paths]


def refuse_other_encodings(name: str) -> None:
    """Raise `UsageError` for a name that is not UTF-8, or has a NUL: neither Prefect nor files can hold it."""
    shown = name.replace("\0", "\\0").encode(errors="backslashreplace").decode()
    if shown != name:
        raise UsageError(f"{public_name(shown)} has a name that is not UTF-8 text; rename it or make a link to it.")


def address_in(path: str | PurePath) -> str | None:
    """Return the address of a bucket or of an object in it, without a trailing slash; None for a path.

    pathlib drops one of the two slashes of an address, so one is accepted.

    >>> address_in(PurePath("s3://bucket/set/")), address_in("data/s3")
    ('s3://bucket/set', None)
    """
    found = re.fullmatch(r"s3:/{1,2}([^/].*?)/*", str(path))
    return IN_BUCKET + found[1] if found else None


def spelled(value: object) -> str:
    """Return the text of a value, with both slashes of an address in a bucket."""
    return address_in(str(value)) or str(value)
