"""The middle of the sample's year: living-relief cases from opening to payment, each act by another person.

The rule by which cases are opened: every household that asked for a programme in the survey and qualifies for it by the
survey's determination. Who asked and does not qualify has the determination's reasons as the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case, Party
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.cases.workflows import workflow_named
from core.documents.service import NewDocument, add_documents, missing_kinds
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentBatch
from core.funds.repository import attempts
from core.funds.service import BankTotals, approve_batch, prepare_batch, send_batch, take_return
from core.host.manager import host
from core.notices.service import post_notice
from core.people.models import Person, WorkerFile
from core.surveys.service import latest_determinations
from deploy.story.desks import Errand, Said
from deploy.story.papers import paper
from deploy.story.sample_files import events
from deploy.story.staff import at_desk

WORKFLOW = "living_relief"
_TOGETHER = 200
"""Cases of one transaction: short, so that a kill loses little."""


def programmes() -> dict[str, str]:
    """Codes of the programmes by their Chinese names."""
    return {programme.zh: programme.code for programme in host().collected("bangfu_programmes")}


def _parts(items: Sequence[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    rest = iter(items)
    while part := list(islice(rest, _TOGETHER)):
        yield part


def _in_state(session: Session, *states: str) -> list[uuid.UUID]:
    return list(
        session.scalars(select(Case.id).where(Case.plugin == "living_relief", Case.state.in_(states)).order_by(Case.number))
    )


def _drafts(session: Session, year: int) -> list[NewCase]:
    files = {
        row.household_id: row
        for row in session.execute(
            select(WorkerFile.household_id, WorkerFile.worker_id, WorkerFile.applied_programmes, Person.name).join(
                Person, (Person.tenant == WorkerFile.tenant) & (Person.id == WorkerFile.worker_id)
            )
        )
    }
    drafts = []
    for found in latest_determinations(session, year):
        file = files[found.household_id]
        for programme in sorted(file.applied_programmes):
            amount = int(found.amounts.get(programme) or 0)
            if amount:
                drafts.append(
                    NewCase(
                        plugin="living_relief",
                        workflow=WORKFLOW,
                        programme=programme,
                        parties=(
                            NewParty("applicant", person_id=file.worker_id, label=file.name),
                            NewParty("household", household_id=found.household_id, label=file.name),
                        ),
                        determination_id=found.id,
                        requested_fen=amount,
                        opening_key=f"survey:{year}:{found.household_id}:{programme}",
                    )
                )
    return drafts


def open_all(errand: Errand) -> Said:
    """The caseworker opens the cases and takes in the papers that the line requires."""
    with at_desk(errand.county, "caseworker") as (_, session):
        drafts = _drafts(session, errand.days.year)
    rest = iter(drafts)
    while part := list(islice(rest, _TOGETHER)):
        with at_desk(errand.county, "caseworker") as (_, session):
            cases = open_cases(session, part)
            missing = missing_kinds(session, cases)
            add_documents(
                session,
                [
                    NewDocument(kind, "", paper(kind, case.number), "application/pdf", case_id=case.id)
                    for case in cases
                    for kind in missing[case.id]
                ],
            )
    return {"cases": len(drafts)}


def verify_all(errand: Errand) -> Said:
    """The reviewer verifies."""
    return _advance_all(errand, "reviewer", workflow_named(WORKFLOW).initial, "verify")


def notice_all(errand: Errand) -> Said:
    """The caseworker posts the public notice."""
    with at_desk(errand.county, "caseworker") as (_, session):
        waiting = _in_state(session, "verified")
        if not waiting:
            return {"cases": 0, "ends_on": "—"}
        batch = post_notice(session, waiting, f"{errand.days.year} 年困难职工救助对象公示")
        return {"cases": len(waiting), "ends_on": batch.ends_on.isoformat()}


def approve_all(errand: Errand) -> Said:
    """The case approver decides; the money is reserved."""
    return _advance_all(errand, "case_approver", "noticed", "approve")


def _advance_all(errand: Errand, role: str, state: str, transition: str) -> Said:
    with at_desk(errand.county, role) as (_, session):
        waiting = _in_state(session, state)
    for part in _parts(waiting):
        with at_desk(errand.county, role) as (_, session):
            advance(session, part, transition)
    return {"cases": len(waiting)}


def pay_first(errand: Errand) -> Said:
    """Fund manager, payment approver and payer bring the first batch to the bank."""
    return _send(errand, 1)


def pay_again(errand: Errand) -> Said:
    """The same with a second batch, of what the bank returned from the first."""
    return _send(errand, 2)


def take_first_return(errand: Errand) -> Said:
    """The payer takes in the bank's return of the first batch: some payments failed."""
    return _take_return(errand, 1)


