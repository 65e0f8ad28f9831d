"""Image formats: their file endings and signatures."""

import re

IMAGE_ENDINGS = {  # ending -> Pillow's name of the format, or DICOM
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".webp": "WEBP", ".bmp": "BMP",
    ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM",
    ".avif": "AVIF", ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".jpx": "JPEG2000", ".j2c": "JPEG2000",
    ".heic": "HEIF", ".heif": "HEIF", ".dcm": "DICOM", ".dicom": "DICOM",
}  # fmt: skip
SEVERAL = (".7z", ".gz", ".h5", ".npy", ".npz", ".parquet", ".rar", ".tar", ".tgz", ".xz", ".zip")
HOLD_IMAGES = dict.fromkeys(SEVERAL, "") | IMAGE_ENDINGS  # endings of images, and of files that may have several
ENDING_OF = {form: ending for ending, form in reversed(IMAGE_ENDINGS.items())}  # the first ending of each format
STARTS: dict[str, bytes | tuple[bytes, ...]] = {
    "PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff", "BMP": b"BM", "GIF": b"GIF8",
    "TIFF": (b"II*\0", b"MM\0*"), "JPEG2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
}  # fmt: skip
DICM = b"DICM"  # at byte 128 of DICOM, after bytes that may start another format, such as TIFF
HEIC = re.compile(rb"hei[cmsx]|hev[cmsx]|mif1")  # brands that AVIF files do not have


def is_image_name(path: str) -> bool:
    """Return whether a path has the extension of an image, in any case."""
    return path.lower().endswith((*IMAGE_ENDINGS,))


def format_of(data: bytes) -> str | None:
    """Return the format that a file starts like.

    >>> format_of(b"GIF89a"), format_of(b"<html>")
    ('GIF', None)
    """
    if data.startswith(DICM, 128):
        return "DICOM"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = data[8:64]
        return "AVIF" if b"avif" in brands or b"avis" in brands else "HEIF" if HEIC.search(brands) else None
    if re.match(rb"P[1-6]\s", data):
        return "PPM"
    return next((name for name, start in STARTS.items() if data.startswith(start)), None)
