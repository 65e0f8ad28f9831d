"""Carry out the fault plan: ``python -m tests.faults [--stride N] [--only WORD]``; also ``make faults``."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tests.build import SHARED
from tests.faults import accepting, crash, outside, rot, same_bytes, signals, storage, together, web
from tests.faults.oracle import Golden, Tally, total


def plain_families(golden: Golden, scratch: Path, stride: int) -> Iterator[tuple[str, Callable[[], Tally]]]:
    """Yield the families that need no server; a larger stride takes fewer cases of each."""
    few = max(3, 30 // stride)
    yield "crash", partial(crash.crash_loop, golden, scratch, stride)
    yield "error", partial(crash.error_loop, golden, scratch, stride)
    yield "kill", partial(crash.kill_loop, golden, scratch, max(3, 100 // stride))
    yield "rot", partial(rot.rotten, golden, scratch, step=stride)
    yield "size", partial(storage.small_files, golden, scratch)
    yield "together", partial(together.two_at_once, golden, scratch, few)
    yield "holder", partial(together.holder_killed, golden, scratch, few)
    yield "accept", partial(accepting.killed_while_accepting, golden, scratch, stride)
    yield "accept-both", partial(accepting.accepted_at_once, golden, scratch, few)
    yield "web", partial(web.misbehaving, golden, scratch)
    if storage.may_mount():
        yield "disk", partial(storage.full_disk, golden, scratch, few)
        yield "read-only", partial(storage.read_only, golden, scratch, 5 * stride)
        yield "permission", partial(storage.no_permission, golden, scratch)
    yield "archives", partial(outside.damaged_archives, 2000 // stride)
    yield "pickles", partial(outside.planted_pickles, golden, scratch)
    if SHARED.is_dir():
        yield "hostile", outside.hostile_files
    if storage.may_trace():
        yield "device", partial(storage.failing_device, golden, scratch)


def server_families(
    golden: Golden, scratch: Path, environment: dict[str, str]
) -> Iterator[tuple[str, Callable[[], Tally]]]:
    """Yield the families that run the command in front of a Prefect server."""
    yield "same", partial(same_bytes.surroundings, golden.sources, environment, scratch)
    yield "signal", partial(signals.stopped, environment, scratch)
    yield "orphan", partial(signals.orphaned, environment, scratch)
    yield "robbed", partial(signals.robbed, environment, scratch)
    yield "server", partial(outside.server_gone, environment, scratch)


def carry_out(families: Iterator[tuple[str, Callable[[], Tally]]], only: str | None) -> Iterator[Tally]:
    """Do the families one after another and print a line for each, and each case that went wrong."""
    for name, family in families:
        if only in (None, name):
            tally = family()
            print(tally.line(), *(f"    {note}" for note in tally.notes), sep="\n", flush=True)
            yield tally


def main() -> None:
    """Carry out the plan and exit with 1 when a fault was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="take every n-th case of the long families")
    parser.add_argument("--only", help="one family by its word")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        golden, scratch = Golden.make(Path(folder)), Path(folder) / "scratch"
        scratch.mkdir()
        done = list(carry_out(plain_families(golden, scratch, arguments.stride), arguments.only))
        with prefect_test_harness(server_startup_timeout=90):
            environment = {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
            done += carry_out(server_families(golden, scratch, environment), arguments.only)
    needed = {
        "mount (root)": storage.may_mount(),
        "strace": storage.may_trace(),
        "the shared corpora": SHARED.is_dir(),
    }
    for needs, there in needed.items():
        if not there:
            print(f"left out for want of {needs}: the families that need it")
    print(total(done))
    sys.exit(any(tally.survived < tally.cases for tally in done))


if __name__ == "__main__":
    main()
