"""The program of Prefect's temporary server: ``python -P temporary_server.py HOST PORT PARENT``.

It is run as a file by `flows.engine.temporary`, so that nothing of ours is imported.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
import time

SECONDS_BETWEEN_LOOKS, SECONDS_TO_END, SECONDS_PER_TURN = 0.5, 5, 0.02


def main() -> None:
    """Serve until told to end, or until the process that asked for it is gone."""
    host, port, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.disable()  # as in `flows.engine.importing`
    import uvicorn
    from prefect.server.api.server import create_app

    gc.freeze()
    gc.enable()

    class Server(uvicorn.Server):
        """A server whose only client waits for its end: uvicorn takes 0.2 s more to look for others."""

        async def main_loop(self) -> None:
            while not await self.on_tick(0):
                await asyncio.sleep(SECONDS_PER_TURN)

        async def shutdown(self, sockets: object = None) -> None:  # noqa: ARG002  # as uvicorn calls it
            for server in self.servers:
                server.close()
            await self.lifespan.shutdown()

    Server(uvicorn.Config(create_app, factory=True, host=host, port=port, log_level="error")).run()


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: by itself, it would outlive a run that is killed."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
