"""The giver's side of a transfer (转出): households are packed, sent, and their files here are closed, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from core.cases.models import Case, Deadline, Party
from core.cases.workflows import SETTLE, declared_workflows
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among, tenant_sql
from core.exchange.envelopes import on_arrival, seal_envelope
from core.exchange.identity_index import ON_FILE
from core.exchange.models import Envelope
from core.host.declarations import WorkflowDecl
from core.people.life.service import apply
from core.people.life.steps import STEP
from core.people.models import WorkerFile
from core.people.repository import files_of
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.tenancy.service import tenant_named
from core.trail.service import record
from core.transfers.models import HouseholdTransfer
from core.transfers.packing import Package, pack

PACKAGE, ARRIVED = "household.package", "household.arrived"
MOVING: Final = STEP["move"].sources
"""States of files that go along; what was cancelled stays where it was decided."""
MOVED: Final = "moved"


def travels(workflow: WorkflowDecl) -> bool:
    """Whether open cases of a workflow go on in another county.

    Not where it ends in a payment or stands under notice: money reserved here, a determination by the standards here and a
    notice posted here are this county's, so such a case is finished first.
    """
    steps = workflow.transitions
    return not any(step.permission == SETTLE or step.permission == "notice.post" for step in steps)


def travelling_workflows() -> list[str]:
    """Names of the installed workflows of which every version travels."""
    stay = {flow.name for flow in declared_workflows().values() if not travels(flow)}
    return sorted({flow.name for flow in declared_workflows().values()} - stay)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one package holds, in numbers; all 0 where nothing was left to send."""

    households: int = 0
    persons: int = 0
    cases: int = 0
    papers: int = 0
    package_id: uuid.UUID | None = None

    def as_json(self) -> dict[str, int]:
        """The numbers alone."""
        return {"households": self.households, "persons": self.persons, "cases": self.cases, "papers": self.papers}


def depart(session: Session, peer: str, households: Sequence[uuid.UUID], reason: str) -> Sent:
    """Send households with their open cases that travel to the county ``peer`` in one package and close their files here.

    What has gone already is left out, so the same call twice sends once. Households that an open matter binds together go in
    one package, since a matter names whom it concerns. A former code of ``peer`` is as good as its own. Who may is asked by the
    callers.
    """
    peer = tenant_named(session, peer).code
    files = _bound_together(session, _going(session, households))
    if not files:
        return Sent()
    going = [file.household_id for file in files]
    cases = _cases_of(session, going)
    package = pack(session, going, cases)
    transfers = _transfers(session, peer, files, reason)
    package.rows["transfer"] = [{"transfer_id": str(transfers[home]), "household_id": str(home)} for home in going]
    sent = _seal(session, peer, package, reason)
    session.execute(
        update(HouseholdTransfer)
        .where(HouseholdTransfer.direction == "out", among(HouseholdTransfer.transfer_id, transfers.values()))
        .values(state="sent", package_id=sent.package_id)
    )
    _close_files(session, files)
    _close_cases(session, cases)
    _unmark(session, package)
    for home in going:
        record(session, "household.sent", "household", home, {"peer": peer, "package": sent.package_id})
    return sent


def depart_cases(session: Session, peer: str, case_ids: Sequence[uuid.UUID], reason: str) -> Sent:
    """Send open cases of people without a household on file; what is closed, outside or does not travel is left out."""
    cases = _travelling(session, among(Case.id, case_ids)) if case_ids else []
    if not cases:
        return Sent()
    package = pack(session, (), cases)
    sent = _seal(session, peer, package, reason)
    _close_cases(session, cases)
    return sent


def _going(session: Session, households: Sequence[uuid.UUID]) -> list[WorkerFile]:
    wanted = select(WorkerFile).where(among(WorkerFile.household_id, households), WorkerFile.status.in_(MOVING))
    return list(session.scalars(wanted.order_by(WorkerFile.id).with_for_update().execution_options(populate_existing=True)))


def _bound_together(session: Session, files: list[WorkerFile]) -> list[WorkerFile]:
    """Files with those of the other households that their open cases concern, and so on."""
    added = files
    while added:
        homes = [file.household_id for file in files]
        bound = select(Party.household_id).where(
            Party.case_id.in_(select(Party.case_id).where(among(Party.household_id, [file.household_id for file in added]))),
            Party.case_id.in_(
                select(Case.id).where(
                    Case.closed_on.is_(None), Case.handlers.is_(None), Case.workflow.in_(travelling_workflows())
                )
            ),
            Party.household_id.is_not(None),
        )
        more = {home for home in session.scalars(bound) if home is not None}.difference(homes)
        added = _going(session, sorted(more)) if more else []
        files = files + added
    return files


