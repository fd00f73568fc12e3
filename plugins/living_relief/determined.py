"""The condition of a decision (流转条件) that it rests on the household's present determination (domain 4.4.1, 7.5)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.occurrences import occurrence_on
from core.cases.repository import parties_of
from core.cases.workflows import programme_named
from core.host.declarations import GuardVerdict
from core.scope import current_scope
from core.surveys.repository import Newest
from core.surveys.service import newest_determinations

GUARD = "determination_current"
_MISSING = GuardVerdict(False, "尚无调查认定，请先完成认定再受理", "the case rests on no determination")


def determination_current(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The case's determination is the newest of its household and belongs to the occurrence of today (认定有效)."""
    parties = parties_of(session, [case.id for case in cases])
    households = {
        case.id: next((party.household_id for party in parties[case.id] if party.household_id is not None), None)
        for case in cases
    }
    newest = newest_determinations(session, [home for home in households.values() if home is not None])
    found = {case_id: newest.get(home) if home is not None else None for case_id, home in households.items()}
    return {case.id: _judged(case, found[case.id]) for case in cases}


def _judged(case: Case, newest: Newest | None) -> GuardVerdict:
    if case.determination_id is None or newest is None:
        return _MISSING
    made = newest.decided_on.isoformat()
    if newest.id != case.determination_id:
        return GuardVerdict(
            False,
            f"所依据的认定已被 {made} 的认定取代，请撤回后按新认定重新受理",
            f"a determination of {made} took the place of the case's: withdraw the case and open another",
        )
    if not _belongs(case, newest, current_scope().business_date):
        return GuardVerdict(
            False,
            f"{made} 的认定不属于本期，请重新认定后撤回并重新受理",
            f"the determination of {made} is not of this year: determine anew, withdraw the case and open another",
        )
    return GuardVerdict(True, f"依据 {made} 的认定", f"rests on the determination of {made}")


def _belongs(case: Case, newest: Newest, today: date) -> bool:
    """Whether a determination serves today's occurrence: one of its year's survey, for a school year also one that was made
    while it ran. Aid for events follows the civil year."""
    if newest.year == today.year:
        return True
    programme = programme_named(case.programme) if case.programme else None
    if programme is None or programme.occurrence != "school_year":
        return False
    here = occurrence_on(programme, today, case.number)
    return here == occurrence_on(programme, newest.decided_on, case.number)
