"""Names of sources and their members, shown and stored without secrets in URLs and without control characters."""

import re
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import Strict, ValidatorFunctionWrapHandler, WrapValidator


class PublicUrl(str):
    """A URL that prints and is stored without user info and query; `whole` is the original."""

    __slots__ = ("whole",)
    whole: str


IN_BLOCK = "secret:"  # prefix of the name of a Prefect block with the address of a source


def is_url(source: str) -> bool:
    """Return whether a source is on the network."""
    return source.lower().startswith(("http://", "https://"))


def is_secret(source: str) -> bool:
    """Return whether a source is the name of a block with its address."""
    return source.startswith(IN_BLOCK)


def public_name(source: str) -> str:
    """Return a source for display: user info and query of a URL of any scheme are removed.

    >>> public_name("https://me:secret@example.org:8080/a.tar.gz?token=1"), public_name("a.tar.gz")
    ('https://example.org:8080/a.tar.gz', 'a.tar.gz')
    >>> public_name("HTTP://me:secret@example.org/a.tar?token=1"), public_name("htps://secret@example.org#token")
    ('http://example.org/a.tar', 'htps://example.org')
    """
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    place, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme.lower()}://{place.rpartition('@')[2]}{slash}{path}"


def printable(text: str) -> str:
    """Escape control and bidirectional characters, which would take effect wherever the text is shown."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if text.isprintable() else "".join(escaped)


def discreet(source: Any) -> Any:
    """Return a URL in a form that hides its secrets when printed or stored; return other values unchanged.

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
    """Return a source as the user gave it."""
    return source.whole if isinstance(source, PublicUrl) else source


def _valid(source: Any, as_text: ValidatorFunctionWrapHandler) -> str:
    source = str(source) if isinstance(source, PurePath) else source
    as_text(source)  # only to refuse other types: its result is plain text without the hidden part
    return discreet(source)


# Prefect stores the parameters of every flow run and subflow as plain text. It stores the input of a run form or of a
# deployment before any of our code runs.
SourceName = Annotated[str, Strict(), WrapValidator(_valid)]
