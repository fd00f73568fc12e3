"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from datetime import date

from core.host.declarations import ParameterDecl, ParameterValue
from core.trail.housekeeping import JOBS
from core.trail.names import LOG_MONTHS

PARAMETERS = (
    ParameterDecl(
        LOG_MONTHS,
        "日志留存月数",
        "months for which logs are kept",
        "months",
        "《网络安全法》第二十一条；GB/T 22239-2019 8.1.4.3",
        (ParameterValue(date(2017, 6, 1), 6, "《网络安全法》：留存网络日志不少于六个月", "第二十一条（三）"),),
        least=6,
        strictest="longest",
    ),
)

JOB_KINDS = JOBS

__all__ = ["JOB_KINDS", "PARAMETERS"]
