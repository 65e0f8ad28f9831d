"""Wait for tasks, show how far they are, and time the stages."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect import get_run_logger
from prefect.futures import PrefectFuture, as_completed
from tqdm import tqdm

_visible: ContextVar[bool] = ContextVar("progress is visible", default=False)
_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds per stage", default=None)


@contextmanager
def visible() -> Iterator[None]:
    """Show progress on standard error while the block runs; elsewhere Prefect's logs tell it."""
    token = _visible.set(True)
    try:
        yield
    finally:
        _visible.reset(token)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Collect the seconds of the stages that run inside the block."""
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


def say(sentence: str) -> None:
    """Tell the user something that they did not ask for but should know."""
    if _visible.get():
        print(sentence, file=sys.stderr)
    get_run_logger().info(sentence)


def collect(stage: str, futures: Sequence[PrefectFuture[Any]]) -> list[Any]:
    """Return the results of submitted tasks in their order.

    Every future is waited for, so no failure is lost; the first one is raised.
    """
    start, show = time.monotonic(), _visible.get()
    terminal = show and sys.stderr.isatty()
    with tqdm(total=len(futures), desc=f"{stage:<20}", unit="task", disable=not terminal, leave=False) as bar:
        for _ in as_completed(list(futures)):
            bar.update()
    results = [future.result() for future in futures]
    seconds = time.monotonic() - start
    if (record := _seconds.get()) is not None:
        record[stage] = round(record.get(stage, 0) + seconds, 3)
    if show:
        reused = sum(future.state.name == "Reused" for future in futures)
        note = f", {reused} reused" if reused else ""
        print(f"{stage:<20} {len(futures):>3} tasks{note}, {seconds:.1f} s", file=sys.stderr)
    return results
