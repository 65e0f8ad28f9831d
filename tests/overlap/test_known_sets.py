"""The verdict on agreements of real sets, measured once: no copy is lost, and look-alikes of one layout are none."""

import numpy as np
import pytest

from tasks.overlap.components import beyond_copies
from tasks.overlap.verdict import judge, lines_of
from tasks.registration.views import VIEWS
from tests.build import SHARED
from tests.overlap.test_verdict import baseline, matches_of

SETS = SHARED / "data" / "agreements"
# Rows that are nearly identical and called, of sets with copies, and of others.
CALLED = {
    "mri": 282, "mix34": 253, "aug8": 192, "many_copies": 37, "receipts": 1, "covidx": 1, "fashion": 0,
    "gtsrb_random": 0, "gtsrb_tracks": 0, "cifar_random": 0, "syn_products": 0, "syn_filled": 0, "syn_pages": 0,
}  # fmt: skip


@pytest.mark.skipif(not SETS.exists(), reason=f"{SETS} is not there")
@pytest.mark.parametrize("name", CALLED)
def test_nearly_identical_rows_of_known_sets_are_called_if_look_alikes_are_not(name: str) -> None:
    measured = np.load(SETS / f"{name}.npz")
    test, train = (
        np.maximum(-np.sort(-np.nan_to_num(measured[of], nan=0.0), axis=1), 0)
        for of in ("test_in_train", "train_in_train")
    )
    test = test[~measured["identical"]]
    matches = matches_of(test[:, 0], beyond_copies(test))
    of_train = baseline(train[:, 0], measured["random_pairs"], beyond_copies(train))
    side, size = int(measured["short_side"]), int(measured["rows_of_train"])
    found = judge(matches, of_train, VIEWS["photo"], 86, None, side, size)
    called = matches["best"] >= lines_of(matches, found, VIEWS["photo"])[0]
    line = 0.99 if side >= 48 else 0.995
    assert (called & (matches["best"] >= line)).sum() == CALLED[name]
    if "planted" in measured and name != "cifar_random":  # where the list of copies is not complete
        assert not (called & ~measured["planted"][~measured["identical"]]).any()
