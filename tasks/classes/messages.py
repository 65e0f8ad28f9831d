"""What passes between a guard and its process: plain fields and bytes, of which nothing is executed."""

import json
import struct
from typing import NamedTuple

import numpy as np

from tasks.classes.decoder import Photograph
from tasks.classes.png import UnreadableError
from tasks.storage.copies import COPY_SIDE

HEAD = struct.Struct(">?H")  # of a question
LENGTH = struct.Struct(">I")  # of the facts in an answer


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
        return _packed({"reason": read.reason, "detail": read.detail})
    facts = {"mode": read.mode, "size": [read.width, read.height], "constant": read.constant}
    facts |= {"coded": read.coded and read.coded.hex()}
    remark = {"digest": read.digest.hex(), "remark": read.remark or said}
    return _packed(facts | remark) + read.gray.tobytes() + read.copy.tobytes() + read.thumbnail


def answer_in(message: bytes, side: int) -> Photograph:
    """Return the answer in a message; raises `UnreadableError` if that is the answer."""
    start = LENGTH.size + LENGTH.unpack_from(message)[0]
    facts = json.loads(message[LENGTH.size : start])
    if "reason" in facts:
        raise UnreadableError(facts["reason"], facts["detail"])
    pixels = np.frombuffer(message, np.uint8, side**2 + COPY_SIDE**2, start)
    gray, copy = pixels[: side**2].reshape(side, side), pixels[side**2 :].reshape(COPY_SIDE, COPY_SIDE)
    thumbnail = message[start + len(pixels) :]
    (width, height), digest = facts["size"], bytes.fromhex(facts["digest"])
    coded = bytes.fromhex(facts["coded"]) if facts["coded"] else None
    about = facts["mode"], width, height, facts["constant"], digest, coded, thumbnail
    return Photograph(*about, gray, copy, facts["remark"])


def _packed(facts: dict[str, object]) -> bytes:
    text = json.dumps(facts).encode()
    return LENGTH.pack(len(text)) + text
