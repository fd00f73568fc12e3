"""Dated figures that the core itself reads: how long a notice hangs out, when a file is stale (政策参数)."""

from __future__ import annotations

from datetime import date

from core.host.declarations import ParameterDecl, ParameterValue

_FROM = date(2020, 1, 1)

PARAMETERS = (
    ParameterDecl(
        "notice_working_days",
        "公示期",
        "days of public notice",
        "working_days",
        "domain 7.4",
        (ParameterValue(_FROM, 5, "各地工会帮扶工作通行做法：公示不少于五个工作日", "domain 10"),),
    ),
    ParameterDecl(
        "stale_after_days",
        "档案更新期限",
        "days after which an unchanged file is stale",
        "days",
        "domain 10",
        (ParameterValue(_FROM, 365, "各地工会帮扶工作通行做法：档案一年未更新的另行处理", "domain 10"),),
    ),
)
