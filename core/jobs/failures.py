"""What is kept of an error, and which errors are worth another try."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import BangfuError
from core.vault.unsaid import masked

_QUERY_CANCELLED = "57014"


class Waits(BangfuError):
    """What a whole topic of the outbox needs is out of reach: its items wait, and none is tried in vain."""


def told(error: BaseException) -> str:
    """The error as it is stored, shown and logged: the words of a domain error without long numbers, else its class and place.

    The message of any other error is left out: a database driver writes values of persons into it.
    """
    if isinstance(error, BangfuError):
        return str(masked(error))
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    cause = type(error.orig).__name__ if isinstance(error, DBAPIError) and error.orig is not None else type(error).__name__
    return f"程序内部错误 / internal error: {cause} ({place})"


def retryable(error: BaseException) -> bool:
    """Whether the same work may succeed when tried again: a deadlock, a serialization failure, a lost connection.

    A statement that ran into its time limit will do so again, so it is not.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) != _QUERY_CANCELLED
