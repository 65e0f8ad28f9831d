"""Photographs of every format and mode are decoded by a rule, or refused with a reason."""

import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pillow_heif import register_heif_opener

from tasks.classes.decoder import as_jpeg, decode, photograph
from tasks.classes.deep import rounded
from tasks.classes.formats import MAX_PIXELS, is_mislabelled
from tasks.classes.png import UnreadableError
from tasks.formats import IMAGE_ENDINGS
from tasks.registration import views as photo
from tests.build import chunk, saved, scene

register_heif_opener()
ENDINGS = {
    "PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif", "PPM": ".ppm",
    "AVIF": ".avif", "JPEG2000": ".jp2", "HEIF": ".heic", "DICOM": ".dcm",
}  # fmt: skip


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableError) as refusal:
        decode(data, reduced=False)
    return refusal.value.reason


@pytest.mark.parametrize("form", ENDINGS)
def test_every_format_is_read(form: str) -> None:
    image = scene(40, 30)
    lossless = form not in ("JPEG", "GIF", "AVIF", "HEIF")
    options = {"lossless": True} if form == "WEBP" else {}
    decoded = decode(saved(image, form, **options), reduced=False)
    assert (decoded.image.mode, decoded.width, decoded.height) == ("RGB", 40, 30)
    assert np.array_equal(np.asarray(decoded.image), np.asarray(image)) or not lossless


@pytest.mark.parametrize(
    ("form", "mode", "expected"),
    [
        ("PNG", "1", "L"), ("PNG", "L", "L"), ("PNG", "LA", "L"), ("PNG", "P", "RGB"), ("PNG", "RGBA", "RGB"),
        ("PNG", "I;16", "L"), ("TIFF", "I;16", "L"), ("TIFF", "CMYK", "RGB"), ("JPEG", "CMYK", "RGB"),
        ("JPEG", "L", "L"), ("TIFF", "LAB", None), ("TIFF", "F", None), ("TIFF", "I", None),
    ],
)  # fmt: skip
def test_every_mode_has_a_rule(form: str, mode: str, expected: str | None) -> None:
    image = scene(20, 20)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode == "LAB":
        image = Image.new("LAB", (20, 20))
    else:
        image = image.convert(mode)
    data = saved(image, form)
    if expected is None:
        assert reason(data) == "unsupported_mode"
        return
    decoded = decode(data, reduced=False)
    assert decoded.image.mode == expected
    if mode == "I;16":
        assert np.array_equal(np.asarray(decoded.image), np.asarray(scene(20, 20).convert("L")))


