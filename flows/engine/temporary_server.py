"""The program of Prefect's temporary server: ``python -P temporary_server.py HOST PORT PARENT``.

It is run as a file by `flows.engine.temporary`, so that nothing of ours is imported.
"""

import os
import signal
import sys
import threading
import time
from functools import partial

SECONDS_BETWEEN_LOOKS, SECONDS_TO_END = 0.5, 5


def main() -> None:
    """Serve until told to end, or until the process that asked for it is gone."""
    host, port, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    application = partial(create_app, ephemeral=True)  # without the services of a server that stays
    uvicorn.run(
        application, factory=True, host=host, port=port, log_level="error", timeout_graceful_shutdown=SECONDS_TO_END
    )


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: by itself, it would outlive a run that is killed."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
