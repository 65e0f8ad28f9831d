"""Names of flow runs: what is done, to what, and when."""

from collections.abc import Callable
from datetime import date
from pathlib import PurePath

from prefect.runtime import flow_run

from tasks.errors import UsageError
from tasks.records.naming import name_of

TAG = "cleansplit"  # of every run of ours; prefect.yaml gives both to those of deployments
OUTERMOST = "cleansplit-run"  # of those that somebody asked for, and not of what is below them


def named_after(*parameters: str, doing: str = "", otherwise: str = "") -> Callable[[], str]:
    """Return a function that names a flow run after the sources that some parameters give.

    Parameters
    ----------
    *parameters : str
        Those that may give a source.
    doing : str
    otherwise : str
        The parameter to name it after where they give none.
    """

    def name() -> str:
        given = [str(flow_run.parameters[parameter]) for parameter in parameters if flow_run.parameters[parameter]]
        try:
            what = name_of(given) if given else PurePath(str(flow_run.parameters.get(otherwise, ""))).name
        except UsageError:  # of which the run itself tells
            what = "run"
        return f"{doing} {what}".strip() + f" {date.today()}"

    return name
