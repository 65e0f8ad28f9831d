"""Names of sources, and how to show and store them without the secrets that a URL may hold."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ValidatorFunctionWrapHandler, WrapValidator


class PublicUrl(str):
    """A URL without user info and query: what all who print or store it see. `whole` is what was given."""

    __slots__ = ("whole",)
    whole: str


def public_name(source: str) -> str:
    """Return a source as it may be shown: a URL without user info and query, which may hold secrets.

    >>> public_name("https://me:secret@example.org:8080/a.tar.gz?token=1"), public_name("a.tar.gz")
    ('https://example.org:8080/a.tar.gz', 'a.tar.gz')
    """
    if not source.startswith(("http://", "https://")):
        return source
    parts = urlsplit(source)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def short_name(source: str) -> str:
    """Return the last part of what may be shown of a source."""
    return Path(public_name(source)).name


def discreet(source: Any) -> Any:
    """Return a URL so that whoever prints or stores it does not learn its secrets; all else as it is.

    >>> url = discreet("https://example.org/a.tar?token=1")
    >>> str(url), reveal(url)
    ('https://example.org/a.tar', 'https://example.org/a.tar?token=1')
    """
    if not isinstance(source, str) or public_name(source) == source:
        return source
    url = PublicUrl(public_name(source))
    url.whole = source
    return url


def reveal(source: str) -> str:
    """Return a source as it was given."""
    return source.whole if isinstance(source, PublicUrl) else source


def _valid(source: Any, as_text: ValidatorFunctionWrapHandler) -> str:
    as_text(source)  # refuses what is no text; gives plain text back, without what is hidden
    return discreet(source)


# Prefect stores the parameters of every flow run, those of subflows included, in clear. What is typed into a run form
# or given to a deployment is stored before any code of ours sees it.
SourceName = Annotated[str, WrapValidator(_valid)]
