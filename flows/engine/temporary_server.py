"""The program of Prefect's temporary server: ``python -P temporary_server.py HOST PORT PARENT``.

It is run as a file by `flows.engine.temporary`, so that nothing of ours is imported.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

SECONDS_BETWEEN_LOOKS, SECONDS_TO_END = 0.5, 5


def main() -> None:
    """Serve until told to end, or until the process that asked for it is gone."""
    host, port, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.disable()  # as in `flows.engine.importing`
    import uvicorn

    create_app = _application()
    gc.freeze()
    gc.enable()

    class Server(uvicorn.Server):
        """A server whose only client waits for its end: uvicorn takes 0.2 s more to look for others.

        Nor does it look ten times a second whether it is to end, or what time it is for the headers of its answers.
        """

        async def main_loop(self) -> None:
            told = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, told.set)
            if not self.should_exit:  # by a signal while it started
                await told.wait()

        async def shutdown(self, sockets: object = None) -> None:  # noqa: ARG002  # as uvicorn calls it
            for listening in self.servers:
                listening.close()
            await self.lifespan.shutdown()

    config = uvicorn.Config(
        create_app, factory=True, host=host, port=port, log_level="error",
        date_header=False, ws_per_message_deflate=False,  # nothing goes over a network
    )  # fmt: skip
    Server(config).run()
    os._exit(0)  # taking apart all modules takes a while


def _application() -> Callable[[], object]:
    """Return what makes Prefect's application, without what costs time and only a server that stays needs."""
    import fastapi
    from prefect.logging import configuration
    from prefect.server.api import server
    from prefect.settings import Settings

    class Application(fastapi.FastAPI):
        """One that takes routes as they are: FastAPI builds each anew, here to look at the version of a client."""

        def include_router(self, router: fastapi.APIRouter, **_: object) -> None:
            self.router.routes.extend(router.routes)

    server.FastAPI = Application  # type: ignore[attr-defined]
    # It would look several times a second for what is asked of a server that stays, such as to remove old logs.
    server.background_worker = lambda *_, **__: contextlib.nullcontext()  # type: ignore[attr-defined,assignment]
    # Both would write all settings down, a thirtieth of the start each time: to log as before, and to look for another
    # application with the same settings.
    configuration.setup_logging = lambda *_: configuration.PROCESS_LOGGING_CONFIG
    Settings.hash_key = lambda self: ""  # type: ignore[method-assign]  # noqa: ARG005
    return server.create_app


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: by itself, it would outlive a run that is killed."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