def take_second_return(errand: Errand) -> Said:
    """The payer takes in the bank's return of the second batch: all are paid."""
    return _take_return(errand, 2)


def _key(errand: Errand, number: int) -> str:
    return f"sample:{errand.days.year}:{number}"


def _batch(session: Session, key: str) -> PaymentBatch | None:
    return session.scalar(select(PaymentBatch).where(PaymentBatch.idempotency_key == key))


def _send(errand: Errand, number: int) -> Said:
    county, key = errand.county, _key(errand, number)
    with at_desk(county, "fund_manager") as (_, session):
        batch = _batch(session, key)
        if batch is None:
            if not _anything_due(session):
                return {"fen": 0}
            batch = prepare_batch(session, year=errand.days.year, key=key)
        batch_id, state, total = batch.id, batch.state, batch.total_fen
    if state == "draft":
        with at_desk(county, "payment_approver") as (_, session):
            approve_batch(session, batch_id)
            state = "approved"
    if state == "approved":
        with at_desk(county, "payer") as (_, session):
            send_batch(session, batch_id)
    return {"fen": total}


def _take_return(errand: Errand, number: int) -> Said:
    with at_desk(errand.county, "payer") as (_, session):
        batch = _batch(session, _key(errand, number))
        if batch is None or batch.state != "sent":
            return {"failed": 0}
        failures = _failures(session, batch.id, errand.book) if number == 1 else {}
        paid = [one.amount_fen for one in attempts(session, batch.id) if one.id not in failures]
        take_return(session, batch.id, failures, BankTotals(len(paid), sum(paid)))
        return {"failed": len(failures)}


def _anything_due(session: Session) -> bool:
    return session.scalar(select(Instalment.id).where(Instalment.state == "due").limit(1)) is not None


def _failures(session: Session, batch_id: uuid.UUID, path: Path) -> dict[uuid.UUID, str]:
    wanted = [event for event in events(path) if event.what == "银行退回"]
    cases = case_ids(session, [(event.household, event.programme) for event in wanted])
    rows = session.execute(
        select(Grant.case_id, PaymentAttempt.id)
        .join(PaymentAttempt, (PaymentAttempt.tenant == Grant.tenant) & (PaymentAttempt.grant_id == Grant.id))
        .where(PaymentAttempt.batch_id == batch_id, Grant.case_id.in_(cases.values()))
    )
    attempts = {row[0]: row[1] for row in rows}
    return {attempts[case]: "name_mismatch" for case in cases.values() if case in attempts}


def case_ids(session: Session, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], uuid.UUID]:
    """Cases by (number of the household in the workbook, Chinese name of the programme)."""
    codes = programmes()
    numbers = {household for household, _ in wanted}
    rows = session.execute(
        select(WorkerFile.import_key, Case.programme, Case.id)
        .join(Party, (Party.tenant == WorkerFile.tenant) & (Party.household_id == WorkerFile.household_id))
        .join(Case, (Case.tenant == Party.tenant) & (Case.id == Party.case_id))
        .where(WorkerFile.import_key.in_(numbers), Party.role == "household")
    )
    by_code = {(str(key), str(programme)): case_id for key, programme, case_id in rows}
    return {
        (household, name): by_code[household, codes[name]]
        for household, name in wanted
        if name in codes and (household, codes[name]) in by_code
    }
