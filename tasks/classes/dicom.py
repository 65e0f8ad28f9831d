"""Decode DICOM files to the image that viewers show, and keep the stored values, which decide identity.

Gray values pass through the first window of the file. Without a window, 8 bits stay as they are, and other values reach
from the lowest to the highest one that is not padding. MONOCHROME1 is inverted; RGB, YBR and PALETTE COLOR become RGB.
"""

import io
from typing import Any

import numpy as np
from PIL import Image

from tasks.arrays import Deep, Gray
from tasks.classes.deep import rounded
from tasks.classes.formats import MAX_PIXELS
from tasks.classes.png import UnreadableError
from tasks.sources.pages import FRAME
from tasks.vocabulary import DICOM_GROUPS

GRAY = {"MONOCHROME1": [255, 0], "MONOCHROME2": [0, 255]}  # shades of the lowest and the highest value
OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")  # of compressed frames
COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"}


def load_dicom(data: bytes) -> tuple[Image.Image, Deep, str | None, str | None]:
    """Return the image of a DICOM file, its stored values, and the ids of its patient and series.

    The image has the mode L or RGB; the values are uint16 (height, width[, 3]). Raises `UnreadableError`, and any
    error of pydicom.
    """
    try:
        from pydicom import dcmread
        from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
    except ImportError as error:
        raise UnreadableError("needs_dicom", "pip install 'cleansplit[dicom]'") from error
    header = dcmread(io.BytesIO(data))
    if "PixelData" not in header:
        raise UnreadableError("not_image", "DICOM without integer pixels")
    if header.Rows * header.Columns > MAX_PIXELS:
        raise UnreadableError("too_many_pixels", f"{header.Columns}x{header.Rows}")
    frame, syntax, colours = _frame_in(data), header.file_meta.TransferSyntaxUID, header.PhotometricInterpretation
    if int(header.get("NumberOfFrames") or 1) > 1 and frame is None:
        raise UnreadableError("several_images", f"{header.NumberOfFrames} frames in {syntax.name}")
    if frame is not None and header.BitsAllocated == 1:  # pydicom may read a byte too few
        return load_dicom(one_frame(data))
    if not get_decoder(syntax).is_available:
        raise UnreadableError("dicom_compression", syntax.name)
    pixels = pixel_array(header, index=frame)
    if colours == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, header)[..., :3]
    if pixels.itemsize > 2 or colours not in COLOUR | GRAY.keys():
        raise UnreadableError("unsupported_mode", f"{colours} of {header.BitsAllocated} bits")
    deep = pixels.astype(np.uint16)
    if colours == "MONOCHROME1":
        deep = np.uint16(2**header.BitsStored - 1) - deep
    deep = deep if pixels.itemsize == 2 else deep * np.uint16(257 if header.BitsAllocated == 8 else 65535)
    patient, series = (str(header.get(name.partition(":")[2]) or "").strip() or None for name in DICOM_GROUPS)
    return Image.fromarray(_shown(pixels, header) if colours in GRAY else rounded(deep)), deep, patient, series


def one_frame(data: bytes) -> bytes:
    """Return a DICOM file with only the frame that it names, as `tasks.sources.pages` does; other files as they are."""
    if (frame := _frame_in(data)) is None:
        return data
    from pydicom import dcmread
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.pixels import pack_bits

    header, out = dcmread(io.BytesIO(bytes(128) + data[128:])), io.BytesIO()
    count, pixels = int(header.get("NumberOfFrames") or 1), header.PixelData
    if header.file_meta.TransferSyntaxUID.is_compressed:
        known: Any = tuple(header.pop(name).value for name in OFFSETS if name in header) or None
        alone = encapsulate([get_frame(pixels, frame, extended_offsets=known, number_of_frames=count)])
    elif header.BitsAllocated == 1:  # a frame may begin inside a byte
        size = header.Rows * header.Columns
        start, end = frame * size, (frame + 1) * size
        bits = np.unpackbits(np.frombuffer(pixels[start // 8 : -(-end // 8)], np.uint8), bitorder="little")
        alone = pack_bits(bits[start % 8 :][:size])
    else:
        size = len(pixels) // count
        alone = pixels[frame * size : (frame + 1) * size] + bytes(size % 2)
    header.add_new("PixelData", header["PixelData"].VR, alone)
    header.add_new("NumberOfFrames", "IS", 1)
    if groups := header.get("PerFrameFunctionalGroupsSequence"):
        header.add_new("PerFrameFunctionalGroupsSequence", "SQ", groups[frame : frame + 1])
    header.save_as(out)
    return out.getvalue()


def _frame_in(data: bytes) -> int | None:
    found = FRAME.match(data)
    return int(found[1]) - 1 if found else None


def _shown(pixels: Any, header: Any) -> Gray:
    """Return gray values as viewers show them, by a table of all values, which takes less memory than the image."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    levels = np.arange(256**pixels.itemsize).astype(f"u{pixels.itemsize}")
    inside = pixels[pixels != header.get("PixelPaddingValue")]
    lit = inside if inside.size else pixels
    used = [0, 2**header.BitsStored - 1] if pixels.dtype == np.uint8 else [lit.min(), lit.max()]
    ends = sorted(apply_modality_lut(np.array(used, pixels.dtype), header).tolist())
    values = apply_modality_lut(levels.view(pixels.dtype), header)
    for name in ("RescaleSlope", "ModalityLUTSequence"):  # which were applied
        header.pop(name, None)
    for name, value in (("BitsStored", 16), ("PixelRepresentation", 0)):  # of the values after a window
        header.add_new(name, "US", value)
    seen = apply_voi_lut(values, header)
    if found := header.get("VOILUTSequence"):
        ends = [0, 2 ** found[0].LUTDescriptor[2] - 1]
    elif seen is not values:
        ends = [0, 65535]
    table = np.interp(seen, ends, GRAY[header.PhotometricInterpretation]).round()
    return table.astype(np.uint8)[pixels.view(levels.dtype)]
