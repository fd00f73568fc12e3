"""Whether a comparison still holds when it is written: a clerk may have saved a change between the two.

What an import is to change is locked in the order in which acts of clerks lock it (files by id, then persons by id), and
looked at again. Whoever finds that something has changed compares anew, with the locks held.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.errors import Conflict
from core.people.imports.matching import Compared
from core.scope import current_scope

_FILES: Final = """
select id, version from worker_file where tenant = :tenant and id = any(:ids) order by id for update
"""
_PERSONS: Final = "select id from person where tenant = :tenant and id = any(:ids) order by id for update"
_IN_A_FILE: Final = """
select exists (
    select 1 from (
        select distinct on (household_id, person_id) household_id, present from membership
        where tenant = :tenant and valid_from <= :on and person_id = any(:ids)
        order by household_id, person_id, valid_from desc, recorded_at desc
    ) m join worker_file f on f.tenant = :tenant and f.household_id = m.household_id
    where m.present
)
"""


def changed_since(file_name: str) -> Conflict:
    """The refusal to write a comparison that does not hold."""
    return Conflict(
        "比对后有档案被他人更改，没有写入",
        "a file was changed after the comparison; nothing was written",
        where=file_name,
        mend_zh="请重新导入，将按最新内容比对",
        mend_en="import it again: it is compared anew",
    )


def holds(session: Session, compared: Compared) -> bool:
    """Lock the files that ``compared`` changes and the known persons that it puts on file; whether the files are as they were
    read and the persons still stand in no file. Until the end of the transaction nobody else changes them."""
    read = {known.file["id"]: known.file["version"] for known in compared.changed}
    if read:
        held = session.execute(tenant_sql(_FILES), {"ids": list(read)})
        if {row.id: row.version for row in held} != read:
            return False
    joining = {person_id for one in compared.new for person_id, _ in one.known.values()}
    members = {row["id"] for known in compared.changed for row in known.persons.values()}
    if not joining | members:
        return True
    session.execute(tenant_sql(_PERSONS), {"ids": list(joining | members)})
    asked = {"ids": list(joining), "on": current_scope().business_date}
    return not (joining and session.execute(tenant_sql(_IN_A_FILE), asked).scalar_one())
