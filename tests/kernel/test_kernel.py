"""Every function of the kernel against its reference in numpy, and its bits with and without AVX2."""

import io
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from types import SimpleNamespace as Functions
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from tasks import kernel as module
from tasks.arrays import Bits, Gray, Pixels
from tasks.overlap import candidates, proposals
from tasks.overlap.agreements import GOES_ON, agreements
from tasks.overlap.complete import complete_pairs, cost_of_a_pair
from tasks.overlap.minhash import Bands, signatures
from tasks.overlap.nearest import Nearest, nearest
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import by_minhash
from tasks.registration.agreement import agreement, overlay, textured
from tasks.registration.align import register, register_coarsely, register_finely
from tasks.registration.forms import facts_of, mirrored_form, other_forms
from tasks.registration.sharpness import equally_sharp
from tasks.registration.views import BITS, LOWEST, comparable_bits
from tasks.registration.warp import IDENTITY, halved, quartered
from tasks.storage.copies import Copies
from tasks.storage.place import Place
from tests.build import colourless, scene
from tests.real import read_members

SIDE = 64
MAPS = 1e-4  # largest difference of coordinates, which run from -1 to 1
LEVELS = 2e-3  # of gray levels, which run from 0 to 255
AGREEMENT = 5e-6
REGISTERED = 5e-4  # the same of pairs that each registers by itself
Pair = tuple[Pixels, Pixels]


@cache
def scenes() -> list[Image.Image]:
    return [scene(360, 360, seed).convert("L") for seed in range(12)]


def moved_scenes(rng: np.random.Generator) -> Pair:
    """Return pictures and their copies, moved by a few pixels, with another contrast."""
    left, top = rng.integers(0, 24, 2)
    boxes = (12, 12, 332, 332), (left, top, left + 320, top + 320)
    chosen = [scenes()[number] for number in rng.choice(len(scenes()), 5, replace=False)]
    first, second = (np.stack([np.asarray(each.crop(box).resize((SIDE, SIDE))) for each in chosen]) for box in boxes)
    return first.astype(np.float32), np.rint(second * rng.uniform(0.6, 1)).astype(np.float32)


def others(rng: np.random.Generator) -> Pair:
    first, second = moved_scenes(rng)
    return first, np.roll(second, 1, axis=0)


def blurred(rng: np.random.Generator) -> Pair:
    first, _ = moved_scenes(rng)
    return first, np.rint(gaussian_filter(first, (0, *[rng.uniform(0.2, 2.5)] * 2))).astype(np.float32)


def noise(rng: np.random.Generator) -> Pair:
    first, second = rng.integers(0, 256, (2, 5, SIDE, SIDE))
    return first.astype(np.float32), second.astype(np.float32)


def plain_and_ramps(rng: np.random.Generator) -> Pair:
    """Return constant pictures, ramps and single pixels, which have few gradients or none."""
    x, y = np.meshgrid(*[np.arange(SIDE)] * 2)
    dot = np.zeros((SIDE, SIDE))
    dot[rng.integers(0, SIDE), rng.integers(0, SIDE)] = 255
    first = np.stack([dot, x * 0, x * 0 + 255, 3 * x + y, 255 - 2 * y, 255 * (x < 32)]).astype(np.float32)
    return first, rng.permutation(first)


STRUCTURED: list[Callable[[np.random.Generator], Pair]] = [moved_scenes, others, blurred, noise]
KINDS = [*STRUCTURED, plain_and_ramps]


def some_maps(rng: np.random.Generator, count: int) -> Pixels:
    """Return maps as far from the identity as steps may lead."""
    return (IDENTITY + rng.uniform(-0.25, 0.25, (count, 2, 3))).astype(np.float32)


def small(pictures: Pixels) -> Pixels:
    return halved(halved(pictures))


def all_forms(copies: Gray) -> list[Bits]:
    return other_forms(copies, facts_of(copies, colourless(len(copies)))[1], np.ones(len(copies), np.float32))


def registered(first: Pixels, second: Pixels, _maps: Pixels) -> Pixels:
    return agreement(overlay(first, second, register(first, second)))


