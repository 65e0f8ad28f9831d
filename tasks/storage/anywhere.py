"""Where a place is on this machine, and who is asked for what lies in a bucket."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from tasks.storage.place import Place

P = ParamSpec("P")
R = TypeVar("R")


def anywhere(function: Callable[Concatenate[Place, P], R]) -> Callable[Concatenate[Place, P], R]:
    """Let a function be asked for what lies in a bucket, too: by its counterpart there, or through `local`."""

    def asked(place: Place, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not place.in_bucket:
            return function(place, *args, **kwargs)
        module = importlib.import_module(f"tasks.storage.{'published' if place.published else 'bucket_sources'}")
        found: R = getattr(module, function.__name__, function)(place, *args, **kwargs)
        return found

    asked.__name__, asked.__doc__ = function.__name__, function.__doc__
    return asked


@anywhere
def local(place: Place) -> Path:
    """Return a path for libraries that open files themselves; of a file in a bucket, that of a copy."""
    return Path(str(place))


def named(place: Place) -> Path:
    """Return a path that can be shown and given to a command; what is in a bucket can't be opened by it."""
    return Path(str(place))


def resolved(place: Place) -> Place:
    """Return a place without symbolic links in its path; a bucket has none."""
    return place if place.in_bucket else Place(str(local(place).resolve()))


@anywhere
def is_inside(place: Place, folder: Place) -> bool:
    """Say whether a file lies below a folder when every symbolic link on the way is followed."""
    return local(place).resolve().is_relative_to(local(folder).resolve())
