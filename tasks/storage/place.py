"""Where a file or folder lies."""

import os
from dataclasses import dataclass
from pathlib import PurePath

from tasks.errors import DataError


@dataclass(frozen=True)
class Place:
    """A file or folder: a root, and a logical name below it.

    Attributes
    ----------
    root : str
        A file or folder of this machine, absolute. `tasks.storage.disk` alone knows how to reach it.
    name : str
        Parts joined by ``/``; empty for the root itself. A workspace is a root, so a name in it is what records hold.
    """

    root: str
    name: str = ""

    @classmethod
    def of(cls, path: str | PurePath) -> "Place":
        """Return a file or folder of this machine; ``~`` stands for the user's home."""
        return cls(os.path.abspath(os.path.expanduser(path)))

    def __truediv__(self, name: str) -> "Place":
        """Return what has a name below this place.

        Raises
        ------
        DataError
            When the name leads out of it.

        >>> str(Place("/data") / "runs" / "one")
        '/data/runs/one'
        """
        if name.startswith("/") or ".." in name.split("/"):
            raise DataError(f"the name {name!r} points outside {self}; it was not written by cleansplit.")
        return Place(self.root, f"{self.name}/{name}" if self.name else name)

    def locate(self, location: str) -> "Place":
        """Return what a record calls a location: a name below this workspace, or a source that lies elsewhere."""
        return Place(location) if location.startswith("/") else self / location

    @property
    def last(self) -> str:
        """Last part of the name; of a root without a name, of the root."""
        return PurePath(self.name or self.root).name

    @property
    def parent(self) -> "Place":
        """The folder that holds it."""
        if not self.name:
            return Place(os.path.dirname(self.root))
        return Place(self.root, self.name.rpartition("/")[0])

    def beside(self, last: str) -> "Place":
        """Return another place in the same folder."""
        return self.parent / last

    def __str__(self) -> str:
        """Return a path that can be shown."""
        return f"{self.root.rstrip('/')}/{self.name}" if self.name else self.root
