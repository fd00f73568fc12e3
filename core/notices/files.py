"""Files under public notice before they are opened (建档公示, domain 7.4, 10): posted together, and what hinders after that."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.authorisation import require
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among
from core.errors import InvalidInput
from core.notices.models import NoticeBatch, NoticeItem
from core.notices.repository import notice_of_file, objections_to_file
from core.notices.service import POST, open_batch
from core.people.changes.models import HouseholdChange
from core.people.life.service import apply, files_in
from core.people.life.steps import STEP
from core.people.models import Person, WorkerFile
from core.scope import current_scope
from core.trail.service import record
from core.vault.masking import public_name

MATTER = "困难职工建档"


def post_files(session: Session, households: Sequence[uuid.UUID], title: str) -> NoticeBatch:
    """Post the names, masked, of workers whose files are to be opened, and lead each file to being under notice.

    Raises ``Forbidden`` without notice.post, ``NotFound``, ``Conflict`` for a file that civil affairs have not checked,
    ``InvalidInput`` without files or a title; all are posted, or none.
    """
    require(POST)
    if not households:
        raise InvalidInput("请选择要公示的档案", "a notice needs files", where="household")
    step = STEP["post_notice"]
    files = files_in(session, households, step)
    names = dict(
        session.execute(select(Person.id, Person.name).where(among(Person.id, [file.worker_id for file in files]))).all()
    )
    batch = open_batch(session, title)
    rows = [
        {
            "id": new_id(),
            "batch_id": batch.id,
            "household_id": file.household_id,
            "masked_name": public_name(names[file.worker_id]),
            "matter": MATTER,
        }
        for file in files
    ]
    insert_rows(session, NoticeItem, rows)
    apply(session, step, files, evidence=batch.number)
    record(session, "notice.post", "notice_batch", batch.id, {"number": batch.number, "files": len(files)})
    return batch


def notice_hinders(session: Session, household_id: uuid.UUID) -> list[str]:
    """What of its public notice keeps a file from being opened, in words; nothing once it is over without objection."""
    notice = notice_of_file(session, household_id)
    if notice is None:
        return ["尚未公示"]
    hinders = [
        f"异议 {one.number} {'尚未答复' if one.answered_on is None else '成立'}"
        for one in objections_to_file(session, household_id, notice)
    ]
    if _posted_for_another(session, household_id, notice.batch_id):
        hinders.append("公示后户主已变更，须退回后重新公示")
    if current_scope().business_date <= notice.ends_on:
        hinders.append(f"公示期至 {notice.ends_on.isoformat()}，尚未届满")
    return hinders


def _posted_for_another(session: Session, household_id: uuid.UUID, batch_id: uuid.UUID) -> bool:
    """Whether the file is another head's now than when the notice was posted. Ids are in the order of time."""
    mine = or_(HouseholdChange.household_id == household_id, HouseholdChange.peer_household_id == household_id)
    since = select(HouseholdChange.before).where(mine, HouseholdChange.id > batch_id).order_by(HouseholdChange.id).limit(1)
    posted = (session.scalar(since) or {}).get(str(household_id))
    head = session.scalar(select(WorkerFile.worker_id).where(WorkerFile.household_id == household_id))
    return posted is not None and posted["worker"] != str(head)
