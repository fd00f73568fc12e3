"""What an account does on the command line is put on record as what it does on the web (查阅留痕)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import typer

from core.db.session import ScopedSession, unit_of_work
from core.scope import Scope, entered, note_rights
from core.trail.service import has_recorded
from core.trail.use import Read, shown_by, write_use

log = logging.getLogger("bangfu.cli")

_command: ContextVar[str] = ContextVar("bangfu_command", default="")


def name_command(context: typer.Context) -> None:
    """Note which command runs, under the name that the log shows."""
    _command.set(f"/{context.info_name}/{context.invoked_subcommand}")


@contextmanager
def put_on_record(scope: Scope) -> Iterator[ScopedSession]:
    """One act of an account in one transaction. What has changed nothing was a look: where a right was used that shows persons'
    data, its row is written before the command shows what it found, and where it cannot be written nothing is shown. On which
    day the rights were used is noted as well."""
    used = note_rights()
    with entered(scope):
        with unit_of_work() as session:
            yield session
            permission = None if has_recorded(session) else shown_by(used)
            if permission is not None:
                write_use(scope, list(used), permission, Read(f"/cli{_command.get()}"))
        if permission is None and used:
            try:
                write_use(scope, list(used))
            except Exception as error:
                # the act is done and in the trail; the day is noted with the next use
                log.warning("use of rights not noted: %s", type(error).__name__)
