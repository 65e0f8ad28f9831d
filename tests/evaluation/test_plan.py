from collections import Counter

import pytest

from tasks.errors import UsageError
from tasks.evaluation.plan import batches, check_memory, notes_on_sizes, plan, rounds
from tasks.records import Training
from tasks.records.parameters import Size
from tasks.records.spec import RunSpec
from tasks.vocabulary import ModelName

MODELS: tuple[ModelName, ...] = ("softmax", "sgd", "1nn")


def planned(
    usable: int, train: int, models: tuple[ModelName, ...] = MODELS, sizes: tuple[Size, ...] = (50, "all")
) -> Counter[tuple[str, int, str]]:
    """Count the trainings of each model, size and arm."""
    found = plan(RunSpec(models=models, sizes=sizes), usable, train)
    return Counter((one.model, one.rows, one.arm) for one in found)


def test_both_arms_are_trained_five_times_at_every_size() -> None:
    found = planned(1000, 1200)
    assert {count for (_, rows, _), count in found.items() if rows == 50} == {5}
    assert found["sgd", 1000, "without_twins"] == 5
    assert found["softmax", 1000, "with_twins"] == 5
    assert found["softmax", 1000, "without_twins"] == found["1nn", 1000, "without_twins"] == 1, "all would be the same"


def test_seeds_follow_the_run_and_how_often_is_the_users_choice() -> None:
    spec = RunSpec(models=("sgd",), sizes=(50,), seed=7, trainings=2)
    assert [(one.seed, one.arm) for one in plan(spec, 100, 120)] == [
        (7, "with_twins"), (8, "with_twins"), (7, "without_twins"), (8, "without_twins"),
    ]  # fmt: skip


def test_where_nothing_is_compared_every_model_is_trained_once_up_to_all_of_train() -> None:
    assert planned(1200, 1200) == {
        (model, rows, "with_twins"): 1 for model in ("softmax", "sgd", "1nn") for rows in (50, 1200)
    }


def test_sizes_beyond_both_arms_are_trained_with_twins_and_beyond_train_not_at_all() -> None:
    found = planned(120, 160, models=("1nn",), sizes=(100, 150, 200))
    assert set(found) == {("1nn", 100, "with_twins"), ("1nn", 100, "without_twins"), ("1nn", 150, "with_twins")}
    assert found["1nn", 150, "with_twins"] == 1
    assert notes_on_sizes((100, 150, 200), 120, 160) == [
        "no training on 200 rows: train has 160",
        "training on 150 rows with duplicates only: 120 rows of train have none in test",
    ]
    assert notes_on_sizes((50, "all"), 120, 160) == []


def test_a_task_makes_all_trainings_of_an_arm_and_of_1nn_those_of_both() -> None:
    spec = RunSpec(models=("sgd", "1nn"), sizes=(50, 60_000))
    found = batches(plan(spec, 70_000, 80_000))
    assert [str(batch) for batch in found] == [
        "sgd on 50 rows with duplicates, 5 times",
        "sgd on 50 rows without duplicates, 5 times",
        "sgd on 60,000 rows with duplicates, 5 times",
        "sgd on 60,000 rows without duplicates, 5 times",
        "1nn on 50 rows with and without duplicates, 10 times",
        "1nn on 60,000 rows with and without duplicates, 10 times",
    ]
    small, *large = rounds(found)
    assert [len(small), *map(len, large)] == [3, 1, 1, 1], "large batches run by themselves"


def test_a_training_that_memory_has_no_room_for_is_refused_by_name() -> None:
    plans = [Training("1nn", 2_000_000, 1, "with_twins"), Training("softmax", 2_000_000, 1, "with_twins")]
    check_memory(plans, 784, 9.5)
    with pytest.raises(
        UsageError, match=r"training softmax on 2,000,000 rows needs about 9\.4 GB; 1\.5 GB are available"
    ):
        check_memory(plans[::-1], 784, 1.5)
    check_memory(plans, 784, float("inf"))
