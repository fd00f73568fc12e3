"""One plugin's part of work that many have a part in: where a stranger's fails, the others' goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from core.host.faults import is_fault
from core.host.manager import host

T = TypeVar("T")


def apart(session: Session, plugin: str, act: Callable[[], T], tell: Callable[[Exception], object] | None = None) -> T | None:
    """What ``act`` of ``plugin`` gives; None where a stranger's plugin failed, and ``tell`` is told why.

    What it wrote is taken back, the fault has been reported (``core.host.watching``), and the transaction goes on. Faults of
    the platform's own plugins, refusals, and a database that is busy are raised.
    """
    if host().is_built_in(plugin):
        return act()
    try:
        with session.begin_nested():
            return act()
    except Exception as error:
        if is_fault(error):
            if tell is not None:
                tell(error)
            return None
        raise
