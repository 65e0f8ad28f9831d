"""JPEGs that are not what simplejpeg takes for granted: of one plain frame, read by libjpeg as by our own parser."""

import base64
import re
import struct

import numpy as np
from PIL import Image

from tests.build import Gray, saved

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
# `checker(256)` as cjpeg -arithmetic writes it
ARITHMETIC = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV00RO70|EjA0|NsD0|NvF2n7WM1O*BQ2L=cX3JeSj3JVJj4iXRz4iOFu3lJ6%5fc;@6%`B*7Z?^47!ni}6#"
    "vNp3kU%K0RRC35di<p00saM5C#9*00;pA002J#{{ZHvhU$un#Xvy#o=r!6C*V6cV_QJD%uw=wB7riZbX@LvZ8^y0zgrfHAKC4YqGRik#O4<j++Sj"
    "u?B)-ez-*wNWpL9?12Gx6yvVc|(kR~8;#mIxIPQrTnD==pc>YN@83Q>$`3D(Dxe4h`SquqMnGLBJSuKfJ89do`xkNdIc}D-)"
)


def checker(side: int) -> Gray:
    """Return four squares of 40 and 200, uint8 (side, side)."""
    y, x = np.mgrid[:side, :side] * 2 // side
    return np.where((x + y) % 2, 200, 40).astype(np.uint8)


def segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def lossless(gray: Gray) -> bytes:
    """Return a gray lossless JPEG, each pixel predicted by its left neighbour, the first of a row by the upper one."""
    before = np.roll(gray.astype(int), 1, axis=1)
    before[1:, 0], before[0, 0] = gray[:-1, 0], 128
    differences = (gray - before).ravel().tolist()
    coded = {value: _coded(value) for value in set(differences)}
    bits = "".join(map(coded.__getitem__, differences))
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    frame = segment(0xC3, struct.pack(">BHHB3B", 8, *gray.shape, 1, 1, 0x11, 0))
    table = segment(0xC4, bytes([0, 0, 0, 0, 0, 17, *bytes(11), *range(17)]))  # all lengths have codes of five bits
    return SOI + frame + table + segment(0xDA, bytes([1, 1, 0, 1, 0, 0])) + data + EOI


def _coded(value: int) -> str:
    """Return the bits of a difference: how many it has, and these."""
    length = abs(value).bit_length()
    return f"{length:05b}" + (f"{value if value > 0 else value + (1 << length) - 1:0{length}b}" if length else "")


def hostile(side: int = 256) -> dict[str, tuple[bytes, str]]:
    """Return files by name, each with the reason that it is refused for; nothing where it shows `checker`."""
    gray = checker(side)
    plain, odd = saved(Image.fromarray(gray), "JPEG", quality=95), lossless(gray)
    hidden = lossless(checker(256))[2:-2]  # a segment has 64 KiB
    frame, scan = re.search(rb"\xff\xc0\0\x0b\x08", plain), re.search(rb"\xff\xda", plain)
    assert frame
    assert scan
    at, end, tables = frame.start(), len(plain) - 2, plain[2 : frame.start()]

    def with_frame(kind: int, bits: int = 8, height: int = side) -> bytes:
        return plain[:at] + struct.pack(">BBHBHH", 0xFF, kind, 11, bits, height, side) + plain[at + 9 :]

    files = {
        "lossless": (odd, ""),
        "lossless, in front of a plain one": (odd[:-2] + tables + plain[at:], "undecodable"),
        "lossless, behind a plain one": (plain[:end] + odd[2:], "undecodable"),
        "lossless, after the end": (plain + odd, ""),
        "lossless, that a segment of no kind hides": (SOI + segment(0, hidden) + plain[2:], "undecodable"),
        "lossless, that a comment hides": (SOI + segment(0xFE, hidden) + plain[2:], ""),
        "12 bits": (with_frame(0xC1, bits=12), "undecodable"),
        "12 bits, baseline": (with_frame(0xC0, bits=12), "undecodable"),
        "CMYK": (saved(Image.fromarray(gray).convert("CMYK"), "JPEG", quality=95), ""),
        "two frames": (plain[:end] + plain[at:], "undecodable"),
        "two frames before the scan": (plain[: scan.start()] + plain[at:], "undecodable"),
        "two starts": (SOI + plain, "cut_jpeg"),
        "filled, with restarts": (SOI + b"\xff\xff\xff\xd3" * 3 + plain[2:], ""),
        "hierarchical": (SOI + segment(0xDE, plain[at + 4 : at + 13]) + plain[2:], "undecodable"),
        "expanded": (SOI + segment(0xDF, b"\x11") + plain[2:], "undecodable"),
        "no height": (with_frame(0xC0, height=0)[:end] + segment(0xDC, struct.pack(">H", side)) + EOI, "undecodable"),
        "arithmetic conditions": (SOI + segment(0xCC, b"\0\x10") + plain[2:], ""),
        "a number of lines": (plain[:end] + segment(0xDC, struct.pack(">H", side)) + EOI, ""),
        "a reserved marker": (SOI + segment(0x02, b"") + plain[2:], "undecodable"),
    }
    return files | ({"arithmetic": (ARITHMETIC, "")} if side == 256 else {})
