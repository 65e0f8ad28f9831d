"""DICOM is shown as in a viewer, identical by its stored values, and refused with a reason where it cannot be read."""

import io
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.pixels import pack_bits
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from tasks.classes.decoder import Decoded, decode, photograph
from tasks.classes.dicom import one_frame
from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError
from tasks.records.reasons import REASONS, REMEDIES
from tasks.sources.pages import MAX_PAGES, count_of, page_of
from tests.build import dicom, saved, scene

DEEP = np.asarray(scene(40, 30).convert("L")).astype(np.uint16) * 16 + 7  # of 12 bits


def real(name: str) -> bytes:
    """Return a file that pydicom brings."""
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


def read(data: bytes) -> Decoded:
    return decode(data, reduced=False)


def shown(data: bytes) -> np.ndarray:
    return np.asarray(read(data).image)


def refused(data: bytes) -> tuple[str, str]:
    with pytest.raises(UnreadableError) as refusal:
        read(data)
    assert refusal.value.reason in REASONS
    return refusal.value.reason, refusal.value.detail


def changed(data: bytes, **elements: object) -> bytes:
    header, buffer = dcmread(io.BytesIO(data)), io.BytesIO()
    for name, value in elements.items():
        setattr(header, name, value)
    header.save_as(buffer)
    return buffer.getvalue()


