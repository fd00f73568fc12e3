"""Faults of plugins, kept for the province (插件故障): which plugin, where, with the trace, how often.

A fault is written over a connection of its own, outside every pool: a plugin that fails while all connections are taken must
not wait for one more. Where there is no database yet, the log has it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from sqlalchemy import Engine, NullPool, create_engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.errors import BangfuError
from core.host.models import PluginFault
from core.jobs.failures import retryable, told
from core.settings import settings

log = logging.getLogger("bangfu.plugins")

SHOWN_DAYS = 30
_PARTS_OF_PATH = 3
_WRITE_LIMIT_MS = 3_000


def is_fault(error: BaseException) -> bool:
    """Whether an error of a plugin's function is a fault of the plugin: no refusal in words, no database that was busy."""
    if isinstance(error, BangfuError):
        return error.status >= 500
    return not retryable(error)


def trace_of(error: BaseException) -> str:
    """The lines of code that an error passed through, last called last, without any value and without a machine's folders."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{PurePath(*PurePath(at.filename).parts[-_PARTS_OF_PATH:])}:{at.lineno} {at.name}" for at in frames]
    return "\n".join([*lines, type(error).__qualname__])


def note(plugin: str, place: str, error: BaseException, *, version: str = "", with_text: bool = False) -> None:
    """Log a fault and keep it. ``with_text``: its text is kept too; only where no row was at hand, since drivers quote rows."""
    keep(plugin, place, str(error) if with_text else told(error), trace_of(error), version=version)


def keep(plugin: str, place: str, said: str, trace: str, *, version: str = "") -> None:
    """Log a fault that was found without an error at hand, and keep it."""
    log.error("plugin %s failed at %s: %s\n%s", plugin, place, said, trace)
    row = {"plugin": plugin, "place": place, "version": version, "said": said, "trace": trace, "count": 1}
    fresh = insert(PluginFault).values(row)
    statement = fresh.on_conflict_do_update(
        index_elements=["plugin", "place"],
        set_={
            **{name: fresh.excluded[name] for name in ("version", "said", "trace")},
            "count": PluginFault.count + 1,
            "last_at": func.clock_timestamp(),
        },
    )
    try:
        engine = _beside_the_pools()
        if engine is None:
            return
        with engine.begin() as connection:
            connection.execute(statement)
    except (SQLAlchemyError, BangfuError) as unkept:
        log.warning("the fault of %s is in this log alone: %s", plugin, type(unkept).__name__)


def _beside_the_pools() -> Engine | None:
    url = settings().database_url
    if not url:
        return None
    options = f"-c statement_timeout={_WRITE_LIMIT_MS}"
    connect = {"connect_timeout": _WRITE_LIMIT_MS // 1000, "options": options}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=connect)


def recent_faults(session: Session, plugins: Sequence[str] | None = None) -> list[PluginFault]:
    """The places that failed within ``SHOWN_DAYS``, the last one first: of all plugins, or of ``plugins``."""
    since = datetime.now(UTC) - timedelta(days=SHOWN_DAYS)
    wanted = select(PluginFault).where(PluginFault.last_at > since).order_by(PluginFault.last_at.desc())
    if plugins is not None:
        wanted = wanted.where(PluginFault.plugin.in_(plugins))
    return list(session.scalars(wanted))
