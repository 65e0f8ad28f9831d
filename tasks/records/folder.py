"""Files in the folder that a record names."""

from typing import Any


class InFolder:
    """A file in the `folder` of a record; the attribute is the name of the file below the workspace."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __get__(self, record: Any, _of: type) -> str:
        return f"{record.folder}/{self.file}"
