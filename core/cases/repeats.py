"""Opening made safe to repeat: a key that comes again gives the same case, and with other content nothing (幂等)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.cases.forms import is_confidential, read_form
from core.cases.models import Case, Party
from core.cases.repository import parties_of
from core.cases.sealing import form_of
from core.cases.workflows import workflow_named
from core.errors import Conflict

if TYPE_CHECKING:
    from core.cases.opening import NewCase, NewParty

_Whom = tuple[str, uuid.UUID | None, uuid.UUID | None, str]


class KeyUsed(Conflict):
    """An opening key comes back with another content than the first time."""

    code = "cases.key_used"

    def __init__(self) -> None:
        super().__init__(
            "该受理编号已用于另一件内容不同的事项",
            "this opening key was used for another case",
            where="opening_key",
            mend_zh="请重新打开受理页面后再提交",
            mend_en="open the form anew and submit it with a new key",
        )


def refuse_other_content(session: Session, repeated: Sequence[tuple[NewCase, Case]]) -> None:
    """Raise ``KeyUsed`` where a draft does not say what the case says that was opened under its key.

    What opening works out by itself is not compared: the determination found meanwhile, the names of people on file.
    """
    parties = parties_of(session, [case.id for _, case in repeated])
    for draft, case in repeated:
        form = workflow_named(draft.workflow).form
        values = read_form(form, draft.form)
        confidential = draft.handlers is not None or is_confidential(form, values)
        same = (
            (draft.plugin, draft.workflow, draft.programme) == (case.plugin, case.workflow, case.programme)
            and (draft.determination_id is None) == (case.determination_id is None)
            and (draft.requested_fen == case.requested_fen or draft.determination_id is not None)
            and _whom(draft.parties) == _whom(parties[case.id])
            and values == form_of(session, case)
            and confidential == (case.handlers is not None)
            and {*(draft.handlers or ()), case.clerk} == {*(case.handlers or ()), case.clerk}
        )
        if not same:
            raise KeyUsed


def _whom(parties: Iterable[NewParty | Party]) -> list[_Whom]:
    found = [
        (party.role, party.person_id, party.household_id, "" if party.person_id or party.household_id else party.label)
        for party in parties
    ]
    return sorted(found, key=str)
