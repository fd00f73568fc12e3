"""What an approval of living relief brings about: grants to those whom the rules found (domain 4.4.1, 10)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.cases.models import Case, Party
from core.cases.occurrences import occurrence_on
from core.cases.repository import parties_of
from core.cases.workflows import programme_named
from core.errors import Conflict
from core.scope import current_scope
from plugins.living_relief.determined import determination_current

if TYPE_CHECKING:
    from core.funds.service import GrantDraft


def grant(session: Session, cases: Sequence[Case]) -> None:
    """Give each case what its determination found, and reserve the money (救助决定).

    Raises ``Conflict`` where a case rests on no determination, its programme was not found due, or the determination is not
    the household's present one: cases of the workflow's first version have no guard that asks for it.
    """
    from core.funds.service import approve_grants

    drafts = drafts_of(session, cases)
    verdicts = determination_current(session, cases)
    for case in cases:
        if not (verdict := verdicts[case.id]).passed:
            raise Conflict(f"个案 {case.number}：{verdict.zh}", f"{case.number}: {verdict.en}", where=case.number)
    approve_grants(session, drafts)


def drafts_of(session: Session, cases: Sequence[Case]) -> list[GrantDraft]:
    """What each case asks the fund for, in the order of the cases."""
    from core.funds.service import GrantDraft
    from core.surveys.service import shares_of

    day = current_scope().business_date
    parties = parties_of(session, [case.id for case in cases])
    shares = shares_of(session, [case.determination_id for case in cases if case.determination_id])
    drafts = []
    for case in cases:
        due = shares.get(case.determination_id, {}) if case.determination_id else {}
        if case.programme is None or case.programme not in due:
            raise _not_found_due(case)
        programme = programme_named(case.programme)
        drafts.append(
            GrantDraft(
                case_id=case.id,
                clerk=case.clerk,
                programme=programme,
                occurrence=occurrence_on(programme, day, case.number),
                household_id=_household(case, parties[case.id]),
                beneficiaries=due[case.programme],
            )
        )
    return drafts


def _household(case: Case, parties: Sequence[Party]) -> uuid.UUID:
    for party in parties:
        if party.household_id is not None:
            return party.household_id
    raise Conflict("个案未关联家庭", "the case names no household", where=case.number)


def _not_found_due(case: Case) -> Conflict:
    return Conflict(
        f"个案 {case.number} 没有支持该项目的认定结果",
        f"{case.number} rests on no determination that finds its programme due",
        where=case.number,
        mend_zh="请先完成调查认定",
        mend_en="determine the household first",
    )
