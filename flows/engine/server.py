"""The Prefect server that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager

from httpx import TransportError
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings, temporary_settings

from flows.engine.temporary import stays
from tasks.errors import CleanSplitError, ServerError


def answers() -> bool:
    """Return whether the server answers now."""
    with temporary_settings({"client.max_retries": 0}), get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


@contextmanager
def named_if_dead() -> Iterator[None]:
    """Raise `ServerError` when the block fails because the server does not answer."""
    try:
        yield
    except CleanSplitError:
        raise
    except Exception as error:
        if not isinstance(error, TransportError) and answers():
            raise
        address = get_current_settings().api.url
        where = f"at {address} " if stays(address) else ""
        raise ServerError(
            f"Prefect's server {where}does not answer; start it and run the same command again."
        ) from error
