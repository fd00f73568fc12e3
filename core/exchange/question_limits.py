"""How many questions an account, and a county, may ask the identity index in a day (身份索引查询次数, PIPL Art. 6, 51).

Whoever holds numbers could otherwise try them all out. Counted in the transaction of the question: two at once wait for each
other, and a question that is refused counts nothing. Rosters that are imported ask nothing and are not held up.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.statements import tenant_sql
from core.errors import BangfuError
from core.host.declarations import ParameterDecl, ParameterValue
from core.parameters.service import least_of_levels
from core.scope import current_scope

PER_ACCOUNT: Final = "identity_questions_per_account"
PER_COUNTY: Final = "identity_questions_per_county"
IN_VAIN: Final = "identity_questions_in_vain"
_ALL: Final = ""
"""Under this name the questions of the county as a whole are counted."""
_CLAUSE: Final = "《个人信息保护法》第六条、第五十一条"
_FROM: Final = date(2021, 11, 1)
_SOURCE: Final = "《个人信息保护法》：限于实现处理目的的最小范围，合理确定操作权限；按手工办理量测算"

PARAMETERS = (
    ParameterDecl(
        PER_ACCOUNT,
        "每人每日查询身份索引次数上限",
        "questions of one account to the identity index in a day",
        "count",
        _CLAUSE,
        (ParameterValue(_FROM, 300, _SOURCE, "第六条"),),
        strictest="least",
    ),
    ParameterDecl(
        PER_COUNTY,
        "本单位每日查询身份索引次数上限",
        "questions of one county to the identity index in a day",
        "count",
        _CLAUSE,
        (ParameterValue(_FROM, 2_000, _SOURCE, "第六条"),),
        strictest="least",
    ),
    ParameterDecl(
        IN_VAIN,
        "每人每日查无结果达到多少次列入审计",
        "questions in a day that found nothing from which the audit asks why",
        "count",
        _CLAUSE,
        (ParameterValue(_FROM, 100, _SOURCE, "第五十一条"),),
        least=1,
        strictest="least",
    ),
)

_COUNT: Final = """
insert into identity_question_count (tenant, id, on_day, actor, asked, in_vain)
values (:tenant, :id, :on, :actor, :asked, 0)
on conflict (tenant, on_day, actor) do update set asked = identity_question_count.asked + excluded.asked
where identity_question_count.asked + excluded.asked <= :most
returning asked
"""
_NOTHING: Final = """
update identity_question_count set in_vain = in_vain + :nothing where tenant = :tenant and on_day = :on and actor = :actor
"""


class TooManyQuestions(BangfuError):
    """The day's limit of questions is reached; nothing was asked."""

    code = "too_many_identity_questions"
    status = 429

    def __init__(self, whose_zh: str, whose_en: str, most: int) -> None:
        super().__init__(
            f"{whose_zh}今日查询身份索引已达上限（{most} 次），本次未查询",
            f"the day's {most} questions of {whose_en} to the identity index are used up; nothing was asked",
            mend_zh="请次日再查；经办量确需更多的，请报省级调整上限",
            mend_en="ask tomorrow, or have the province raise the limit",
        )


def count_questions(session: Session, asked: int) -> None:
    """Count ``asked`` questions of the actor and of the county in scope; raises ``TooManyQuestions`` for more than either may
    ask today. The platform's own work is not limited."""
    scope = current_scope()
    if scope.is_system or not asked:
        return
    limits = least_of_levels(session, (PER_COUNTY, PER_ACCOUNT), scope.business_date)
    # the county's row first in every transaction, so that nobody waits for each other in a ring
    for actor, most, zh, en in (
        (_ALL, limits[PER_COUNTY], "本单位", "the county"),
        (scope.actor, limits[PER_ACCOUNT], "您", "your account"),
    ):
        bound = {"id": new_id(), "on": scope.business_date, "actor": actor, "asked": asked, "most": most}
        if asked > most or session.execute(tenant_sql(_COUNT), bound).first() is None:
            raise TooManyQuestions(zh, en, most)


def count_nothing(session: Session, nothing: int) -> None:
    """Note how many of the questions that were just counted found nobody elsewhere."""
    scope = current_scope()
    if nothing and not scope.is_system:
        session.execute(tenant_sql(_NOTHING), {"nothing": nothing, "on": scope.business_date, "actor": scope.actor})
