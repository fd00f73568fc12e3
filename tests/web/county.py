"""A small county, planted through the services: files, cases in several states, money, a batch, a finding, a matter."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from core.announcements.service import publish
from core.audit.models import AuditFinding
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.exchange.envelopes import deliver
from core.exchange.facts import report_facts
from core.exchange.matters import hand_over
from core.funds.service import prepare_batch, receive
from core.jobs.models import OutboxItem
from core.jobs.service import start_job
from core.notices.service import post_notice, raise_objection
from core.parameters.service import set_parameter
from core.people.models import Person, WorkerFile
from core.people.service import import_roster
from core.scope import Scope
from core.surveys.service import determine, latest_determinations, open_round
from core.tenancy.keys import give_key
from core.tenancy.models import BusinessClock
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import JOB, LINES, PETITION, install, papers, post
from tests.kept import kept

Acting = Callable[..., AbstractContextManager[Scope]]

LATER = date(2025, 9, 22)
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
_SOURCES = ("appropriation", "union", "donation")


@dataclass(frozen=True)
class Planted:
    """Ids of what was planted."""

    household: uuid.UUID
    relief: uuid.UUID
    petition: uuid.UUID
    job_seeker: uuid.UUID
    notice: uuid.UUID
    batch: uuid.UUID
    job: uuid.UUID
    finding: uuid.UUID
    matter: uuid.UUID


def switch_lines(db: Database, tenant: str) -> None:
    """Switch all built-in lines on, as the administrator's act would leave it."""
    with db.owner.begin() as connection:
        for line in sorted(LINES):
            connection.execute(
                text("insert into tenant_plugin (tenant, plugin, enabled, version) values (:t, :p, true, 1)"),
                {"t": tenant, "p": line},
            )


def open_county(db: Database, acting: Acting, roster: Path) -> None:
    """Lines on, keys given, the roster taken in, the clock set to ``LATER``."""
    install(db)
    with db.owner.begin() as connection:
        connection.execute(insert(BusinessClock).values(id=1, on=LATER))
    for tenant in (COUNTY, OTHER_COUNTY, PREFECTURE):
        switch_lines(db, tenant)
    with post(acting, "system:parameters", tenant=PROVINCE), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2025, 1, 1), 80_000, "省级文件", "domain 10")
    for tenant in (COUNTY, OTHER_COUNTY, PREFECTURE):
        with post(acting, "system:key", tenant=tenant), unit_of_work() as session:
            give_key(session)
    with post(acting, "system:import"), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)


def relief_cases(session: Session) -> tuple[uuid.UUID, list[Case]]:
    """Cases of all households that qualify for a year's living relief; the first household."""
    files = {file.household_id: file for file in session.scalars(select(WorkerFile))}
    people = {person.id: person.name for person in session.scalars(select(Person))}
    drafts = []
    for found in latest_determinations(session, 2025):
        amount = int(found.amounts.get("yearly_living") or 0)
        worker = files[found.household_id].worker_id
        if amount:
            parties = (
                NewParty("applicant", person_id=worker, label=people[worker]),
                NewParty("household", household_id=found.household_id, label=people[worker]),
            )
            drafts.append(
                NewCase(
                    "living_relief",
                    "living_relief",
                    parties,
                    programme="yearly_living",
                    determination_id=found.id,
                    requested_fen=amount,
                )
            )
    cases = open_cases(session, drafts)
    household = next(party.household_id for party in drafts[0].parties if party.household_id)
    return household, cases


def money_in(session: Session) -> None:
    """Money of every source for living and medical relief."""
    for source in _SOURCES:
        for purpose in ("living", "medical"):
            receive(
                session,
                year=2025,
                source=source,
                purpose=purpose,
                amount_fen=5_000_000,
                key=f"{source}:{purpose}",
                note="年度拨款",
            )


def _finding() -> AuditFinding:
    return AuditFinding(
        year=2025,
        check_code="test",
        severity="major",
        fingerprint="1",
        title="发放时间早于审批时间",
        subject_kind="tenant",
        clause="domain 7.2",
        found_on=TODAY,
        due_on=date(2025, 10, 1),
    )


def deliver_all(acting: Acting, tenant: str = COUNTY) -> None:
    """Carry all sealed packages of a tenant to their receivers."""
    with acting(tenant), unit_of_work() as session:
        payloads = [item.payload for item in session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope"))]
    for payload in payloads:
        deliver(tenant, payload)


def plant(db: Database, acting: Acting, roster: Path) -> Planted:
    """Plant everything; the first half of the relief cases is paid for in a batch that waits for its approver."""
    install(db)
    return kept(db, ("county", roster), lambda: _planted(db, acting, roster))


def _planted(db: Database, acting: Acting, roster: Path) -> Planted:
    open_county(db, acting, roster)
    with post(acting, "clerk"), unit_of_work() as session:
        determine(session, open_round(session, 2025).id)
        money_in(session)
    with post(acting, "clerk"), unit_of_work() as session:
        household, relief = relief_cases(session)
        papers(session, relief)
        petition, handed = open_cases(
            session, [NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)] * 2
        )
        (seeker,) = open_cases(
            session, [NewCase("employment", "job_seeking", (NewParty("applicant", label="李明"),), form=JOB)]
        )
        half = [case.id for case in relief[: len(relief) // 2]]
        advance(session, half, "verify")
        advance(session, [case.id for case in relief[-1:]], "verify")
        notice = post_notice(session, half, "2025 年第一批生活救助公示")
        envelope = hand_over(session, handed.id, PREFECTURE, "涉及两个县，请市级协调")
        job = start_job(session, "survey", "2025", {"year": 2025})
        finding = _finding()
        session.add(finding)
        session.flush()
        made = Planted(
            household,
            relief[0].id,
            petition.id,
            seeker.id,
            notice.id,
            uuid.UUID(int=0),
            job.id,
            finding.id,
            envelope.envelope_id,
        )
    deliver_all(acting)
    with post(acting, "approver", on=LATER), unit_of_work() as session:
        advance(session, half, "approve")
        batch = prepare_batch(session, year=2025, key="first")
        publish(session, 2025)
        raise_objection(session, "名单中有一户有商品房", batch_id=made.notice)
        report_facts(session, 2025)
        return replace(made, batch=batch.id)
