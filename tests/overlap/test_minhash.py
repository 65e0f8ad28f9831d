from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from numpy.typing import NDArray

from tasks.errors import UsageError
from tasks.overlap.minhash import Bands, choose_bands, signatures
from tests.real import read_gray


def reference(pattern: NDArray[np.bool_], num_perm: int, seed: int = 1) -> NDArray[np.uint32]:
    sketch = MinHash(num_perm=num_perm, scheme="affine32", seed=seed)
    for position in np.flatnonzero(pattern):
        sketch.update(b"%d" % position)
    return sketch.hashvalues


@pytest.mark.parametrize("length", [1, 7, 64, 100, 784])
def test_signatures_of_patterns_of_any_density_are_datasketchs(length: int) -> None:
    rng = np.random.default_rng(length)
    densities = [0, 1, *rng.random(5), *(rng.random(5) / 50)]
    patterns = np.array([rng.random(length) < density for density in densities for _ in range(3)])
    for seed in (1, 2**32 - 1):
        found = signatures(np.packbits(patterns, axis=1), length, 128, seed)
        for k, pattern in enumerate(patterns):
            assert np.array_equal(found[:, k], reference(pattern, 128, seed))


@pytest.mark.whole
def test_signatures_of_real_images_are_datasketchs(shared: Path) -> None:
    gray = read_gray(shared / "data" / "notmnist_real_5k.tar.gz")[::25]
    patterns = gray.reshape(len(gray), -1) > 127
    for view in (patterns, ~patterns):
        found = signatures(np.packbits(view, axis=1), 784, 128, seed=1)
        assert all(np.array_equal(found[:, k], reference(pattern, 128)) for k, pattern in enumerate(view))


def test_the_empty_set_has_the_largest_hash() -> None:
    assert (signatures(np.zeros((1, 98), np.uint8), 784, 128, seed=1) == 2**32 - 1).all()


@pytest.mark.parametrize("percent", range(50, 100, 5))
def test_bands_reach_the_recall_and_one_more_row_would_not(percent: int) -> None:
    bands = choose_bands(128, percent, 0.99)
    assert bands.recall_at(percent / 100) >= 0.99
    more = Bands(128 // (bands.rows + 1), bands.rows + 1)
    assert more.recall_at(percent / 100) < 0.99


def test_a_recall_that_no_bands_reach_is_refused_with_what_they_do() -> None:
    with pytest.raises(UsageError, match=r"recall 0\.99 cannot be reached from a similarity of 0\.01 .* at most 0\.72"):
        choose_bands(128, 1, 0.99)
    assert choose_bands(128, 1, 0.7) == Bands(128, 1)
