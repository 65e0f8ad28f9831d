"""What simplejpeg was not made for never reaches it: a guarded Pillow decodes it, or it is refused by name."""

from collections.abc import Iterator

import numpy as np
import pytest

from tasks.classes.guard import Guard, guarded
from tasks.classes.jpeg import REDUCED_SIDE, SCALES
from tasks.classes.png import UnreadableError
from tests.hostile_jpegs import checker, hostile

SIDE = 28
SIDES = [REDUCED_SIDE * scale for scale in sorted(SCALES)]
PLAIN = ("lossless, after the end", "lossless, that a comment hides", "filled, with restarts")


@pytest.fixture(scope="module")
def reader() -> Iterator[Guard]:
    with guarded() as found:
        yield found


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize(("side", "name"), [(side, name) for side in SIDES for name in hostile(side)])
def test_each_is_read_as_it_is_or_refused(side: int, name: str, reduced: bool, reader: Guard) -> None:
    data, reason = hostile(side)[name]
    if reason:
        with pytest.raises(UnreadableError) as refusal:
            reader.read(data, SIDE, reduced)
        assert refusal.value.reason == reason
        return
    found = reader.read(data, SIDE, reduced)
    assert (found.width, found.height) == (side, side)
    squares = np.array([*found.gray]).reshape(2, SIDE // 2, 2, SIDE // 2)[:, 3:-3, :, 3:-3]
    assert np.abs(squares - checker(2).reshape(2, 1, 2, 1)).max() <= 3
    if name not in PLAIN:
        assert found.coded is None, "it was decoded in full"
        assert reader.process is not None
