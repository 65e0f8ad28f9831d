"""A strict gate before the PNG decoder.

Pillow accepts images with too few rows or wrong checksums, and returns pixels that were never in the image. So a member
must be a chain of intact chunks from signature to IEND without trailing bytes, whose data inflate to exactly one image;
otherwise it is refused with a reason.
"""

import struct
from collections.abc import Iterator

from isal import isal_zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS, STEP = 50_000, 1 << 20  # bytes to inflate at once
FILTERS = bytes(range(5))  # of a row
CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


class UnreadableError(Exception):
    """An unusable image: a `reason` of `tasks.records.REASONS`, and detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def filtered_rows(data: bytes, side: int) -> bytes:
    """Return the inflated pixels of an intact, plain, 8-bit gray PNG of `side` x `side`; raises `UnreadableError`.

    There are ``side`` rows, each with a filter byte and ``side`` filtered gray values.
    """
    if not data:
        raise UnreadableError("empty")
    if not data.startswith(SIGNATURE):
        raise UnreadableError("not_png", f"starts with {data[:8]!r}")
    _, compressed = walk_chunks(data, side)
    rows = b"".join(inflated(compressed, side * (side + 1)))
    if rows[:: side + 1].strip(FILTERS):
        raise UnreadableError("png_data", "unknown row filter")
    return rows


def inflated(compressed: bytes, expected: int) -> Iterator[bytes]:
    """Yield the pixels of a PNG piece by piece; raises `UnreadableError` unless they have the `expected` length."""
    inflater, length = isal_zlib.decompressobj(), 0  # in two thirds of zlib's time
    try:
        while not inflater.eof and length <= expected:
            part = inflater.decompress(compressed, STEP)
            compressed = inflater.unconsumed_tail
            if not part and not compressed:
                break
            length += len(part)
            yield part
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub says an instance
        raise UnreadableError("png_data", str(error)) from error
    if length != expected or not inflater.eof or inflater.unused_data:
        raise UnreadableError("png_idat_length", f"expected {expected} bytes")


def walk_chunks(data: bytes, side: int | None = None) -> tuple[bytes, bytes]:
    """Check every chunk; return the header's 13 bytes and the compressed image data; raises `UnreadableError`.

    With a `side`, only 8-bit gray glyphs of this side pass; without it a PNG may have any size and mode.
    """
    position, parts, header, before = len(SIGNATURE), list[bytes](), b"", b""
    for _ in range(MAX_CHUNKS):
        if before == b"IEND":
            break
        if position + 12 > len(data):
            raise UnreadableError("png_truncated", f"ends at byte {len(data)}")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise UnreadableError("png_truncated", f"chunk {kind!r} extends past the end")
        if isal_zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise UnreadableError("png_crc", f"chunk {kind!r}")
        body = data[position + 8 : end - 4]
        _check_chunk(kind, before, bool(parts), body, side)
        header = header or body  # IHDR is first
        if kind == b"IDAT":
            parts.append(body)
        position, before = end, kind
    if before != b"IEND":
        raise UnreadableError("png_chunk", f"more than {MAX_CHUNKS:,} chunks")
    if position != len(data):
        raise UnreadableError("png_trailing", f"{len(data) - position} bytes after the image")
    return header, b"".join(parts)


def _check_chunk(kind: bytes, before: bytes, has_data: bool, body: bytes, side: int | None) -> None:
    if (kind == b"IHDR") != (not before):
        raise UnreadableError("png_chunk", f"{kind!r} out of place")
    if kind == b"IHDR":
        _check_header(body, side)
    elif kind == b"acTL":
        raise UnreadableError("animated")
    elif kind == b"tRNS" and side is not None:
        raise UnreadableError("unsupported_mode", "transparency")
    elif kind == b"IDAT" and has_data and before != b"IDAT":
        raise UnreadableError("png_chunk", "IDAT chunks are not consecutive")
    elif not kind[0] & 0x20 and kind not in CRITICAL:  # a capital letter marks chunks that a decoder must understand
        raise UnreadableError("png_chunk", f"unknown critical chunk {kind!r}")


def _check_header(body: bytes, side: int | None) -> None:
    if len(body) != 13:
        raise UnreadableError("png_chunk", "IHDR of a wrong length")
    if side is None:
        return
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if (width, height) != (side, side):
        raise UnreadableError("wrong_size", f"{width}x{height}")
    if (depth, colour, compression, filtering, interlace) != (8, 0, 0, 0, 0):
        raise UnreadableError("unsupported_mode", f"colour type {colour}, depth {depth}, interlace {interlace}")
