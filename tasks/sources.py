"""Names of sources, and how to show and store them without the secrets that a URL may hold."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, SecretStr


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


def short_name(source: str | SecretStr) -> str:
    """Return the last part of what may be shown of a source."""
    return Path(public_name(_revealed(source))).name


def discreet(source: str) -> str | SecretStr:
    """Return a source so that whoever stores or prints it does not learn its secrets."""
    return source if public_name(source) == source else SecretStr(source)


def _revealed(source: Any) -> Any:
    return source.get_secret_value() if isinstance(source, SecretStr) else source


# Prefect stores the parameters of every flow run as JSON, those of subflows included.
SourceName = Annotated[str, BeforeValidator(_revealed), PlainSerializer(public_name, when_used="json")]
