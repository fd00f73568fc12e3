"""A package of households that can never arrive comes back (转出未达): files and cases stand here again as they stood.

Its receiver closed before it was delivered and nobody took over, or it takes no writes any more. Nothing of the package was
written anywhere else. Whose member has been put on file here meanwhile comes back to be checked anew: nobody is on file in two.
"""

from __future__ import annotations

import uuid
from types import MappingProxyType
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.cases.models import Case, Deadline
from core.db.statements import among, tenant_sql
from core.exchange.envelopes import UNDELIVERED_ZH, on_return, personal_content
from core.exchange.identity_index import ON_FILE, mark
from core.exchange.models import Envelope
from core.people.duplicates.merging import hold_merges
from core.people.life.service import apply
from core.people.life.steps import ENDED, STEP
from core.people.models import WorkerFile
from core.people.repository import members_elsewhere
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.trail.service import record
from core.transfers.departing import MOVED, PACKAGE
from core.transfers.models import HouseholdTransfer
from core.transfers.packing import Package, unpacked

_BACK: Final = MappingProxyType({"on_file": "come_back", "out_of_difficulty": "come_back_ended"})
"""The step by which a file stands again, by the state that it was in; any other is checked anew."""

_AS_FRESH_AS_IT_WAS: Final = """
update worker_file as f set updated_on = told.day
from unnest(cast(:ids as uuid[]), cast(:days as date[])) as told (id, day) where f.tenant = :tenant and f.id = told.id
"""
"""Nobody has looked at what came back unread: a stale file stays one."""


@on_return(PACKAGE)
def _came_back(session: Session, sent: Envelope) -> None:
    package = unpacked(personal_content(sent))
    hold_merges(session)
    ended = {"state": "withdrawn", "ended_on": current_scope().business_date, "history": {"why": UNDELIVERED_ZH}}
    session.execute(
        update(HouseholdTransfer)
        .where(
            HouseholdTransfer.package_id == sent.envelope_id,
            HouseholdTransfer.direction == "out",
            HouseholdTransfer.state == "sent",
        )
        .values(**ended)
    )
    _open_files(session, package)
    _open_cases(session, package)
    numbers = [package.plain["person"].get(person, {}).get("identity_cipher") for person in package.present]
    hashes = {tokens().identity_index_hash(number) for number in numbers if number}
    mark(session, sorted(hashes), current_scope().business_date.year, ON_FILE)
    for row in package.of("household"):
        record(session, "household.came_back", "household", uuid.UUID(row["id"]), {"peer": sent.peer})


def _open_files(session: Session, package: Package) -> None:
    rows = package.of("worker_file")
    was = {uuid.UUID(row["id"]): str(row["status"]) for row in rows}
    wanted = select(WorkerFile).where(among(WorkerFile.id, was), WorkerFile.status == MOVED).order_by(WorkerFile.id)
    files = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    elsewhere = members_elsewhere(session, [file.household_id for file in files])
    standing = [file for file in files if file.household_id not in elsewhere or was[file.id] in ENDED]
    steps = {file.id: _BACK.get(was[file.id], "come_back_open") for file in standing}
    for code in sorted(set(steps.values())):
        apply(session, STEP[code], [file for file in standing if steps[file.id] == code], note=UNDELIVERED_ZH, told=True)
    for file in files:
        if file.id not in steps:
            others = "、".join(elsewhere[file.household_id])
            note = f"{UNDELIVERED_ZH}；该户成员现在 {others} 号档案中，须先在其中一户办理迁出"
            apply(session, STEP["come_back_open"], [file], note=note, told=True)
    back = {str(file.id) for file in files}
    days = {row["id"]: row["updated_on"] for row in rows if row["id"] in back}
    session.execute(tenant_sql(_AS_FRESH_AS_IT_WAS), {"ids": list(days), "days": list(days.values())})


def _open_cases(session: Session, package: Package) -> None:
    """Cases go on here, and their clocks with them."""
    cases = [uuid.UUID(row["id"]) for row in package.of("case_record")]
    closed = (among(Case.id, cases), Case.outside_state == MOVED)
    session.execute(update(Case).where(*closed).values(closed_on=None, outside_state=None, version=Case.version + 1))
    running = [uuid.UUID(row["id"]) for row in package.of("deadline") if not row["met_on"] and not row["cancelled_on"]]
    session.execute(update(Deadline).where(among(Deadline.id, running)).values(cancelled_on=None))
    for case in cases:
        record(session, "case.back", "case", case)
