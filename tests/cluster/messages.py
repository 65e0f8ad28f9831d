"""HTTP/1.1 messages read from one connection and written to another, piece by piece."""

from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

PIECE = 1 << 16


@dataclass
class Head:
    """The first line of a message and its header lines, as they were sent."""

    first: str
    fields: list[str]

    @classmethod
    async def read(cls, reader: StreamReader) -> Self:
        """Read a head; raise `asyncio.IncompleteReadError` where the connection ends."""
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *fields = text.removesuffix("\r\n\r\n").split("\r\n")
        return cls(first, fields)

    @property
    def method(self) -> str:
        """The method, of a request."""
        return self.first.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """The status, of an answer."""
        return int(self.first.split(" ", 2)[1])

    def get(self, name: str) -> str | None:
        """Return the value of a header."""
        for field in self.fields:
            key, _, value = field.partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    def without(self, *names: str) -> "Head":
        """Return a head without some headers."""
        kept = [field for field in self.fields if field.partition(":")[0].lower() not in names]
        return Head(self.first, kept)

    def encoded(self) -> bytes:
        """Return the head as it is sent."""
        return "\r\n".join([self.first, *self.fields, "", ""]).encode("latin-1")


async def body(head: Head, reader: StreamReader) -> AsyncIterator[bytes]:
    """Yield the body that follows a head, with the sizes of its chunks if it is chunked."""
    if (head.get("transfer-encoding") or "").lower() == "chunked":
        async for piece in _chunks(reader):
            yield piece
    else:
        async for piece in _exactly(int(head.get("content-length") or 0), reader):
            yield piece


def has_body(request: Head, answer: Head) -> bool:
    """Tell whether a body follows the head of an answer."""
    return request.method != "HEAD" and answer.status not in (204, 304)


async def send(writer: StreamWriter, piece: bytes) -> None:
    """Write, and wait while the other side reads slower than we write."""
    writer.write(piece)
    await writer.drain()


async def _chunks(reader: StreamReader) -> AsyncIterator[bytes]:
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line
        async for piece in _exactly(size + len(b"\r\n"), reader):
            yield piece


async def _exactly(size: int, reader: StreamReader) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.readexactly(min(size, PIECE))
        size -= len(piece)
        yield piece
