"""A reference in a bucket: every change is one conditional write of its object."""

import itertools
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.arrivals import arrivals
from tasks.records import Prints
from tasks.records.references import Reference, commit, read_reference
from tasks.storage import objects
from tasks.storage.place import Place
from tasks.storage.tables import read
from tests.build import GLYPHS, glyphs, png, write_folder
from tests.faults import plain
from tests.faults.accepting import accept, prints_of, problems_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def batch_of(folder: Path, numbers: range) -> str:
    every = glyphs(30, seed=1)
    return str(write_folder(folder, {f"a/{number:02d}.png": png(every[number]) for number in numbers}))


def test_a_batch_is_accepted_as_on_disk(space: Place, tmp_path: Path) -> None:
    tables = []
    for workspace in (str(space), str(tmp_path / "w")):
        given: dict[str, Any] = {"against": ("known",), "workspace": workspace}
        arrivals(source=batch_of(tmp_path / "base", range(10)), whole=True, **given)
        folder = arrivals(source=batch_of(tmp_path / "batch", range(5, 15)), accept=True, **given)
        assert arrivals(source=str(tmp_path / "batch"), accept=True, **given) == folder
        place = space if workspace == str(space) else Place.of(workspace)
        assert [one.prints.rows for one in read_reference(place, "known").live] == [10, 5]
        name = read_reference(place, "known").live[-1].arrived.folder
        tables.append(read(place / name / "arrived.parquet"))
    assert tables[0] == tables[1]
    assert tables[0]["result"].to_pylist() == ["known"] * 5 + ["new"] * 5


def test_of_two_changes_at_once_one_is_refused(space: Place) -> None:
    before = Reference("known", GLYPHS)
    versions = [replace(before, version=number) for number in range(1, 9)]
    with ThreadPoolExecutor(len(versions)) as pool:
        done = list(pool.map(lambda one: commit(space, Reference("known"), one), versions))
    (winner,) = (one for one, was in zip(versions, done, strict=True) if was)
    assert read_reference(space, "known") == winner


def accept_until(number: int, space: str, batch: Prints) -> None:
    """Accept a batch in a process that dies before one of its writes to the reference."""
    numbers = itertools.count(1)
    for name in ("write", "write_if"):
        write = getattr(objects, name)

        def dying(place: Place, *more: Any, write: Any = write) -> Any:
            if not place.name.startswith("leases") and next(numbers) == number:
                os._exit(plain.CRASHED)
            return write(place, *more)

        setattr(objects, name, dying)
    accept(space, batch)


@pytest.mark.parametrize("number", [1, 3, 4], ids=["first file", "manifest", "reference"])
def test_killed_before_a_write_the_batch_is_out_and_the_next_run_adds_it_once(
    number: int, space: Place, tmp_path: Path
) -> None:
    first, second = prints_of(plain.write_sources(tmp_path / "sources"), str(space))
    accept(str(space), first)
    child = multiprocessing.get_context("spawn").Process(target=accept_until, args=(number, str(space), second))
    child.start()
    child.join()
    assert child.exitcode == plain.CRASHED
    assert not +problems_of(str(space), [first.rows])
    accept(str(space), second)
    accept(str(space), second)
    assert not +problems_of(str(space), [first.rows, second.rows])
