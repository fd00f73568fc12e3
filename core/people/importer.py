"""Taking in an office's roster (导入困难职工档案): read, judged, written in one transaction, once per file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.statements import tenant_sql
from core.host.manager import host
from core.people import roster_reading
from core.people.models import RosterImport
from core.people.roster_checking import check
from core.people.roster_drafts import Checked
from core.people.roster_writing import write
from core.people.sealing import Sealer
from core.scope import current_scope

MOST_PROBLEMS_KEPT: Final = 5_000
"""Problems stored with an import; ``counts["problems"]`` tells how many there were."""

_KNOWN_PERSONS: Final = "select identity_token from person where tenant = :tenant and identity_token = any(:given)"
_KNOWN_FILES: Final = "select file_number from worker_file where tenant = :tenant and file_number = any(:given)"


def programme_labels() -> dict[str, str]:
    """Labels of 申请项目 and the codes of the programmes that installed plugins bring."""
    return {programme.zh: programme.code for programme in host().collected("bangfu_programmes")}


def import_roster(session: Session, path: Path, *, programmes: Mapping[str, str] | None = None) -> RosterImport:
    """Take in the workbook at ``path`` for the tenant in scope, as of the business date.

    A file that was taken in before (same bytes) gives the same import again and writes nothing. A household with a problem
    in any of its rows is held back whole, the others are written; all problems stand in the import. ``programmes`` maps
    labels of 申请项目 to codes (by default those of the installed plugins). Raises ``Forbidden`` without people.import, and
    ``InvalidInput`` where the file cannot be read or lacks a sheet or column.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.import")
    loaded = roster_reading.load(path)
    # Two clerks who send the same file at once: the second waits here and finds the first one's import.
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('roster_import' || :tenant))"))
    known = session.scalar(select(RosterImport).where(RosterImport.digest == loaded.digest))
    if known is not None:
        return known
    book = roster_reading.read(loaded)
    checked = check(book, scope.business_date, programme_labels() if programmes is None else programmes)
    _refuse_known(session, checked)
    drafts = [draft for draft in checked.drafts if draft.key not in checked.held_back]
    made = RosterImport(
        id=new_id(),
        digest=loaded.digest,
        file_name=loaded.file_name,
        business_date=scope.business_date,
        actor=scope.actor,
        households=len(drafts),
        persons=sum(len(draft.people) for draft in drafts),
        held_back=len(checked.held_back),
        problems=[problem.as_json() for problem in checked.problems[:MOST_PROBLEMS_KEPT]],
        counts={"rows": len(book.forms), "problems": len(checked.problems)},
    )
    session.add(made)
    session.flush()
    write(session, made.id, drafts)
    return made


def _refuse_known(session: Session, checked: Checked) -> None:
    """Hold back households with a person or a file number that the tenant has on file already."""
    sealer = Sealer(session)
    by_token = {
        sealer.identity_token(person.identity.number.reveal()): (draft, person)
        for draft in checked.drafts
        for person in draft.people
    }
    for token in session.scalars(tenant_sql(_KNOWN_PERSONS), {"given": list(by_token)}):
        draft, person = by_token[token]
        checked.hold_back(draft, person, "身份证号", "此人在本单位已有档案", "the person is on file here already")
    numbered = {draft.file["file_number"]: draft for draft in checked.drafts if draft.file["file_number"]}
    for number in session.scalars(tenant_sql(_KNOWN_FILES), {"given": list(numbered)}):
        draft = numbered[number]
        checked.hold_back(draft, draft.worker, "职工编号", "职工编号已被使用", "the file number is taken")
