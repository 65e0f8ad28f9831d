"""What the process of a guard answers: plain fields and bytes, of which nothing is executed."""

import json
from math import isqrt
from typing import Any

import numpy as np

from tasks.classes.decoder import Photograph
from tasks.classes.png import UnreadableError


def answer(read: Photograph | UnreadableError, said: str) -> bytes:
    """Return an answer as bytes; `said` is what libraries printed meanwhile."""
    if isinstance(read, UnreadableError):
        return json.dumps([read.reason, read.detail]).encode()
    *facts, gray, copy, remark = read
    told = [*facts, gray.tobytes(), copy.tobytes(), remark or said]
    return json.dumps([part.hex() if isinstance(part, bytes) else part for part in told]).encode()


def answer_in(message: bytes) -> Photograph:
    """Return the answer in a message; raises `UnreadableError` if that is the answer."""
    told: list[Any] = json.loads(message)
    if len(told) == len(("reason", "detail")):
        raise UnreadableError(*told)
    *about, digest, coded, thumbnail, gray, copy, remark = told
    small, larger = (np.frombuffer(bytes.fromhex(pixels), np.uint8) for pixels in (gray, copy))
    squares = (pixels.reshape(isqrt(len(pixels)), -1) for pixels in (small, larger))
    made = bytes.fromhex(digest), coded and bytes.fromhex(coded), bytes.fromhex(thumbnail)
    return Photograph._make([*about, *made, *squares, remark])
