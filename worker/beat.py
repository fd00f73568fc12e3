"""What recurs. The beat only sends; the tasks look into the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.jobs.outbox import SWEEP

SWEEP_EVERY_S = 5.0

SCHEDULE: Mapping[str, Mapping[str, Any]] = {
    # expires: sweeps that pile up while no worker runs are worth nothing
    "sweep": {"task": SWEEP, "schedule": SWEEP_EVERY_S, "options": {"expires": SWEEP_EVERY_S}},
}