# What is compared, and by how much it may differ.
OF_MAPS: dict[str, tuple[Callable[[Pixels, Pixels, Pixels], Any], float]] = {
    "coarsely": (lambda first, second, _: register_coarsely(small(first), small(second)), MAPS),
    "finely": (register_finely, MAPS),
}
OF_PICTURES: dict[str, tuple[Callable[[Pixels, Pixels, Pixels], Any], float]] = {
    "laid": (lambda first, second, maps: np.stack(overlay(first, second, maps)), LEVELS),
    "laid small": (lambda first, second, maps: np.stack(overlay(small(first), small(second), maps, False)), LEVELS),
    "agreement": (lambda first, second, maps: agreement(overlay(first, second, maps)), AGREEMENT),
    "textured": (lambda first, _second, _maps: textured(first), 1 / 32**2),  # one window
    "sharp": (lambda first, second, _: np.stack(equally_sharp(first, second)), LEVELS),
    "registered": (registered, REGISTERED),
}
# Maps of pictures without structure are not determined; what agrees there is.
CASES = [(kind, asked) for kind in KINDS for asked in ([*OF_MAPS, *OF_PICTURES] if kind in STRUCTURED else OF_PICTURES)]


def by(functions: Functions | None, asked: Callable[..., Any], *given: Any) -> Any:
    """Return the result of a function with a library, or with numpy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "functions", functions)
        return asked(*given)


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda part: part if isinstance(part, str) else part.__name__)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_the_kernel_differs_from_numpy_in_the_last_digits_only(
    kernel: Functions, kind: Callable[[np.random.Generator], Pair], name: str, seed: int
) -> None:
    rng, (asked, tolerance) = np.random.default_rng(seed), (OF_MAPS | OF_PICTURES)[name]
    first, second = kind(rng)
    given_to = first, second, some_maps(rng, len(first))
    np.testing.assert_allclose(by(kernel, asked, *given_to), by(None, asked, *given_to), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_small_copies_are_the_same(kernel: Functions, kind: Callable[[np.random.Generator], Pair]) -> None:
    gray = kind(np.random.default_rng(0))[0].astype(np.uint8)[:, :, ::-1]
    np.testing.assert_array_equal(by(kernel, quartered, gray), by(None, quartered, gray))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_forms_have_the_same_bits_but_where_a_gradient_is_at_its_limit(kernel: Functions, seed: int) -> None:
    for kind in KINDS:
        copies = kind(np.random.default_rng(seed))[0].astype(np.uint8)
        for asked in (all_forms, lambda some: [mirrored_form(some)]):
            one, two = (np.unpackbits(np.stack(by(of, asked, copies))) for of in (kernel, None))
            assert (one != two).mean() < 1e-3


def patterns(rng: np.random.Generator, count: int, length: int) -> Patterns:
    """Return patterns, half of them near copies of the others."""
    bits = rng.random((count, length)) < rng.uniform(0, 0.6, (count, 1))
    bits[count // 2 :] = bits[: count - count // 2] ^ (rng.random((count - count // 2, length)) < 0.02)
    bits[bits.sum(axis=1) > length // 2] = False
    return Patterns.of(np.packbits(bits, axis=1), length)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), length=st.sampled_from([8, 64, 200, 784]), percent=st.sampled_from([60, 90, 100]))
def test_patterns_that_are_found_are_the_same(kernel: Functions, seed: int, length: int, percent: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = patterns(rng, 40, length), patterns(rng, 90, length)

    def pairs() -> set[tuple[int, ...]]:
        found = [*complete_pairs(one, two, percent), *complete_pairs(two, two, percent)]
        return {each for some in found for each in zip(*(part.tolist() for part in some), strict=True)}

    assert by(kernel, pairs) == by(None, pairs)
    groups = rng.integers(0, 9, len(one)), rng.integers(0, 9, len(two))
    assert_equal(*(by(of, nearest, [one, two[:40]], two, 7, percent / 200, groups) for of in (kernel, None)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), length=st.sampled_from([8, 64, 200, 784]), heavy=st.sampled_from([1, 4, 128]))
def test_minhash_finds_the_same(kernel: Functions, seed: int, length: int, heavy: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = patterns(rng, 40, length), patterns(rng, 90, length)
    np.testing.assert_array_equal(
        *(by(of, signatures, two.words.view(np.uint8), length, 24, seed) for of in (kernel, None))
    )
    groups = rng.integers(0, 9, len(one)), rng.integers(0, 9, len(two))
    with pytest.MonkeyPatch.context() as patch:
        for module_of in (candidates, proposals):
            patch.setattr(module_of, "HEAVY", heavy)
        patch.setattr(proposals, "SIGNED", 15)
        patch.setattr(proposals, "AT_ONCE", 50)
        asked = [one, two[:40]], two, groups, Bands(8, 3, seed), 7
        assert_equal(*(by(of, by_minhash, *asked) for of in (kernel, None)))


def assert_equal(found: Nearest, truth: Nearest) -> None:
    np.testing.assert_array_equal(found.row, truth.row)
    np.testing.assert_array_equal(found.similarity, truth.similarity)


def test_a_comparison_without_the_kernel_is_expected_to_take_longer(kernel: Functions) -> None:
    sides = [patterns(np.random.default_rng(seed), 200, 784) for seed in range(2)]
    assert by(None, cost_of_a_pair, *sides, 90) > by(kernel, cost_of_a_pair, *sides, 90) > 0


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_bits_are_the_same_with_and_without_avx2(kernel: Functions, plain: Functions, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        first, second = kind(rng)
        given_to = first, second, some_maps(rng, len(first))
        for asked, _ in (OF_MAPS | OF_PICTURES).values():
            one, two = (by(of, asked, *given_to) for of in (kernel, plain))
            np.testing.assert_array_equal(one, two)
        one, two = (by(of, all_forms, first.astype(np.uint8)) for of in (kernel, plain))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pairs_that_share_their_first_image_have_the_bits_of_each_by_itself(
    kernel: Functions, kind: Callable[[np.random.Generator], Pair]
) -> None:
    rng = np.random.default_rng(0)
    first, second = (side[[0, 0, 1, 1, 1]] for side in kind(rng))
    pairs = first, second[[0, 2, 4, 1, 3]], some_maps(rng, 5)
    for asked, _ in (OF_MAPS | OF_PICTURES).values():
        together = by(kernel, asked, *pairs)
        alone = [by(kernel, asked, *(part[at : at + 1] for part in pairs)) for at in range(5)]
        np.testing.assert_array_equal(together, np.concatenate(alone, axis=together.shape.index(5)))


def test_a_library_of_another_version_is_not_used(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.load(libraries / "plain.so") is not None
    assert module.load(libraries / "none.so") is None
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert module.load(libraries / "plain.so") is None


SETS = ["cifar_train.tar.gz", "fashion_train.tar", "mri_train.tar", "xray_train.tar", "gtsrb_frames.tar"]


@pytest.mark.parametrize("name", SETS)
def test_real_candidates_are_decided_alike(kernel: Functions, shared: Path, tmp_path: Path, name: str) -> None:
    members = islice(read_members(shared / "data" / name), 400)
    pictures = [Image.open(io.BytesIO(data)).convert("L") for _, data in members]
    small_ones, large = (
        np.stack([np.asarray(each.resize((side, side), Image.Resampling.BILINEAR)) for each in pictures])
        for side in (16, SIDE)
    )
    file, numbers = tmp_path / "gray", np.arange(len(pictures))
    file.write_bytes(large.tobytes())
    bits = Patterns.of(comparable_bits(small_ones), BITS)
    facts = *facts_of(large, colourless(len(large))), (numbers % 3 + 1).astype(np.float32)
    copies = Copies([Place.of(file)], numbers * 0, numbers, *facts)
    candidates = nearest([bits], bits, 5, 0.5, (numbers, numbers)).row
    i, place = np.nonzero(candidates >= 0)
    pair = copies.take(i), copies.take(candidates[i, place])
    one, two = (by(of, agreements, *pair) for of in (kernel, None))
    assert len(one) >= 400
    np.testing.assert_allclose(one, two, rtol=0, atol=2e-4)
    for line in (0, GOES_ON, LOWEST, 0.95, 0.99, 0.995):
        assert ((one >= line) == (two >= line)).all()
