"""Show the state and the problems of an installation on one screen."""

import platform
import shutil
from collections.abc import Callable
from functools import partial
from importlib.metadata import distributions
from pathlib import PurePath

from tasks.errors import CleanSplitError, ServerError
from tasks.kernel import engine
from tasks.storage import at, disk
from tasks.storage.workspace import in_use, workspace_at
from tasks.vocabulary import counted

PACKAGES = ("cleansplit", "prefect", "pyarrow", "numpy", "pillow", "obstore", "distributed")


def doctor(*, workspace: PurePath | None = None) -> None:
    """Show versions, Prefect's server, work pool and workers, and the workspace, with their problems.

    A workspace that exists is entered as by a run. The first problem decides the exit code.
    """
    problems: list[CleanSplitError] = []
    looks: dict[str, Callable[[], str]] = {"versions": _versions, "server": _server}
    for name, look in (looks | {"workspace": partial(_workspace, workspace)}).items():
        try:
            print(f"{name:<10} {look()}")
        except CleanSplitError as error:
            problems.append(error)
            print(f"{name:<10} WRONG: {error}")
    if problems:
        raise problems[0]


def _versions() -> str:
    there = {found.name.lower(): found.version for found in distributions()}
    found = ", ".join(f"{name} {there.get(name, 'not installed')}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {found}; {engine()} compares images"


def _server() -> str:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import get_current_settings

    from flows.command.server import POOL, require_server

    if not get_current_settings().api.url:
        return "not named in PREFECT_API_URL, so each command starts its own"
    require_server()
    with get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(POOL)
        except ObjectNotFound as error:
            raise ServerError(f"the server has no work pool {POOL}; run `make deploy`.") from error
        online = [one.name for one in client.read_workers_for_work_pool(POOL) if one.status == "ONLINE"]
        if not online:
            raise ServerError(f"no worker serves the work pool {POOL}; run `prefect worker start --pool {POOL}`.")
        server = f"{client.api_url}, Prefect {client.api_version()}"
    return f"{server}, work pool {POOL} ({pool.type}), {counted(len(online), 'worker')}"


def _workspace(named: PurePath | None) -> str:
    place = workspace_at(named)
    if not place.in_bucket and not at(place).exists():
        return f"{place} does not exist yet; the first run creates it"
    with in_use(place):
        runs = len(at(place / "runs").folders()) if at(place / "runs").exists() else 0
    free = "" if place.in_bucket else f", {shutil.disk_usage(disk.path_of(place)).free / 1e9:,.1f} GB free"
    return f"{place} can be written, {counted(runs, 'run')}{free}"