def test_gray_with_premultiplied_alpha_is_laid_over_white() -> None:
    straight = saved(Image.new("LA", (20, 20), (100, 255)), "TIFF")
    tag = struct.pack("<HHI", 338, 3, 1)  # ExtraSamples: 2 is straight alpha, and 1 is premultiplied
    premultiplied = straight.replace(tag + b"\2", tag + b"\1")
    assert premultiplied != straight
    assert np.array_equal(decode(premultiplied, reduced=False).pixels, np.full((20, 20), 100))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_images_of_16_bits_are_identical_only_if_all_bits_are(form: str) -> None:
    def digest(values: np.ndarray, form: str = form) -> bytes:
        return decode(saved(Image.fromarray(values), form), reduced=False).digest

    gray = np.asarray(scene(40, 30).convert("L"))
    deep = gray.astype(np.uint16) * 257
    assert digest(deep) == digest(gray, "PNG")  # the same values, which 8 bits hold as well
    other, last = deep ^ 1, deep.copy()
    last[-1, -1] ^= 1
    assert len({digest(deep), digest(other), digest(last)}) == 3
    assert digest(other) == digest(other, "PNG" if form == "TIFF" else "TIFF")
    dim = np.full((30, 40), 100, np.uint16)
    assert photograph(saved(Image.fromarray(dim), form), reduced=False, side=28).constant
    dim[5, 5] += 1
    assert not photograph(saved(Image.fromarray(dim), form), reduced=False, side=28).constant


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize(("start", "step"), [(0, 16), (29_000, 8), (65_535 - 255, 1)])
def test_gray_of_16_bits_uses_all_levels_whatever_part_of_the_range_it_fills(form: str, start: int, step: int) -> None:
    gray = np.asarray(scene(40, 30).convert("L")).astype(np.uint16)
    low, high = gray.min(), gray.max()
    seen = decode(saved(Image.fromarray(start + step * gray), form), reduced=False).pixels
    assert np.array_equal(seen, np.round(np.interp(gray, [low, high], [0, 255])))
    brighter = decode(saved(Image.fromarray(start // 2 + step // 2 * gray), form), reduced=False)
    assert step == 1 or np.array_equal(seen, brighter.pixels)


def test_gray_of_16_bits_that_fills_its_range_or_8_bits_is_rounded() -> None:
    full = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(decode(saved(Image.fromarray(full), "PNG"), reduced=False).pixels, rounded(full))
    held = np.full((30, 40), 100 * 257, np.uint16)
    held[3:9, 4:20] = 150 * 257
    assert np.array_equal(decode(saved(Image.fromarray(held), "PNG"), reduced=False).pixels, held // 257)
    flat = np.full((30, 40), 29_000, np.uint16)
    assert not decode(saved(Image.fromarray(flat), "PNG"), reduced=False).pixels.any()


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    assert decode(saved(clear, "PNG"), reduced=False).image.getpixel((4, 4)) == (255, 255, 255)
    palette = Image.new("P", (9, 9), 0)
    palette.putpalette([10, 20, 30] * 256)
    data = saved(palette, "PNG", transparency=0)
    assert decode(data, reduced=False).image.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("colour", ["white", "black", (250, 200, 40)])
def test_an_icon_is_visible_in_any_colour(colour: str | tuple[int, int, int]) -> None:
    shapes = []
    for right in (5, 7):
        icon = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
        icon.paste(Image.new("RGBA", (right - 2, 4), colour), (2, 2))
        shapes.append(photograph(saved(icon, "PNG"), reduced=False, side=28))
    assert shapes[0].digest != shapes[1].digest
    assert not any(shape.constant for shape in shapes)


def test_the_camera_s_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(saved(scene(40, 30), "JPEG", exif=exif), reduced=False)
    assert (decoded.width, decoded.height) == decoded.image.size == (30, 40)


@pytest.mark.parametrize("size", [(1600, 1200), (1024, 1020)], ids=["oblong", "square when reduced"])
def test_a_turned_jpeg_has_one_size_at_every_scale(size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = saved(scene(*size), "JPEG", exif=exif)
    small, full = decode(file, reduced=True), decode(file, reduced=False)
    assert max(small.image.size) < max(full.image.size), "it was reduced"
    assert (small.width, small.height) == (full.width, full.height) == size[::-1]


def test_the_same_photograph_has_one_digest_in_every_lossless_format() -> None:
    image = scene(33, 21)
    files = [saved(image, form) for form in ("PNG", "BMP", "TIFF", "PPM")]
    assert len({decode(data, reduced=False).digest for data in files}) == 1
    turned = decode(saved(image.rotate(90, expand=True), "PNG"), reduced=False)
    assert turned.digest != decode(files[0], reduced=False).digest


def test_the_first_frame_of_a_gif_stands_for_it_and_other_animations_are_refused() -> None:
    frames = [scene(20, 20, seed=seed) for seed in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    gif = decode(saved(frames[0], "GIF", **several), reduced=False)
    alone = decode(saved(frames[0], "GIF"), reduced=False)
    assert np.array_equal(np.asarray(gif.image), np.asarray(alone.image))
    assert reason(saved(frames[0], "PNG", **several)) == "animated"
    assert reason(saved(frames[0], "WEBP", **several)) == "several_images"
    assert reason(saved(frames[0], "TIFF", **several)) == "several_images"


def test_what_is_no_image_is_refused_and_another_format_than_the_name_says_is_noted() -> None:
    assert reason(b"<html>") == "not_image"
    assert reason(b"") == "empty"
    for form, ending in ENDINGS.items():
        data = saved(scene(20, 16), form)
        assert not is_mislabelled(data, f"a{ending}"), form
        assert is_mislabelled(data, "a.gif" if form != "GIF" else "a.png"), form
    assert set(IMAGE_ENDINGS.values()) == set(ENDINGS)


def test_heic_needs_an_extra_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(40, 30), "HEIF")
    assert decode(data, reduced=False).image.size == (40, 30)
    for cut in (60, len(data) // 2, len(data) - 9):
        assert reason(data[:cut]) == "undecodable"
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert reason(data) == "needs_heic"


def test_16_bit_netpbm_is_rounded_and_plain_text_is_read() -> None:
    gray = np.arange(256, dtype=np.uint16).reshape(16, 16)
    deep = b"P5 16 16 65535\n" + (gray * 257).astype(">u2").tobytes()
    assert np.array_equal(np.asarray(decode(deep, reduced=False).image), gray)
    plain = b"P2 16 16 255\n" + " ".join(map(str, gray.ravel())).encode()
    assert np.array_equal(np.asarray(decode(plain, reduced=False).image), gray)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    header = struct.pack(">IIBBBBB", 20_000, MAX_PIXELS // 20_000 + 1, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    assert reason(data) == "too_many_pixels"


CUT: list[tuple[str, dict[str, object]]] = [
    ("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"restart_marker_blocks": 2}),
    ("WEBP", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("GIF", {}), ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"}), ("PPM", {}), ("AVIF", {}),
    ("JPEG2000", {}), ("JPEG2000", {"no_jp2": True}), ("DICOM", {}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "options"), CUT, ids=str)
def test_a_cut_file_is_never_accepted_with_other_pixels(form: str, options: dict[str, object]) -> None:
    whole = saved(scene(64, 48), form, **options)
    pixels = np.asarray(decode(whole, reduced=False).image)
    for share in np.linspace(0.02, 0.999, 60):
        try:
            decoded = decode(whole[: int(share * len(whole))], reduced=False)
        except UnreadableError:
            continue
        assert np.array_equal(np.asarray(decoded.image), pixels), share


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}, {"restart_marker_blocks": 2}], ids=str)
@pytest.mark.parametrize("reduced", [False, True])
def test_a_cut_jpeg_that_somebody_closed_again_is_found(options: dict[str, object], reduced: bool) -> None:
    image = scene(517, 389) if reduced else scene(64, 48)
    whole = saved(image, "JPEG", **options)
    start = whole.rindex(b"\xff\xda") if options.get("progressive") else whole.index(b"\xff\xda")
    decode(whole, reduced=reduced)
    for share in (0.2, 0.5, 0.8):
        end = start + 14 + int(share * (len(whole) - start - 14))
        closed = whole[:end].rstrip(b"\xff") + b"\xff\xd9"
        with pytest.raises(UnreadableError) as refusal:
            decode(closed, reduced=reduced)
        assert refusal.value.reason == "cut_jpeg"


@pytest.mark.parametrize("reduced", [False, True])
def test_a_jpeg_that_libjpeg_gives_up_after_a_warning_is_refused(reduced: bool) -> None:
    data = bytearray(saved(scene(517, 389), "JPEG"))
    scan = data.index(b"\xff\xda")
    data[scan + 6], data[scan + 11] = 0x33, 1  # Huffman tables that are not there, after an odd parameter
    with pytest.raises(UnreadableError, match="undecodable"):
        decode(bytes(data), reduced=reduced)


def test_a_whole_jpeg_whose_end_is_gray_is_accepted() -> None:
    image = scene(64, 48)
    image.paste((128, 128, 128), (32, 0, 64, 48))
    for options in ({}, {"progressive": True}):
        assert decode(saved(image, "JPEG", **options), reduced=False).width == 64


def test_what_a_camera_wrote_behind_the_end_does_no_harm() -> None:
    data = saved(scene(20, 20), "JPEG")
    assert decode(data + b"trailer", reduced=False).digest == decode(data, reduced=False).digest


@pytest.mark.parametrize("form", ENDINGS)
def test_damaged_files_have_an_outcome(form: str) -> None:
    whole, rng = saved(scene(48, 40), form), np.random.default_rng(0)
    for _ in range(150):
        data = np.frombuffer(whole, np.uint8).copy()
        at = rng.integers(0, len(data), 4)
        data[at] = rng.integers(0, 256, 4)
        try:
            decoded = decode(data.tobytes(), reduced=False)
        except UnreadableError:
            continue
        assert decoded.image.mode in ("L", "RGB")
        as_jpeg(decoded.small())


def test_the_view_is_that_of_its_definition() -> None:
    for seed in range(20):
        g = np.asarray(scene(50, 40, seed=seed).convert("L").resize((16, 16), Image.Resampling.BILINEAR), np.int64)
        gx = g[:-2] + 2 * g[1:-1] + g[2:]
        gx = gx[:, 2:] - gx[:, :-2]
        gy = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
        gy = gy[2:] - gy[:-2]
        d = np.concatenate([gx.ravel(), gy.ravel()])
        big = 16 * d * d * d.size > (d * d).sum()
        expected = np.packbits(np.concatenate([big & (d > 0), big & (d < 0)]))
        found = photograph(saved(scene(50, 40, seed=seed), "PNG"), reduced=False, side=16)
        gray = np.frombuffer(found.gray, np.uint8).reshape(1, 16, 16)
        assert np.array_equal(photo.comparable_bits(gray)[0], expected)


def test_photographs_without_much_in_them_are_compared_exactly_only() -> None:
    flat, ramp = np.full((16, 16), 90, np.uint8), np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))
    busy = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    bits = photo.comparable_bits(np.stack([flat, ramp, busy]))
    assert bits.any(axis=1).tolist() == [False, False, True]


@pytest.mark.parametrize("size", [(500, 375), (517, 389), (1025, 1025), (256, 192)], ids=str)
def test_whole_jpegs_of_any_size_are_read_at_a_reduced_scale(size: tuple[int, int]) -> None:
    for options in ({}, {"progressive": True}):
        decoded = decode(saved(scene(*size), "JPEG", **options), reduced=True)
        assert (decoded.width, decoded.height) == size
        assert min(decoded.image.size) >= 128


def test_a_cut_cmyk_jpeg_that_somebody_closed_again_is_found() -> None:
    whole = saved(scene(256, 192).convert("CMYK"), "JPEG")
    decode(whole, reduced=False)
    assert reason(whole[: int(0.6 * len(whole))].rstrip(b"\xff") + b"\xff\xd9") == "cut_jpeg"


def test_the_shortest_files_of_each_format_are_refused() -> None:
    for start in (b"RIFF\x08\0\0\0WEBPVP8X", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF89a", b"II*\0"):
        assert reason(start) not in ("not_image", "empty")


@pytest.mark.parametrize(("form", "ending"), [("GIF", "gif"), ("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_what_is_published_of_an_image_is_its_pixels_alone(form: str, ending: str) -> None:
    secret = b"patient: Jane Doe"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    texts = PngInfo()
    texts.add_text("Comment", secret.decode() * 5000)
    options: dict[str, object] = {"exif": exif, "icc_profile": secret * 10, "xmp": secret, "pnginfo": texts}
    data = saved(scene(40, 30), form, comment=secret * (5000 if form == "GIF" else 1), **options)
    assert secret[:7] in data or form == "PNG"  # there, texts may be compressed
    image = decode(data, reduced=False)
    assert secret[:7] not in as_jpeg(image.small())
    assert image.image.info == {}


@pytest.mark.parametrize("form", ENDINGS)
def test_a_file_whose_end_is_zeros_is_refused_or_has_a_remark(form: str) -> None:
    for seed in range(3):
        whole = saved(scene(200, 150, seed), form)
        pixels = decode(whole, reduced=False)
        assert not pixels.remark
        for share in (0.2, 0.4, 0.6, 0.8, 0.9):
            start = int(len(whole) * share)
            try:
                found = decode(whole[:start] + bytes(len(whole) - start), reduced=False)
            except UnreadableError:
                continue
            assert found.remark.endswith(" zero bytes") or found.digest == pixels.digest


def test_a_little_black_at_the_end_of_a_file_is_usual() -> None:
    image = scene(200, 150)
    image.paste("black", (0, 145, 200, 150))
    for form in ("PPM", "TIFF"):
        assert not decode(saved(image, form), reduced=False).remark


def colours_16(values: np.ndarray, form: str) -> bytes:
    """Return colours of 16 bits, uint16 (height, width, 3), as a file: Pillow writes none."""
    height, width, _ = values.shape
    if form == "PNG":
        rows = np.zeros((height, 1 + 6 * width), np.uint8)
        rows[:, 1:] = values.astype(">u2").view(np.uint8).reshape(height, -1)
        rows[:, 7:] -= rows[:, 1:-6].copy()
        rows[:, 0] = 1  # each byte is the difference from the pixel before it
        header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
        parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows.tobytes())), chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    order, packing = {"TIFF": ("<", 1), "TIFF of Motorola": (">", 1), "packed TIFF": ("<", 8)}[form]
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packing == 8 else data
    numbers = {
        256: width, 257: height, 258: 8, 259: packing, 262: 2, 273: 14, 277: 3, 278: height, 279: len(data),
    }  # fmt: skip
    kinds = {258: (3, 3)}  # three numbers of 16 bits, at byte 8; the others are one of 32 bits
    fields = [struct.pack(f"{order}HHII", tag, *kinds.get(tag, (4, 1)), number) for tag, number in numbers.items()]
    head = struct.pack(f"{order}2sHI3H", b"II" if order == "<" else b"MM", 42, 14 + len(data), 16, 16, 16)
    return head + data + struct.pack(f"{order}H", len(fields)) + b"".join(fields) + bytes(4)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "TIFF of Motorola", "packed TIFF"])
def test_colours_of_16_bits_are_identical_only_if_all_bits_are(form: str) -> None:
    eight = np.asarray(scene(40, 30))
    deep = eight.astype(np.uint16) * 257
    assert decode(colours_16(deep, form), reduced=False).digest == decode(saved(scene(40, 30), "PNG"), False).digest
    last = deep.copy()
    last[-1, -1, 2] ^= 1
    read = [decode(colours_16(values, form), reduced=False) for values in (deep, deep ^ 1, last)]
    assert len({one.digest for one in read}) == 3
    assert all(np.array_equal(np.asarray(one.image), eight) for one in read)
    assert read[1].digest == decode(colours_16(deep ^ 1, "PNG" if form != "PNG" else "TIFF"), reduced=False).digest
