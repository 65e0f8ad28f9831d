"""Import without looking for garbage: what modules make when they are imported stays, and looking takes a fifth."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Leave garbage alone while the block imports modules, and what they made from then on."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
