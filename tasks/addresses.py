"""Names of sources, and how to show and store them without the secrets that a URL may hold."""

import re
from typing import Annotated, Any

from pydantic import ValidatorFunctionWrapHandler, WrapValidator


class PublicUrl(str):
    """A URL that prints and is stored without user info and query; `whole` is the URL as given."""

    __slots__ = ("whole",)
    whole: str


IN_BLOCK = "secret:"  # before the name of a Prefect block that holds the address of a source


def is_url(source: str) -> bool:
    """Say whether a source is fetched from the network."""
    return source.lower().startswith(("http://", "https://"))


def is_secret(source: str) -> bool:
    """Say whether a source is named by the block that holds its address."""
    return source.startswith(IN_BLOCK)


def public_name(source: str) -> str:
    """Return a source as it may be shown: a URL of any scheme without user info and query, which may hold secrets.

    >>> public_name("https://me:secret@example.org:8080/a.tar.gz?token=1"), public_name("a.tar.gz")
    ('https://example.org:8080/a.tar.gz', 'a.tar.gz')
    >>> public_name("HTTP://me:secret@example.org/a.tar?token=1"), public_name("htps://secret@example.org#token")
    ('http://example.org/a.tar', 'htps://example.org')
    """
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    address = re.split(r"[?#]", rest, maxsplit=1)[0]
    place, slash, path = address.partition("/")
    return f"{scheme.lower()}://{place.rpartition('@')[2]}{slash}{path}"


def discreet(source: Any) -> Any:
    """Return a URL in a form that hides its secrets when printed or stored; anything else unchanged.

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
    as_text(source)  # refuses anything but text; its result is plain text that has lost what was hidden
    return discreet(source)


# Prefect stores the parameters of every flow run, including those of subflows, in plain text. What is typed into a run
# form or given to a deployment is stored before any of our code sees it.
SourceName = Annotated[str, WrapValidator(_valid)]
