"""Each line of the two tables of failures has tests: in `make test`, or by name in `make faults`."""

import ast
import re

import pytest

from tests.build import ROOT

INSTALLATION, RUNS = "tests/operations/faults_of_installation.py", "tests/cluster/faults_of_runs.py"
STORE = "tests/cluster/test_storage.py"
HELD = {
    "docs/operations.md": {
        "a task, by an error that may heal": ["tests/operations/test_installation.py::test_retries_can_be_inspected"],
        "a task that takes longer than six hours": [
            "tests/flows/test_cli.py::test_a_task_that_takes_too_long_is_a_sentence",
            "tests/flows/test_lost_processes.py::test_a_limit_of_time_ends_work_in_a_process",
        ],
        "a process that decodes or compares": [
            "robbed",
            "tests/flows/test_lost_processes.py::test_processes_that_die_at_once_are_done_without",
        ],
        "the process that decodes one unusual image": [
            "tests/classes/test_guard.py::test_a_file_is_tried_once_more_when_its_process_was_stopped",
            "tests/classes/test_guard.py::test_a_file_whose_process_is_always_stopped_or_ended_is_named_and_not_refused",
        ],
        "the run's process": [f"{INSTALLATION}::test_a_run_whose_process_dies_is_crashed_and_continues"],
        "the run's process and its worker": [
            f"{INSTALLATION}::test_a_run_whose_worker_was_killed_does_not_stay_running"
        ],
        "only the worker": [f"{INSTALLATION}::test_only_the_worker_dies_so_its_run_ends_and_another_worker_is_started"],
        "Prefect's server, for up to two minutes": ["tests.operations.outage"],
        "Prefect's server, for longer": ["tests.operations.outage --away 600", "server"],
        "the database": ["tests.operations.outage --away 10 --forget"],
        "a run that is cancelled": [
            "tests/operations/test_installation.py::test_a_cancelled_run_stops_and_leaves_nothing_half_done",
            "tests.operations.outage --away 60 --cancel",
            f"{INSTALLATION}::test_a_run_whose_worker_died_stops_when_it_is_cancelled",
        ],
        "a command or a Python program whose run is cancelled in the UI": [
            f"{INSTALLATION}::test_whoever_started_a_run_hears_that_it_was_cancelled"
        ],
        "the disk, by being full": ["disk", "size"],
    },
    "docs/scale.md": {
        "a worker": [f"{RUNS}::test_a_worker_that_dies_costs_what_it_was_doing"],
        "a worker, four times with the same task": [
            f"{RUNS}::test_a_task_that_kills_its_workers_ends_the_run_which_continues"
        ],
        "the scheduler": [f"{RUNS}::test_a_scheduler_that_dies_ends_the_run_which_continues"],
        "all workers, before a run": ["tests/cluster/test_runs.py::test_a_cluster_without_workers_is_named"],
        "the run's process": [f"{RUNS}::test_a_flow_that_is_killed_is_continued"],
        "the store, for up to two minutes": [
            f"{STORE}::test_trouble_with_the_store_is_waited_out",
            f"{STORE}::test_a_store_that_restarts_is_waited_for",
        ],
        "the store, for longer": [
            f"{STORE}::test_a_store_that_stays_busy_is_named",
            "tests/cluster/test_sources.py::test_a_task_that_failed_and_was_tried_again_can_be_read_from_the_server",
        ],
        "scratch, by being full": [f"{STORE}::test_scratch_without_space_is_named_and_leaves_nothing"],
    },
}
HEADINGS = {"docs/operations.md": "| what dies |", "docs/scale.md": "| failure |"}


@pytest.mark.parametrize("page", HELD)
def test_every_line_of_a_table_of_failures_names_its_tests(page: str) -> None:
    table = (ROOT / page).read_text().partition(HEADINGS[page])[2].partition("\n\n")[0].splitlines()[2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table] == list(HELD[page])


@pytest.mark.parametrize("test", sorted({test for page in HELD.values() for line in page.values() for test in line}))
def test_every_named_test_exists_and_is_run_by_make(test: str) -> None:
    faults = (ROOT / "Makefile").read_text().partition("\nfaults:")[2].partition("\n\n")[0]
    file, _, function = test.partition("::")
    if function:
        tree = ast.parse((ROOT / file).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert re.search(r"/test_\w+\.py$", file) or file in faults
    elif test.startswith("tests."):
        assert f"python -m {test}\n" in faults + "\n"
    else:
        assert f'yield "{test}"' in (ROOT / "tests" / "faults" / "__main__.py").read_text()
