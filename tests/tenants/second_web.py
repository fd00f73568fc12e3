"""Web processes of the tests: the application with the lines of ``tests.tenants.steered``, each on a port that it says."""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

from core.host.manager import host
from tests.tenants.steered import LINES


class Announced(uvicorn.Server):
    """A server that says on its output where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        # in one piece with its end of line, since both write to the same place
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


def main() -> None:
    """Serve in two processes until both are ended. They part once all is imported, before either has asked the database."""
    for name, plugin in LINES.items():
        host().register(plugin, name)
    from core.web.app import make_app

    app = make_app()
    os.fork()
    Announced(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")).run()


if __name__ == "__main__":
    main()
