"""Paths inside records, and records as JSON."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, PlainSerializer, SerializationInfo, TypeAdapter, ValidationInfo

T = TypeVar("T")


def _below(path: Path, info: SerializationInfo) -> str:
    workspace = (info.context or {}).get("workspace")  # Prefect has contexts of its own
    return str(
        path.resolve().relative_to(workspace) if workspace and path.resolve().is_relative_to(workspace) else path
    )


def _joined(path: Path, info: ValidationInfo) -> Path:
    workspace = (info.context or {}).get("workspace")
    return workspace / path if workspace else path


# Written relative to the workspace, where one is given as context, and found again in another place.
Place = Annotated[Path, PlainSerializer(_below), AfterValidator(_joined)]


def to_json(record: Any, workspace: Path | None = None) -> Any:
    """Return a record as JSON-serializable values, its paths relative to the workspace where that is given."""
    return TypeAdapter(type(record)).dump_python(
        record, mode="json", context={"workspace": workspace and workspace.resolve()}
    )


def of_json(kind: type[T], value: Any, workspace: Path) -> T:
    """Return a record from what `to_json` gave."""
    return TypeAdapter(kind).validate_python(value, context={"workspace": workspace})
