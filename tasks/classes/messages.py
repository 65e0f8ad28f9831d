"""What passes between a guard and its process: plain fields and bytes, of which nothing is executed."""

import json
import struct
from typing import Any, NamedTuple

import numpy as np

from tasks.classes.decoder import Photograph
from tasks.classes.png import UnreadableError
from tasks.storage.copies import COPY_SIDE

HEAD = struct.Struct(">?H")  # of a question


class Asked(NamedTuple):
    """A file, and how it is to be decoded."""

    reduced: bool
    side: int
    data: bytes


def question(asked: Asked) -> bytes:
    """Return a question as bytes."""
    return HEAD.pack(asked.reduced, asked.side) + asked.data


def asked_in(message: bytes) -> Asked:
    """Return the question in a message."""
    reduced, side = HEAD.unpack_from(message)
    return Asked(reduced, side, message[HEAD.size :])


def answer(read: Photograph | UnreadableError, said: str) -> bytes:
    """Return an answer as bytes; `said` is what libraries printed meanwhile."""
    if isinstance(read, UnreadableError):
        return json.dumps([read.reason, read.detail]).encode()
    *facts, gray, copy, remark = read
    told = [*facts, gray.tobytes(), copy.tobytes(), remark or said]
    return json.dumps([part.hex() if isinstance(part, bytes) else part for part in told]).encode()


def answer_in(message: bytes, side: int) -> Photograph:
    """Return the answer in a message; raises `UnreadableError` if that is the answer."""
    told: list[Any] = json.loads(message)
    if len(told) == len(("reason", "detail")):
        raise UnreadableError(*told)
    *about, digest, coded, thumbnail, gray, copy, remark = told
    small, larger = (np.frombuffer(bytes.fromhex(pixels), np.uint8) for pixels in (gray, copy))
    made = bytes.fromhex(digest), coded and bytes.fromhex(coded), bytes.fromhex(thumbnail)
    return Photograph._make([*about, *made, small.reshape(side, side), larger.reshape(COPY_SIDE, COPY_SIDE), remark])
