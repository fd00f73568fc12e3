"""The middle of the sample's year: living-relief cases from opening to payment, each act by another person.

The rule by which cases are opened: every household that asked for a programme in the survey and qualifies for it by the
survey's determination. Who asked and does not qualify has the determination's reasons as the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case, Party
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.cases.workflows import workflow_named
from core.documents.service import NewDocument, add_documents, missing_kinds
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentBatch
from core.funds.service import approve_batch, prepare_batch, send_batch, take_return
from core.host.manager import host
from core.notices.service import post_notice
from core.people.models import Person, WorkerFile
from core.surveys.service import latest_determinations
from deploy.story.calendar import Days
from deploy.story.ledger import Progress
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


def open_all(progress: Progress, days: Days, counties: list[str]) -> None:
    """The caseworker opens the cases and takes in the papers that the line requires."""
    progress.move_to(days.opening)
    for code in counties:
        if progress.done("open", code):
            continue
        with at_desk(code, "caseworker") as (_, session):
            drafts = _drafts(session, days.year)
        opened = 0
        rest = iter(drafts)
        while part := list(islice(rest, _TOGETHER)):
            with at_desk(code, "caseworker") as (_, session):
                cases = open_cases(session, part)
                opened += len(cases)
                missing = missing_kinds(session, cases)
                add_documents(
                    session,
                    [
                        NewDocument(kind, "", paper(kind, case.number), "application/pdf", case_id=case.id)
                        for case in cases
                        for kind in missing[case.id]
                    ],
                )
        progress.say(f"  {code}  受理 {opened} 件")
        progress.mark("open", code, {"cases": opened})


def verify_all(progress: Progress, days: Days, counties: list[str]) -> None:
    """The reviewer verifies."""
    progress.move_to(days.verifying)
    for code in counties:
        with at_desk(code, "reviewer") as (_, session):
            waiting = _in_state(session, workflow_named(WORKFLOW).initial)
        for part in _parts(waiting):
            with at_desk(code, "reviewer") as (_, session):
                advance(session, part, "verify")


def notice_all(progress: Progress, days: Days, counties: list[str]) -> None:
    """The caseworker posts the public notice."""
    progress.move_to(days.notice)
    for code in counties:
        with at_desk(code, "caseworker") as (_, session):
            waiting = _in_state(session, "verified")
            if waiting:
                batch = post_notice(session, waiting, f"{days.year} 年困难职工救助对象公示")
                progress.say(f"  {code}  公示 {len(waiting)} 件，至 {batch.ends_on}")


def approve_all(progress: Progress, days: Days, counties: list[str]) -> None:
    """The case approver decides; the money is reserved."""
    progress.move_to(days.approval)
    for code in counties:
        with at_desk(code, "case_approver") as (_, session):
            waiting = _in_state(session, "noticed")
        for part in _parts(waiting):
            with at_desk(code, "case_approver") as (_, session):
                advance(session, part, "approve")
        progress.say(f"  {code}  批准 {len(waiting)} 件")


def pay_all(progress: Progress, days: Days, rosters: dict[str, Path]) -> None:
    """Fund manager, payment approver and payer send two batches; what the bank returns from the first is paid by the second."""
    for number, sent_on, returned_on in ((1, days.paying, days.returning), (2, days.returning, days.second_return)):
        for code, path in rosters.items():
            if not progress.done(f"paid{number}", code):
                progress.move_to(sent_on)
                _pay_batch(progress, code, path, days.year, number, returned_on)
                progress.mark(f"paid{number}", code)


def _pay_batch(progress: Progress, code: str, path: Path, year: int, number: int, returned_on: date) -> None:
    key = f"sample:{year}:{number}"
    with at_desk(code, "fund_manager") as (_, session):
        batch = session.scalar(select(PaymentBatch).where(PaymentBatch.idempotency_key == key))
        if batch is None:
            if not _anything_due(session):
                return
            batch = prepare_batch(session, year=year, key=key)
        batch_id, state, total = batch.id, batch.state, batch.total_fen
    if state == "draft":
        with at_desk(code, "payment_approver") as (_, session):
            approve_batch(session, batch_id)
            state = "approved"
    if state == "approved":
        with at_desk(code, "payer") as (_, session):
            send_batch(session, batch_id)
            state = "sent"
    if state == "sent":
        progress.move_to(returned_on)
        with at_desk(code, "payer") as (_, session):
            failures = _failures(session, batch_id, path) if number == 1 else {}
            take_return(session, batch_id, failures)
        progress.say(f"  {code}  第 {number} 批 {total / 100:,.2f} 元，退回 {len(failures)} 笔")


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
