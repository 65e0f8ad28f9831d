"""A proxy before a store, which passes requests unchanged until a test adds a fault."""

import asyncio
import sys
import threading
from asyncio import StreamReader, StreamWriter
from collections import Counter
from contextlib import suppress
from typing import Self, TypeVar

from tests.cluster.faults import Cut, Delay, Fault, LostAnswer, NoConditions, NotFound, SlowDown, Spoilt
from tests.cluster.messages import Head, body, has_body, send

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
NOT_FOUND = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist.</Message></Error>"
REFUSAL = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b"
BROKEN = (ConnectionError, asyncio.IncompleteReadError)

Kind = TypeVar("Kind", bound=Fault)


class Proxy:
    """Listens at a free port while its block runs; every connection has one of its own to the target."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, fault: Kind) -> Kind:
        """Let something go wrong from now on, and return it: it counts how often it happened."""
        self.faults.append(fault)
        return fault

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(*BROKEN, asyncio.CancelledError):
            store = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                while True:
                    await self._exchange(reader, writer, *store)
            finally:
                store[1].transport.abort()
        writer.transport.abort()

    async def _exchange(
        self, reader: StreamReader, writer: StreamWriter, from_store: StreamReader, to_store: StreamWriter
    ) -> None:
        request = await Head.read(reader)
        self.requests[request.method] += 1
        if delay := self._struck(Delay, request):
            await asyncio.sleep(delay.seconds)
        if self._struck(SlowDown, request):
            await _refuse(request, reader, writer, b"503 Slow Down", SLOW_DOWN)
        elif self._struck(NotFound, request):
            await _refuse(request, reader, writer, b"404 Not Found", NOT_FOUND)
        else:
            await self._ask(request, reader, to_store)
            await self._answer(request, from_store, writer)

    async def _ask(self, request: Head, reader: StreamReader, to_store: StreamWriter) -> None:
        cut = self._struck(Cut, request)
        conditions = ("if-match", "if-none-match", "authorization") if self._struck(NoConditions, request) else ()
        await send(to_store, request.without(*conditions).encoded())
        left = cut.after if cut else sys.maxsize
        async for piece in body(request, reader):
            await send(to_store, piece[:left])
            left -= len(piece)
            if left < 0:
                raise ConnectionAbortedError

    async def _answer(self, request: Head, from_store: StreamReader, writer: StreamWriter) -> None:
        answer = await Head.read(from_store)
        if self._struck(LostAnswer, request):
            raise ConnectionAbortedError
        await send(writer, answer.encoded())
        if has_body(request, answer):
            spoilt = bool(self._struck(Spoilt, request))
            async for piece in body(answer, from_store):
                await send(writer, bytes([piece[0] ^ spoilt]) + piece[1:])

    def _struck(self, kind: type[Kind], request: Head) -> Kind | None:
        striking = (fault for fault in self.faults if isinstance(fault, kind) and fault.strikes(request.first))
        return next(striking, None)


async def _refuse(request: Head, reader: StreamReader, writer: StreamWriter, status: bytes, why: bytes) -> None:
    async for _ in body(request, reader):
        pass
    await send(writer, REFUSAL % (status, len(why), why))
