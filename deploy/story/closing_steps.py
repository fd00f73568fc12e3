"""The end of the sample's year: what was found later, the audit, the announcement, and the summary."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

from sqlalchemy import func, select

from core.announcements.service import latest_announcement, publish
from core.audit.service import findings_by_severity
from core.cases.models import Case
from core.codes import code_from_label
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import withdraw_document
from core.exchange.facts import report_facts
from core.funds.service import paid_by_source_and_purpose
from core.jobs.service import start_job
from core.people.models import Membership, Person, WorkerFile
from core.people.service import add_member, correct_income
from core.scope import entered
from core.surveys.models import Determination, SurveyRound
from core.tenancy.service import system_scope
from deploy.story.calendar import Days
from deploy.story.case_steps import case_ids
from deploy.story.desks import Errand, Said
from deploy.story.ledger import Progress
from deploy.story.opening_steps import PROVINCE
from deploy.story.sample_files import Event, events
from deploy.story.staff import at_desk, by_platform
from deploy.story.waiting import wait_for_job, wait_for_outbox


def aftermath(errand: Errand) -> Said:
    """What comes to light after the payments, through the doors that everybody uses."""
    found = [event for event in events(errand.book) if event.what != "银行退回"]
    with at_desk(errand.county, "caseworker") as (_, session):
        for event in found:
            _happen(session, event, errand.days)
    return {"events": len(found)}


def _happen(session: Any, event: Event, days: Days) -> None:
    household_id, worker_id = session.execute(
        select(WorkerFile.household_id, WorkerFile.worker_id).where(WorkerFile.import_key == event.household)
    ).one()
    if event.what == "材料撤回":
        case = case_ids(session, [(event.household, event.programme)])[event.household, event.programme]
        kind = code_from_label("document_kind", event.noted("材料"))
        document = session.scalars(
            select(Document.id).where(Document.case_id == case, Document.kind == kind, Document.withdrawn_on.is_(None))
        ).first()
        if document is not None:
            withdraw_document(session, document, "申请人要求退还原件（样例）")
    elif event.what == "收入更正" and event.fen is not None:
        correct_income(session, worker_id, lines={"income_unsorted_fen": event.fen}, valid_from=days.rosters)
    elif event.what == "新增成员":
        number, birth = event.noted("身份证号"), date.fromisoformat(event.noted("出生日期"))
        known = session.scalar(
            select(Membership.id)
            .join(Person, (Person.tenant == Membership.tenant) & (Person.id == Membership.person_id))
            .where(Membership.household_id == household_id, Person.name == event.noted("姓名"), Person.birth_date == birth)
        )
        if known is None:
            add_member(
                session,
                household_id,
                name=event.noted("姓名"),
                identity_number=number,
                relation=code_from_label("relationship_form", event.noted("关系")),
                valid_from=birth,
            )


def audit(progress: Progress, days: Days) -> None:
    """The province's audit over all its counties, as background work; its findings about two counties go by envelope."""
    if progress.done("audit"):
        return
    progress.move_to(days.audit)
    with entered(system_scope(PROVINCE, "audit")), unit_of_work() as session:
        job = start_job(session, "audit.province", str(days.year), {"year": days.year}).id
    wait_for_job(PROVINCE, job, progress)
    wait_for_outbox(PROVINCE, progress)
    progress.mark("audit")


def announce(errand: Errand) -> Said:
    """The county publishes its announcement, and its figures go up."""
    year = errand.days.year
    with at_desk(errand.county, "fund_manager") as (_, session):
        if latest_announcement(session, year) is None:
            publish(session, year)
    with by_platform(errand.county, "facts") as session:
        report_facts(session, year)
    return {"announcements": 1}


def summary(progress: Progress, days: Days, counties: list[str]) -> dict[str, Any]:
    """The totals of the sample, each read in its county's scope."""
    counted: Counter[str] = Counter()
    paid: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    findings: Counter[str] = Counter({"critical": 0, "major": 0, "minor": 0})
    for code in counties:
        with by_platform(code, "summary") as session:
            counted["households"] += session.scalar(select(func.count()).select_from(WorkerFile)) or 0
            counted["persons"] += session.scalar(select(func.count()).select_from(Person)) or 0
            counted["eligible"] += (
                session.scalar(
                    select(func.count())
                    .select_from(Determination)
                    .join(
                        SurveyRound,
                        (SurveyRound.tenant == Determination.tenant) & (SurveyRound.id == Determination.round_id),
                    )
                    .where(SurveyRound.year == days.year, Determination.eligible)
                )
                or 0
            )
            counted["cases"] += (
                session.scalar(select(func.count()).select_from(Case).where(Case.plugin == "living_relief")) or 0
            )
            for row in paid_by_source_and_purpose(session, days.year):
                paid[row.source][row.purpose] += row.fen
            findings.update(findings_by_severity(session, days.year))
    return {
        "counties": len(counties),
        **{name: counted[name] for name in ("households", "persons", "eligible", "cases")},
        "paid_fen": {source: dict(sorted(purposes.items())) for source, purposes in sorted(paid.items())},
        "findings": dict(findings),
        "seconds": progress.seconds,
    }
