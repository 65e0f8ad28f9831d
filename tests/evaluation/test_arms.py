import numpy as np

from tasks.evaluation.training import rows_of_arm
from tasks.vocabulary import ARMS

LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(3), 40))
TWINS = np.random.default_rng(0).random(120) < 0.2
USABLE = int((~TWINS).sum())


def test_arms_have_equal_sizes_and_classes_and_one_has_no_twins() -> None:
    for count in (12, 50, USABLE):
        for again in (False, True):
            with_twins, without = (rows_of_arm(arm, count, LABELS, TWINS, 1, again) for arm in ARMS)
            assert len(with_twins) == len(without) == count
            assert np.array_equal(
                np.bincount(LABELS[with_twins], minlength=3), np.bincount(LABELS[without], minlength=3)
            )
            assert not TWINS[without].any()
            assert len(np.unique(with_twins)) == len(np.unique(without)) == count
    assert TWINS[with_twins].any()


def test_the_first_training_takes_rows_in_the_order_of_train_and_the_others_do_not() -> None:
    for arm in ARMS:
        first, again = (rows_of_arm(arm, 30, LABELS, TWINS, 1, again=again) for again in (False, True))
        assert (np.diff(first) > 0).all()
        assert first.max() < 60
        assert not (np.diff(again) > 0).all()
        assert again.max() > 60


def test_another_seed_draws_other_rows_at_random() -> None:
    one, other = (rows_of_arm("with_twins", USABLE, LABELS, TWINS, seed, again=True) for seed in (1, 2))
    assert set(one.tolist()) != set(other.tolist())
    one, other = (rows_of_arm("without_twins", USABLE, LABELS, TWINS, seed, again=True) for seed in (1, 2))
    assert set(one.tolist()) == set(other.tolist()) == set(np.flatnonzero(~TWINS).tolist())


def test_more_rows_than_are_no_twins_are_the_first_of_train() -> None:
    assert rows_of_arm("with_twins", USABLE + 3, LABELS, TWINS, 1, again=False).tolist() == list(range(USABLE + 3))
