"""Names of flow runs: what is done, to what, and when."""

from collections.abc import Callable
from datetime import date

from prefect.runtime import flow_run

from tasks.vocabulary.addresses import short_name


def named_after(*parameters: str, doing: str = "") -> Callable[[], str]:
    """Return a function that names a flow run after the first of some parameters that is set."""

    def name() -> str:
        given = flow_run.parameters
        what = next((given[parameter] for parameter in parameters if given[parameter]), "nothing")
        return f"{doing} {short_name(str(what))} {date.today()}".strip()

    return name
