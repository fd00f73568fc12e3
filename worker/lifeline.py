"""The processes of a worker end with it, however it ends: what they were at is in the rows, and is gone on with."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_worker = os.getpid()
"""The worker imports this module before it forks its pool and its beat."""


def end_with_parent(**_: Any) -> None:
    """Have the kernel kill this process when the one that forked it is gone (Linux; elsewhere nothing).

    A worker that is killed outright would leave its pool and its beat behind: on a queue of the next worker, or on none.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != _worker:
            os._exit(1)
