"""The embedded engines behind one door: start them on a home folder, hand their addresses to the children, stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from deploy.embedded.postgres import EmbeddedPostgres
from deploy.embedded.supervisor import Supervisor
from deploy.embedded.valkey import EmbeddedValkey


@dataclass(frozen=True)
class Running:
    """``env`` is what web and worker are given (settings ``BANGFU_*``; the application role's URL only). The owner's
    URL stands apart: it goes to processes that migrate, bulk-load or back up, and to no other."""

    env: Mapping[str, str] = field(repr=False)
    owner_url: str = field(repr=False)


class EmbeddedStack:
    """Database and message queue of one home, with the `Supervisor` that web and worker are started through.

    ``with EmbeddedStack(home) as running:`` also turns SIGINT and SIGTERM into `Interrupted`, so that all children
    are stopped in order; `start` and `stop` alone (tests) leave signals as they are.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.supervisor = Supervisor(self.home)
        self._postgres = EmbeddedPostgres(self.home, durable=durable)
        self._valkey = EmbeddedValkey(self.home)

    def start(self) -> Running:
        """Take the home and start the engines; raises `BangfuError` kinds of `checks`, leaving nothing running."""
        self.supervisor.open()
        return self._engines()

    def stop(self) -> None:
        """Stop all children, last-started first, and give the home back. Idempotent."""
        self.supervisor.stop()

    def __enter__(self) -> Running:
        self.supervisor.__enter__()
        try:
            return self._engines()
        except BaseException as error:
            self.supervisor.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.supervisor.__exit__(kind, error, trace)

    def _engines(self) -> Running:
        try:
            database = self._postgres.start()
            if self._postgres.child:
                self.supervisor.adopt(self._postgres.child)
            queue = self._valkey.start()
            if self._valkey.child:
                self.supervisor.adopt(self._valkey.child)
        except BaseException:
            self.stop()
            raise
        return Running(
            env={
                "BANGFU_HOME": str(self.home),
                "BANGFU_DATABASE_URL": database.app,
                "BANGFU_VALKEY_URL": queue.redis,
                "BANGFU_CELERY_BROKER_URL": queue.celery,
            },
            owner_url=database.owner,
        )
