"""What may differ from place to place and from year to year: amounts, the size of a group, settings; and the programme."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.host.declarations import ParameterDecl, ParameterValue, ProgrammeDecl
from core.tenancy.settings import plugin_settings
from plugins.warm_visits.names import CASH, ENGLISH, KINDS, LEAST_VISITORS, NAME, cash_parameter

_FROM = date(2020, 1, 1)
_PRACTICE = "各地工会送温暖慰问通行做法"
_CLAUSE = "domain 1.1"
_FEN = {
    "deep": 100_000,
    "relative": 80_000,
    "accident": 80_000,
    "model_worker": 100_000,
    "hospitalised": 100_000,
    "other": 50_000,
}
LEAST_BY_RULE = 2

PARAMETERS = (
    *(
        ParameterDecl(
            cash_parameter(kind),
            f"慰问金标准（{zh}）",
            f"money given: {ENGLISH[kind]}",
            "fen",
            _CLAUSE,
            (ParameterValue(_FROM, _FEN[kind], _PRACTICE, _CLAUSE),),
        )
        for kind, zh in KINDS.items()
    ),
    ParameterDecl(
        LEAST_VISITORS,
        "每组慰问人员最少人数",
        "fewest people of a visiting group",
        "count",
        _CLAUSE,
        (ParameterValue(_FROM, LEAST_BY_RULE, _PRACTICE, _CLAUSE),),
        least=LEAST_BY_RULE,
    ),
)

PROGRAMMES = (
    ProgrammeDecl(
        code=CASH,
        zh="送温暖慰问金",
        en="Money given at new-year visits",
        plugin=NAME,
        purpose=NAME,
        sources=("union", "appropriation", "donation"),
        # A season is the event: it lies in two civil years.
        occurrence="event",
        clause="domain 1.1, 6",
    ),
)

Chosen = Literal["deep", "relative", "accident", "model_worker"]


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    kinds: list[Chosen] = Field(
        default=["deep", "relative", "accident", "model_worker"],
        title="列入计划的对象",
        description="在档困难职工和劳模中，哪些类别可按规则列入慰问计划",
        json_schema_extra={
            "group": "计划",
            "labels": {kind: KINDS[kind] for kind in ("deep", "relative", "accident", "model_worker")},
        },
    )
    stops_per_route: int = Field(12, ge=1, le=60, title="每条路线最多户数", json_schema_extra={"group": "计划", "unit": "户"})
    greeting: str = Field(
        "", max_length=200, title="慰问语", description="印在签收表上方", json_schema_extra={"group": "签收表"}
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, NAME, model=Settings)
