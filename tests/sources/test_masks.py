"""Masks are found by names, or nothing is."""

from collections.abc import Callable

import pytest

from tasks.errors import DataError
from tasks.sources.masks import find_masks

Names = Callable[[str, int], str]
# Layouts of public sets: the names of an image and of a mask, given a split and a number.
LAYOUTS: dict[str, tuple[Names, Names]] = {
    "two folders": (lambda s, n: f"{s}/images/{n}.jpg", lambda s, n: f"{s}/masks/{n}.png"),
    "COVID-QU": (lambda s, n: f"{s}/ill/images/{n}.png", lambda s, n: f"{s}/ill/lung masks/{n}.png"),
    "Carvana": (lambda s, n: f"{s}/{n}.jpg", lambda s, n: f"{s}_masks/{n}_mask.gif"),
    "BUSI": (lambda s, n: f"{s}/benign/benign ({n}).png", lambda s, n: f"{s}/benign/benign ({n})_mask.png"),
    "several": (lambda s, n: f"{s}/{n // 2 * 2}.png", lambda s, n: f"{s}/{n // 2 * 2}_mask_{n % 2}.png"),
    "Cityscapes": (
        lambda s, n: f"leftImg8bit/{s}/ulm/ulm_{n}_leftImg8bit.png",
        lambda s, n: f"gtFine/{s}/ulm/ulm_{n}_gtFine_labelIds.png",
    ),
    "ADE20K": (lambda s, n: f"images/{s}/ADE_{n}.jpg", lambda s, n: f"annotations/{s}/ADE_{n}.png"),
    "VOC": (lambda s, n: f"JPEGImages/{s}_{n}.jpg", lambda s, n: f"SegmentationClass/{s}_{n}.png"),
    "pets": (lambda s, n: f"images/{s}_{n}.jpg", lambda s, n: f"annotations/trimaps/{s}_{n}.png"),
    "DeepGlobe": (lambda s, n: f"{s}/{n}_sat.jpg", lambda s, n: f"{s}/{n}_mask.png"),
    "DUTS": (lambda s, n: f"DUTS-{s}/DUTS-{s}-Image/{n}.jpg", lambda s, n: f"DUTS-{s}/DUTS-{s}-Mask/{n}.png"),
    "SegNet": (lambda s, n: f"{s}/{n}.png", lambda s, n: f"{s}annot/{n}.png"),
    "brain": (lambda s, n: f"{s}/{n % 2}/TCGA_{n}.tif", lambda s, n: f"{s}/{n % 2}/TCGA_{n}_mask.tif"),
}
# Classes whose names have these words, and numbered files.
CLASSES = [
    ("with_mask", "without_mask"), ("mask", "helmet"), ("labels", "paper"), ("seg", "gt"), ("mustang_gt", "mustang"),
    ("mask", "images"),
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_of_public_sets_are_found(layout: str) -> None:
    image, mask = LAYOUTS[layout]
    images, masks = ({name(s, n) for s in ("train", "test") for n in range(9)} for name in (image, mask))
    assert find_masks(images | masks, "set") == masks
    assert find_masks(images | masks | {f"more/{n}.png" for n in range(9)}, "set") == masks
    assert not find_masks(images, "set")
    few = images | set(sorted(masks)[:5])  # an image may have no mask
    assert find_masks(few, "set") == few - images


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_without_an_image_are_refused_by_name(layout: str) -> None:
    image, mask = LAYOUTS[layout]
    images = {image("train", n) for n in range(8)}
    masks = {mask("train", n) for n in (*range(8), *range(100, 108))}
    with pytest.raises(DataError, match=r"^set.*has \d+ files? named like masks, but only \d+ belong") as refused:
        find_masks(images | masks, "set")
    assert sum(mask("train", n) in str(refused.value) for n in range(100, 108)) == 3
    assert "`--masks-as-images`" in str(refused.value)


@pytest.mark.parametrize("classes", CLASSES)
def test_classes_with_these_words_are_images(classes: tuple[str, str]) -> None:
    every = {f"{split}/{name}/{n}.jpg" for split in ("train", "test") for name in classes for n in range(9)}
    if classes == ("mask", "images"):  # no name tells these from masks, so a sentence and a flag do
        assert find_masks(every, "set") == {path for path in every if "/mask/" in path}
    else:
        assert not find_masks(every, "set")


def test_images_and_masks_without_any_folder_are_told_apart() -> None:
    assert find_masks({f"{n}{end}.png" for n in range(4) for end in ("", "_mask")}, "set") == {
        f"{n}_mask.png" for n in range(4)
    }


def test_words_inside_a_name_mean_nothing() -> None:
    every = {f"a/{name}.png" for name in ("mask", "gas_mask", "label", "unmask", "segment", "x_masked", "gt", "1_L")}
    assert not find_masks(every, "set")
    assert not find_masks({"._1_mask.png", "1.png", "__MACOSX/masks/1.png", "masks/1.txt"}, "set")