def _cases_of(session: Session, households: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    return _travelling(session, Case.id.in_(select(Party.case_id).where(among(Party.household_id, households))))


def _travelling(session: Session, which: ColumnElement[bool]) -> list[uuid.UUID]:
    """Ids of open ordinary cases of this tenant that travel, locked."""
    question = select(Case.id).where(
        which,
        Case.closed_on.is_(None),
        Case.handlers.is_(None),
        Case.is_here(),
        Case.workflow.in_(travelling_workflows()),
    )
    return list(session.scalars(question.order_by(Case.id).with_for_update()))


def _transfers(session: Session, peer: str, files: Sequence[WorkerFile], reason: str) -> Mapping[uuid.UUID, uuid.UUID]:
    """The transfer of each household: the one that was agreed, or a new one."""
    scope, homes = current_scope(), [file.household_id for file in files]
    agreed = select(HouseholdTransfer.household_id, HouseholdTransfer.transfer_id).where(
        HouseholdTransfer.direction == "out",
        HouseholdTransfer.state == "accepted",
        among(HouseholdTransfer.household_id, homes),
    )
    found = {home: transfer for home, transfer in session.execute(agreed) if home is not None}
    new = {file.household_id: new_id() for file in files if file.household_id not in found}
    rows = [
        {
            "transfer_id": new[file.household_id],
            "direction": "out",
            "peer": peer,
            "state": "sent",
            "reason": reason,
            "household_id": file.household_id,
            "file_number": file.file_number,
            "begun_by": scope.actor,
            "begun_on": scope.business_date,
        }
        for file in files
        if file.household_id in new
    ]
    insert_rows(session, HouseholdTransfer, rows)
    return found | new


def _seal(session: Session, peer: str, package: Package, reason: str) -> Sent:
    counts = {
        "households": len(package.of("household")),
        "persons": len(package.of("person")),
        "cases": len(package.of("case_record")),
        "papers": len(package.of("document")),
    }
    personal = package.as_json() | {"reason": reason}
    envelope = seal_envelope(session, peer=peer, kind=PACKAGE, body=counts, personal=personal)
    return Sent(**counts, package_id=envelope.envelope_id)


def _close_files(session: Session, files: Sequence[WorkerFile]) -> None:
    apply(session, STEP["move"], files, told=True)


def _close_cases(session: Session, cases: Sequence[uuid.UUID]) -> None:
    """Close here what goes on elsewhere; its clocks run on there, so here nothing is owed any more."""
    if not cases:
        return
    day = current_scope().business_date
    session.execute(
        update(Case).where(among(Case.id, cases)).values(closed_on=day, outside_state=MOVED, version=Case.version + 1)
    )
    session.execute(
        update(Deadline)
        .where(among(Deadline.case_id, cases), Deadline.met_on.is_(None), Deadline.cancelled_on.is_(None))
        .values(cancelled_on=day)
    )
    for case in cases:
        record(session, "case.moved", "case", case)


def _unmark(session: Session, package: Package) -> None:
    """Take the marks of those who belong to no file here any more out of the identity index; that they were aided stays."""
    present = set(package.present)
    numbers = {
        person: plain["identity_cipher"]
        for person, plain in package.plain["person"].items()
        if person in present and "identity_cipher" in plain
    }
    staying = files_of(session, list(map(uuid.UUID, numbers)))
    hashes = [tokens().identity_index_hash(number) for one, number in numbers.items() if uuid.UUID(one) not in staying]
    session.execute(
        tenant_sql("delete from identity_mark where tenant = :tenant and matter = :on_file and hash = any (:hashes)"),
        {"on_file": ON_FILE, "hashes": hashes},
    )


@on_arrival(ARRIVED)
def _has_arrived(session: Session, arrived: Envelope) -> None:
    """The receiver's word that a package arrived: the transfers end, and the package here is emptied, since nobody needs a
    second copy of these people's data."""
    numbers: dict[str, str] = arrived.body["numbers"]
    session.execute(
        tenant_sql(
            "update household_transfer as t set state = 'arrived', peer_file_number = told.number, ended_on = :day"
            " from unnest(cast(:ids as uuid[]), cast(:numbers as text[])) as told (id, number)"
            " where t.tenant = :tenant and t.direction = 'out' and t.transfer_id = told.id"
        ),
        {"ids": list(numbers), "numbers": list(numbers.values()), "day": current_scope().business_date},
    )
    session.execute(
        update(Envelope)
        .where(Envelope.envelope_id == arrived.in_reply_to, Envelope.direction == "out", Envelope.kind == PACKAGE)
        .values(body_cipher=None)
    )
