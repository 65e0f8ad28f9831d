import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tasks.evaluation import neighbours
from tasks.evaluation.neighbours import nearest
from tests.build import glyphs


@pytest.mark.parametrize("pixels", [784, 1024, 1600])
def test_every_arm_gets_the_row_that_exact_integers_give(pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "TRAIN_BLOCK", 64)
    monkeypatch.setattr(neighbours, "QUERY_BLOCK", 16)
    rng = np.random.default_rng(0)
    train, queries = (rng.choice([0, 1, 254, 255], (n, pixels)).astype(np.uint8) for n in (300, 50))
    train[200:] = train[:100]  # equal rows: the first counts
    arms = [np.arange(250), np.arange(30, 300), rng.permutation(300)[:77]]
    distances = ((queries[:, None].astype(np.int64) - train.astype(np.int64)) ** 2).sum(axis=2)
    for rows, found in zip(arms, nearest(train, arms, queries), strict=True):
        allowed = np.sort(rows)
        assert np.array_equal(found, allowed[distances[:, allowed].argmin(axis=1)])


def test_it_is_the_nearest_neighbour_of_scikit_learn() -> None:
    train, queries = glyphs(400, seed=1).reshape(400, -1), glyphs(60, seed=2).reshape(60, -1)
    labels = np.arange(400) % 7
    model = KNeighborsClassifier(1, algorithm="brute").fit(train.astype(np.float64), labels)
    found = nearest(train, [np.arange(400)], queries)[0]
    assert np.array_equal(labels[found], model.predict(queries.astype(np.float64)))


def test_no_queries_have_no_neighbours() -> None:
    assert nearest(np.zeros((3, 4), np.uint8), [np.arange(3)], np.empty((0, 4), np.uint8))[0].tolist() == []
