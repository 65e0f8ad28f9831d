"""The limit on BLAS threads holds for the whole process, so its users share it or wait."""

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from threadpoolctl import threadpool_info

from tasks.threads import blas_threads

PATIENCE = 30  # seconds after which an expected event will not happen
MOMENT = 0.3  # seconds in which a thread that does not wait would continue


class User(threading.Thread):
    """A worker that computes with a number of threads until released, and then lives on, like a pool's."""

    def __init__(self, count: int) -> None:
        super().__init__(daemon=True)
        self.count = count
        self.inside, self.may_leave, self.outside, self.may_end = (threading.Event() for _ in range(4))

    def run(self) -> None:
        with blas_threads(self.count):
            self.inside.set()
            self.may_leave.wait(PATIENCE)
        self.outside.set()
        self.may_end.wait(PATIENCE)

    def enter(self) -> None:
        assert self.inside.wait(PATIENCE)

    def leave(self) -> None:
        self.may_leave.set()
        assert self.outside.wait(PATIENCE)


Start = Callable[[int], User]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a user of `count` threads; all users end with the test."""
    started: list[User] = []

    def start_one(count: int) -> User:
        started.append(User(count))
        started[-1].start()
        return started[-1]

    yield start_one
    for user in started:
        user.may_leave.set()
        user.may_end.set()
    for user in started:
        user.join(PATIENCE)
        assert not user.is_alive()


def threads() -> set[int]:
    """Return the numbers of threads that the BLAS libraries of this process compute with."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("count", [1, 2])
def test_so_many_threads_compute_inside_and_as_many_as_before_afterwards(count: int) -> None:
    before = threads()
    for _ in range(2):
        with blas_threads(count):
            assert threads() == {count}
        assert threads() == before


def test_what_fails_inside_leaves_no_limit() -> None:
    before = threads()
    with pytest.raises(ArithmeticError), blas_threads(1):
        raise ArithmeticError
    assert threads() == before
    with blas_threads(2):
        assert threads() == {2}


def test_a_fork_computes_as_its_parent_did() -> None:
    with blas_threads(1):
        pass
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)  # ends it where it waits for a thread that only its parent has
        with blas_threads(2):
            os._exit(0 if threads() == {2} else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("count", [1, 2])
def test_two_who_need_the_same_number_share_the_limit_until_the_last_leaves(start: Start, count: int) -> None:
    before = threads()
    first, last = start(count), start(count)
    first.enter()
    last.enter()
    assert threads() == {count}
    first.leave()
    assert threads() == {count}
    last.leave()
    assert threads() == before


@pytest.mark.parametrize(("count", "another"), [(1, 2), (2, 1)])
def test_who_needs_another_number_waits_until_the_last_leaves(start: Start, count: int, another: int) -> None:
    before = threads()
    first, last = start(count), start(count)
    first.enter()
    last.enter()
    other = start(another)
    assert not other.inside.wait(MOMENT)
    first.leave()
    assert not other.inside.wait(MOMENT)
    assert threads() == {count}
    last.leave()
    other.enter()
    assert threads() == {another}
    other.leave()
    assert threads() == before


def test_the_limit_holds_whoever_set_one_before(start: Start) -> None:
    before = threads()
    with blas_threads(1):
        assert threads() == {1}
    for count in (2, 1, 2):
        user = start(count)
        user.enter()
        assert threads() == {count}
        user.leave()
        assert threads() == before
    with blas_threads(1):
        assert threads() == {1}
