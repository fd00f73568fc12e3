"""How often a programme of relief gives (发放周期), and that a household has one open case of it at a time (domain 4.4.1)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

from sqlalchemy.orm import Session

from core.cases import repository
from core.cases.workflows import programme_named
from core.errors import Conflict
from core.host.declarations import ProgrammeDecl
from core.people.duplicates.merging import as_one
from core.scope import current_scope

_SCHOOL_YEAR_FROM = 9


def occurrence_on(programme: ProgrammeDecl, day: date, event: str) -> str:
    """The occurrence (发放周期) of a grant on ``day``: ``2025``, ``2025-2026`` (from September on), or the event."""
    match programme.occurrence:
        case "civil_year":
            return str(day.year)
        case "school_year":
            first = day.year if day.month >= _SCHOOL_YEAR_FROM else day.year - 1
            return f"{first}-{first + 1}"
        case "event":
            return event


def refuse_second_case(session: Session, wanted: Iterable[tuple[str, uuid.UUID]]) -> None:
    """Refuse to open a case of a (programme, household) that has an open one of the same occurrence already, or of a household
    that counts as it.

    An open case without a grant counts whenever it was opened: it would be granted for the occurrence of that later day.
    Each event is a case of its own. Raises ``Conflict`` with the first case's number.
    """
    day, asked = current_scope().business_date, set[tuple[str, uuid.UUID]]()
    for code, household in wanted:
        if programme_named(code).occurrence == "event":
            continue
        if (code, household) in asked:
            raise _second(programme_named(code), None)
        asked.add((code, household))
    if not asked:
        return
    groups = as_one(session, {household for _, household in asked})
    same = {(code, one): household for code, household in asked for one in groups[household]}
    for rival in repository.open_relief(session, {one for _, one in same}):
        if (rival.programme, rival.household_id) in same:
            programme = programme_named(rival.programme)
            if rival.occurrence in (None, occurrence_on(programme, day, rival.number)):
                raise _second(programme, rival.number)


def _second(programme: ProgrammeDecl, number: str | None) -> Conflict:
    return Conflict(
        f"该户已有未办结的{programme.zh}个案{f' {number}' if number else ''}，不能重复受理",
        f"the household has an open case of {programme.en} already{f': {number}' if number else ''}",
        where=number,
        mend_zh="请办理原个案；原个案有误的，先撤回再重新受理",
        mend_en="go on with that case, or withdraw it before opening another",
    )
