"""What may differ from place to place and from year to year: figures of policy, one setting; source and programme."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.host.declarations import FundSourceDecl, ParameterDecl, ParameterValue, ProgrammeDecl
from core.tenancy.settings import plugin_settings
from plugins.mutual_aid.names import (
    BENEFIT,
    ENGLISH,
    NAME,
    PER_DAY,
    PER_ILLNESS,
    PLANS,
    SOURCE,
    WAITING_DAYS,
    YEARLY_CAP,
    contribution_parameter,
)

_FROM = date(2020, 1, 1)
_PRACTICE = "各地职工互助保障计划通行做法"
_CLAUSE = "domain 10"
_CONTRIBUTIONS = {"hospital": 6_000, "illness": 4_000}


def _value(value: int) -> tuple[ParameterValue, ...]:
    return (ParameterValue(_FROM, value, _PRACTICE, _CLAUSE),)


PARAMETERS = (
    *(
        ParameterDecl(
            contribution_parameter(plan),
            f"互助会费（{zh}，每人每年）",
            f"contribution a year: {ENGLISH[plan]}",
            "fen",
            _CLAUSE,
            _value(_CONTRIBUTIONS[plan]),
            least=1,
        )
        for plan, zh in PLANS.items()
    ),
    ParameterDecl(PER_DAY, "住院互助金（每天）", "paid for a day in hospital", "fen", _CLAUSE, _value(5_000), least=1),
    ParameterDecl(PER_ILLNESS, "重大疾病互助金（每次）", "paid for a grave illness", "fen", _CLAUSE, _value(500_000), least=1),
    ParameterDecl(WAITING_DAYS, "互助保障等待期", "days before a new member may claim", "days", _CLAUSE, _value(30)),
    ParameterDecl(
        YEARLY_CAP, "互助金年度封顶", "most that is paid to a worker a year", "fen", _CLAUSE, _value(800_000), least=1
    ),
)

FUND_SOURCES = (FundSourceDecl(SOURCE, "职工互助会费", "contributions of members", (NAME,), _CLAUSE),)

PROGRAMMES = (
    ProgrammeDecl(
        code=BENEFIT,
        zh="职工互助保障金",
        en="Mutual-aid benefit",
        plugin=NAME,
        purpose=NAME,
        sources=(SOURCE,),
        occurrence="event",
        clause=_CLAUSE,
    ),
)


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    claim_within_days: int = Field(
        180, ge=30, le=730, title="申请期限", description="出院或确诊后多少天内可以申请给付", json_schema_extra={"unit": "天"}
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, NAME, model=Settings)
