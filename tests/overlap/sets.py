"""Sets of images with known or hostile content, as the engine sees them."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

SIDE = 12
LENGTH = SIDE * SIDE
Gray = NDArray[np.uint8]


def ink(gray: Gray) -> NDArray[np.bool_]:
    """Return the ink of images as bool (n, pixels)."""
    return gray.reshape(len(gray), gray.shape[1] * gray.shape[2]) > 127


def blank(_rng: np.random.Generator) -> Gray:
    return np.zeros((SIDE, SIDE), np.uint8)


def full(_rng: np.random.Generator) -> Gray:
    return np.full((SIDE, SIDE), 255, np.uint8)


def one_pixel(rng: np.random.Generator) -> Gray:
    image = np.zeros((SIDE, SIDE), np.uint8)
    image.flat[rng.integers(4)] = 255
    return image


def half(rng: np.random.Generator) -> Gray:
    image = np.zeros(LENGTH, np.uint8)
    image[: LENGTH // 2 + rng.integers(-1, 2)] = 255
    return np.roll(image, rng.integers(3)).reshape(SIDE, SIDE)


def on_a_threshold(rng: np.random.Generator) -> Gray:
    """Ink of 20 pixels less 0 to 2 of them: pairs at exactly 19/20 and 18/20."""
    image = np.zeros(LENGTH, np.uint8)
    image[:20] = 255
    image[rng.integers(0, 20, rng.integers(3))] = 0
    return image.reshape(SIDE, SIDE)


def noisy(rng: np.random.Generator) -> Gray:
    """One blob with a few flipped pixels: near twins of each other."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[2:9, 3:10] = 255
    image.flat[rng.integers(0, LENGTH, rng.integers(4))] ^= 255
    return image


def shaded(rng: np.random.Generator) -> Gray:
    """Equal ink under different grays: near at 100 percent, and not exact."""
    image = np.full((SIDE, SIDE), rng.integers(3), np.uint8)
    image[3:6] = 250
    return image


def scatter(rng: np.random.Generator) -> Gray:
    return rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


KINDS = (blank, full, one_pixel, half, on_a_threshold, noisy, shaded, scatter)


@st.composite
def image_sets(draw: st.DrawFn, most: int = 40) -> tuple[Gray, NDArray[np.int64]]:
    """Draw up to `most` images of mixed hostile kinds, some repeated, each of one of three classes."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    gray = np.array([kind(rng) for kind in kinds], np.uint8).reshape(len(kinds), SIDE, SIDE)
    return gray, rng.integers(0, 3, len(kinds))