def test_one_scan_is_identical_in_every_transfer_syntax() -> None:
    names = ("MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "MR_small_jp2klossless")
    scans = [read(real(f"{name}.dcm")) for name in names]
    assert len({scan.digest for scan in scans}) == 1
    assert {(scan.width, scan.height, scan.image.mode) for scan in scans} == {(64, 64, "L")}
    assert {(scan.patient, scan.series) for scan in scans} == {("4MR1", scans[0].series)}


def test_stored_values_decide_identity_and_the_window_does_not() -> None:
    narrow, wide = dicom(DEEP, WindowCenter=1000, WindowWidth=200), dicom(DEEP, WindowCenter=2048, WindowWidth=4096)
    assert not np.array_equal(shown(narrow), shown(wide))
    assert read(narrow).digest == read(wide).digest == read(saved(Image.fromarray(DEEP), "PNG")).digest, "also as PNG"
    low = DEEP.copy()
    low[-1, -1] ^= 1
    other = dicom(low, WindowCenter=2048, WindowWidth=4096)
    assert np.array_equal(shown(other), shown(wide))
    assert read(other).digest != read(wide).digest


def test_8_bits_are_identical_to_a_png_of_them() -> None:
    for image in (scene(40, 30), scene(40, 30).convert("L")):
        png = read(saved(image, "PNG"))
        assert read(saved(image, "DICOM")).digest == png.digest
        assert np.array_equal(shown(saved(image, "DICOM")), np.asarray(png.image))


def test_gray_passes_through_the_window_of_the_file() -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    seen = shown(dicom(values, WindowCenter=[1000, 3000], WindowWidth=[201, 10])).ravel()
    assert (seen[:900] == 0).all()
    assert (seen[1100:] == 255).all()
    assert np.allclose(seen[900:1100], (np.arange(900, 1100) - 899.5) / 200 * 255, atol=0.51), "C.11.2.1.2 of DICOM"
    rescaled = dicom(values, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1000, WindowWidth=401)
    assert np.allclose(shown(rescaled).ravel(), seen, atol=1)
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTData = [4096, 0, 8], list(range(255, -1, -1)) + [0] * 3840
    lut["LUTData"].VR = "US"
    assert (shown(dicom(values, VOILUTSequence=[lut])).ravel()[:256] == np.arange(255, -1, -1)).all()


def test_without_a_window_values_reach_from_the_lowest_to_the_highest() -> None:
    seen, stored = shown(real("CT_small.dcm")), dcmread(io.BytesIO(real("CT_small.dcm"))).pixel_array.astype(float)
    assert stored.min() > 0
    assert np.allclose(seen, (stored - stored.min()) / np.ptp(stored) * 255, atol=0.51)
    signed = (DEEP.astype(np.int32) - 2000).astype(np.int16)
    assert np.array_equal(shown(dicom(signed)), shown(dicom(DEEP)))
    signed[:5] = -9000
    padded = shown(dicom(signed, PixelPaddingValue=-9000))
    assert np.array_equal(padded[5:], shown(dicom(signed[5:])))
    assert not padded[:5].any()
    assert (shown(dicom(signed[:5], PixelPaddingValue=-9000)) == shown(dicom(signed[:5]))).all()


def test_monochrome1_is_inverted() -> None:
    gray = np.asarray(scene(40, 30).convert("L"))
    inverted = dicom(gray, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(shown(inverted), 255 - gray)
    assert read(inverted).digest == read(dicom(255 - gray)).digest != read(dicom(gray)).digest
    deep = dicom(4095 - DEEP, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert np.array_equal(shown(deep), shown(dicom(DEEP)))
    assert read(deep).digest == read(dicom(DEEP)).digest


def test_colours_become_rgb() -> None:
    known = [(255, 0, 0), (255, 128, 128), (0, 255, 0), (128, 255, 128), (0, 0, 255), (128, 128, 255)]
    for name in ("SC_rgb_dcmtk_+eb+cr", "SC_rgb_rle", "SC_rgb_rle_16bit", "SC_ybr_full_422_uncompressed"):
        at = shown(real(f"{name}.dcm"))[5:60:10, 50]
        assert np.allclose(at, known, atol=0 if "rle" in name else 5), name
    table = np.array([[10, 20, 30], [200, 100, 50]])
    palettes = {
        f"{colour}PaletteColorLookupTableDescriptor": [2, 0, 16] for colour in ("Red", "Green", "Blue")
    } | {
        f"{colour}PaletteColorLookupTableData": (table[:, number] * 257).astype("<u2").tobytes()
        for number, colour in enumerate(("Red", "Green", "Blue"))
    }  # fmt: skip
    index = np.eye(20, dtype=np.uint8)
    assert np.array_equal(shown(dicom(index, PhotometricInterpretation="PALETTE COLOR", **palettes)), table[index])


def test_a_scan_with_one_stored_value_is_constant_and_one_beyond_its_window_is_not() -> None:
    assert photograph(dicom(np.full((30, 40), 900, np.uint16)), reduced=False, side=16).constant
    dark = photograph(dicom(DEEP, WindowCenter=60000, WindowWidth=10), reduced=False, side=16)
    assert not any(dark.gray)
    assert not dark.constant


@pytest.mark.parametrize("name", ["MR_small", "MR_small_RLE", "MR_small_jp2klossless", "SC_rgb_jpeg"])
def test_a_cut_file_is_never_accepted_with_other_pixels(name: str) -> None:
    whole = real(f"{name}.dcm")
    digest = read(whole).digest
    for share in np.linspace(0.02, 0.999, 40):
        try:
            found = read(whole[: int(share * len(whole))])
        except UnreadableError:
            continue
        assert found.digest == digest, share


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [
        ("MR_truncated", "undecodable", "less than expected"),
        ("MR_small_jpeg_ls_lossless", "dicom_compression", "JPEG-LS Lossless Image Compression"),
        ("SC_rgb_jpeg_gdcm", "dicom_compression", "JPEG Lossless"),
        ("rtdose_1frame", "unsupported_mode", "MONOCHROME2 of 32 bits"),
        ("rtplan", "not_image", "DICOM without integer pixels"),
        ("no_meta", "not_image", "starts with"),
        ("examples_ybr_color", "several_images", "30 frames"),
    ],
)
def test_what_is_not_read_has_a_reason(name: str, reason: str, said: str) -> None:
    found, detail = refused(real(f"{name}.dcm"))
    assert found == reason
    assert said in detail


def test_dicom_needs_an_extra_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert refused(dicom(DEEP)) == ("needs_dicom", "pip install 'cleansplit[dicom]'")
    assert "`pip install 'cleansplit[dicom]'`" in REMEDIES["needs_dicom"]


@pytest.mark.whole
def test_hostile_files_are_refused_within_limits() -> None:
    huge = {"Rows": 65535, "Columns": 65535}
    header, buffer = dcmread(io.BytesIO(dicom(DEEP))), io.BytesIO()
    header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    header.save_as(buffer)
    bomb = buffer.getvalue()[: buffer.getvalue().index(b"1.2.840.10008.1.2.1.99") + 22]
    deflater = zlib.compressobj(wbits=-15)
    body = b"".join(deflater.compress(bytes(1 << 24)) for _ in range(80)) + deflater.flush()
    nested = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 100_000
    start = dicom(DEEP)[: dicom(DEEP).index(b"\x08\0\x16\0UI")]
    files = {
        "huge": ("too_many_pixels", changed(dicom(DEEP), **huge)),
        "huge and compressed": ("undecodable", changed(real("MR_small_RLE.dcm"), Rows=8000, Columns=9999)),
        "frames": ("several_images", changed(dicom(DEEP), NumberOfFrames=10**9)),
        "bomb": ("too_costly", bomb + body),
        "nested": ("undecodable", start + nested),
        "no bits": ("undecodable", changed(dicom(DEEP), BitsAllocated=0)),
        "no rows": ("undecodable", changed(dicom(DEEP), Rows=0)),
        "a window of no width": ("undecodable", dicom(DEEP, WindowCenter=5, WindowWidth=0)),
    }
    with guarded() as guard:
        for name, (reason, data) in files.items():
            with pytest.raises(UnreadableError) as refusal:
                guard.read(data, 16, name=name)
            assert refusal.value.reason == reason, name
        assert guard.read(dicom(DEEP), 16).digest == read(dicom(DEEP)).digest, "the next file is read"


def cine(frames: list[np.ndarray], compress: dict[str, Any] | None = None, **elements: object) -> bytes:
    """Return gray or RGB frames as one file, compressed with the options of `compress`."""
    pixels = b"".join(frame.tobytes() for frame in frames)
    data = dicom(frames[0], NumberOfFrames=len(frames), PixelData=pixels + bytes(len(pixels) % 2), **elements)
    header, buffer = dcmread(io.BytesIO(data)), io.BytesIO()
    if compress:
        header.compress(RLELossless, generate_instance_uid=False, **compress)
    header.save_as(buffer)
    return buffer.getvalue()


def in_syntax(data: bytes, syntax: UID) -> bytes:
    """Return an uncompressed file in another syntax."""
    header, own, buffer = dcmread(io.BytesIO(data)), Dataset(), io.BytesIO()
    wide = syntax == ExplicitVRBigEndian and header.BitsAllocated == 16
    pixels = np.frombuffer(header.PixelData, np.uint16).byteswap().tobytes() if wide else header.PixelData
    own.update(header)
    own.add_new("PixelData", "OW" if header.BitsAllocated == 16 else "OB", pixels)
    own.file_meta = header.file_meta
    own.file_meta.TransferSyntaxUID = syntax
    own.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def bilevel(bits: np.ndarray) -> Image.Image:
    return Image.fromarray(bits * 255).convert("1")


def shades(*shape: int, kind: type = np.uint8) -> list[np.ndarray]:
    """Return three different frames."""
    return [(np.arange(np.prod(shape)).reshape(shape) * 7 + number * 40).astype(kind) for number in range(3)]


BITS = [np.random.default_rng(number).integers(0, 2, (5, 7), np.uint8) for number in range(3)]
OF_BITS = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
CINES = {
    "bits": dicom(BITS[0], NumberOfFrames=3, PixelData=pack_bits(np.array(BITS).ravel()), **OF_BITS),
    "odd": cine(shades(5, 7)),
    "signed": cine(shades(8, 6, kind=np.int16), RescaleSlope=2, RescaleIntercept=-100),
    "colour": cine(shades(5, 7, 3)),
    "compressed": cine(shades(5, 7), compress={"encapsulate_ext": False}),
    "offsets": cine(shades(5, 7), compress={"encapsulate_ext": True}),
}


@pytest.mark.parametrize("name", CINES)
def test_a_frame_is_decoded_and_written_as_if_it_were_alone(name: str) -> None:
    data = CINES[name]
    pages = [page_of(data, f"x#{number}.dcm") for number in (1, 2, 3)]
    assert (count_of(data), page_of(data, "x#4.dcm"), page_of(data, "x.dcm")) == (3, data, data)
    alone = [one_frame(page) for page in pages]
    assert [count_of(file) for file in alone] == [0, 0, 0]
    assert len({read(page).digest for page in pages}) == 3
    whole = dcmread(io.BytesIO(data)).pixel_array
    for number, (page, file) in enumerate(zip(pages, alone, strict=True)):
        assert np.array_equal(shown(page), shown(file))
        assert read(page).digest == read(file).digest
        assert np.array_equal(dcmread(io.BytesIO(file)).pixel_array, whole[number])


def test_a_frame_that_is_written_keeps_only_its_own_facts() -> None:
    items = [Dataset() for _ in range(3)]
    for number, item in enumerate(items):
        item.PatientComments = f"frame {number}"
    data = cine(shades(5, 7), PerFrameFunctionalGroupsSequence=items, PatientID="P7")
    header = dcmread(io.BytesIO(one_frame(page_of(data, "x#2.dcm"))))
    assert [item.PatientComments for item in header.PerFrameFunctionalGroupsSequence] == ["frame 1"]
    assert (header.PatientID, header.NumberOfFrames, header.preamble) == ("P7", 1, bytes(128))


def test_frames_of_jpeg_are_read_one_at_a_time() -> None:
    data = real("examples_ybr_color.dcm")
    frames = [page_of(data, f"x#{number}.dcm") for number in (1, 2, 30)]
    assert (count_of(data), len({read(frame).digest for frame in frames})) == (30, 3)
    assert [read(one_frame(frame)).digest for frame in frames] == [read(frame).digest for frame in frames]


@pytest.mark.parametrize("count", ["1000000000", str(MAX_PAGES + 1), "-3", "1A", "", "1", "0"])
def test_a_number_of_frames_that_is_not_believed_leaves_one_file(count: str) -> None:
    data = CINES["odd"].replace(b"IS\x02\x003 ", b"IS" + bytes([len(count), 0]) + count.encode())
    assert data != CINES["odd"]
    assert (count_of(data), page_of(data, "x#1.dcm")) == (0, data)
    hidden = dicom(np.frombuffer(b"(\0\x08\0IS\x02\x009 ", np.uint8).reshape(2, 5))
    assert count_of(hidden) == 0, "in the pixels"


def test_frames_that_are_not_there_are_refused_one_by_one() -> None:
    data = changed(CINES["odd"], NumberOfFrames=MAX_PAGES)
    assert count_of(data) == MAX_PAGES
    assert {refused(page_of(data, f"x#{number}.dcm"))[0] for number in (1, 4, MAX_PAGES)} == {"undecodable"}
    bits = changed(CINES["bits"], NumberOfFrames=9)
    assert {refused(page_of(bits, f"x#{number}.dcm"))[0] for number in (4, 9)} == {"undecodable"}


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_deflated_and_big_endian_files_are_read_without_frames(syntax: UID) -> None:
    assert read(in_syntax(dicom(DEEP), syntax)).digest == read(dicom(DEEP)).digest
    bits = dicom(BITS[1], PixelData=pack_bits(BITS[1].ravel()), **OF_BITS)
    assert read(in_syntax(bits, syntax)).digest == read(bits).digest == read(saved(bilevel(BITS[1]), "PNG")).digest
    several = in_syntax(CINES["signed"], syntax)
    assert count_of(several) == 0
    assert refused(several) == ("several_images", f"3 frames in {syntax.name}")


def test_a_file_whose_preamble_is_like_ours_stays_an_image() -> None:
    data = b"frame 1".ljust(128, b"\0") + dicom(DEEP)[128:]
    assert read(data).digest == read(one_frame(data)).digest == read(dicom(DEEP)).digest
