"""Prefect's task runner for Dask, without what costs a seventh of a second a task."""

from collections.abc import Iterable
from typing import Any, cast

from prefect.tasks import Task
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture


class OnCluster(DaskTaskRunner):
    """Prefect's runner, but that no digest is made of a task's arguments: each task has a key of its own anyhow."""

    def submit(  # type: ignore[override]  # of its overloads, for coroutines and others, we need none
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectDaskFuture[Any]] | None = None,
        dependencies: dict[str, Any] | None = None,
    ) -> PrefectDaskFuture[Any]:
        """Submit a task."""
        how: dict[str, Any] = {"dependencies": dependencies, "return_type": "state", "pure": False}
        given, first = self._optimize_futures(parameters), self._optimize_futures(wait_for) if wait_for else None
        future = cast(Any, self.client).submit(task, parameters=given, wait_for=first, **how)
        return PrefectDaskFuture(wrapped_future=future, task_run_id=future.task_run_id)
