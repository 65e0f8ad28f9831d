"""Serve at a socket with a given number; this runs as a file, so that no module of ours is imported."""

import gc
import os
import signal
import socket
import sys
import threading
import time

SECONDS_TO_END = 5


def main() -> None:
    """Serve until the parent process ends this one, or has ended."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # as in `flows.engine.importing`
    import uvicorn
    from prefect.server.api.server import create_app

    application = create_app(ephemeral=True)  # without the services of a lasting server
    gc.freeze()
    gc.enable()
    config = uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=SECONDS_TO_END)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the parent, which writes nothing, has ended or was killed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
