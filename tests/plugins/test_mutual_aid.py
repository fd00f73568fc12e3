"""Mutual aid in one county of two: members, contributions from a source of its own, claims, figures and audit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from core.audit.models import AuditFinding
from core.audit.service import run_audit
from core.cases.engine import GuardsNotMet
from core.cases.models import Case
from core.cases.service import advance
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.errors import InvalidInput
from core.exchange.facts import report_facts
from core.exchange.models import Fact
from core.funds.models import Grant
from core.funds.service import receive
from core.notices.service import post_notice
from core.people.models import WorkerFile
from deploy.testing.browsers import Person
from deploy.testing.installation import COUNTY, OTHER_COUNTY, Database
from deploy.testing.trial import Family, Trial
from plugins.mutual_aid.models import Batch, Claim, Member
from plugins.mutual_aid.names import NAME, SOURCE
from tests.plugins.trials import on_day, pay_all, statements, trial_with

TODAY = date(2025, 6, 2)
PAGE = f"/{COUNTY}/mutual_aid"
API = f"/api/v1/{COUNTY}/mutual_aid"
PERIOD = {"valid_from": "2025-01-01", "valid_to": "2025-12-31"}


@dataclass
class Office:
    """A county with three files, a clerk and a fund manager."""

    trial: Trial
    clerk: Person
    manager: Person
    families: list[Family]
    numbers: list[str]

    def register(self, *numbers: str, plan: str = "hospital", **more: str) -> str:
        """What the page says to a batch of these files."""
        told = {"csrf_token": self.clerk.csrf, "unit_name": "锦江机械厂工会", "plan": plan} | PERIOD | more
        answer = self.clerk.client.post(PAGE, data=told | {"file_numbers": "\n".join(numbers)})
        return answer.headers["location"] if answer.status_code == 303 else answer.text

    def received(self, slip: str = "回单-1") -> str:
        """What the page says to the contribution of the newest batch."""
        [batch, *_] = self.manager.client.get(f"{API}/batches").json()
        answer = self.manager.client.post(
            f"{PAGE}/batches/{batch['id']}/receipt", data={"csrf_token": self.manager.csrf, "slip": slip}
        )
        return answer.headers["location"] if answer.status_code == 303 else answer.text

    def member(self, plan: str = "hospital") -> uuid.UUID:
        """The first family's membership."""
        with self.trial.scope(), unit_of_work() as session:
            asked = select(Member.id).where(Member.worker_id == self.families[0].worker_id, Member.plan == plan)
            return session.scalars(asked).one()

    def claim(self, member: uuid.UUID, begun: str, ended: str = "", diagnosis: str = "肺炎") -> str:
        """What the page says to a claim."""
        told = {"csrf_token": self.clerk.csrf, "event_from": begun, "event_to": ended, "diagnosis": diagnosis}
        answer = self.clerk.client.post(f"{PAGE}/members/{member}/claims", data=told)
        return answer.headers["location"] if answer.status_code == 303 else answer.text

    def case(self, address: str) -> Case:
        """The case that a claim's answer leads to."""
        with self.trial.scope(), unit_of_work() as session:
            return session.scalars(select(Case).where(Case.id == uuid.UUID(address.rsplit("/", 1)[1]))).one()

    def findings(self, year: int = 2025) -> list[str]:
        """What the audit finds of the line."""
        with self.trial.scope(on=date(year + 1, 3, 2)), unit_of_work() as session:
            run_audit(session, year)
            found = session.scalars(select(AuditFinding.check_code).where(AuditFinding.check_code.startswith(NAME)))
            return sorted(found)


@pytest.fixture
def office(db: Database) -> Office:
    trial = trial_with(db, NAME)
    on_day(trial, TODAY)
    # The roster brings more than were asked for, each planted with a finding of its own.
    families = trial.families(3)[:3]
    with trial.scope(), unit_of_work() as session:
        numbers = session.scalars(select(WorkerFile.file_number).order_by(WorkerFile.file_number).limit(3)).all()
    return Office(trial, trial.signed_in(), trial.signed_in("fund_manager"), families, list(numbers))


@pytest.fixture
def enrolled(office: Office) -> Office:
    """All three are members of the hospital plan, the contribution is in."""
    assert office.register(*office.numbers) == f"{PAGE}?year=2025"
    assert office.received() == f"{PAGE}/batches"
    return office


def _papers(office: Office, case: Case) -> None:
    with office.trial.scope(), unit_of_work() as session:
        pdf = b"%PDF-1.7\n% a paper\n"
        add_documents(session, [NewDocument(kind, "", pdf, case_id=case.id) for kind in ("medical_record", "medical_receipt")])


def _approved(office: Office, case: Case) -> date:
    """The claim checked, posted and approved; the day of approval."""
    _papers(office, case)
    office.trial.walk(case, "check")
    with office.trial.scope(actor="poster", on=TODAY), unit_of_work() as session:
        post_notice(session, [case.id], "互助保障给付公示")
    later = TODAY + timedelta(days=14)
    on_day(office.trial, later)
    with office.trial.scope(actor="approver", on=later), unit_of_work() as session:
        advance(session, [case.id], "approve")
    return later


def test_members_are_registered_in_batches_and_covered_once_their_money_is_in(office: Office) -> None:
    refused = office.register(*office.numbers, "查无此号")
    assert ("第 4 行没有编号相符的档案" in refused, "锦江机械厂工会" in refused) == (True, True)
    assert "第 2 行档案编号重复" in office.register(office.numbers[0], office.numbers[0])
    assert "保障期不正确" in office.register(*office.numbers, valid_to="2026-01-01")
    assert office.register(*office.numbers[:2]) == f"{PAGE}?year=2025"
    assert "第 1 行的职工 2025 年已参加该计划" in office.register(*office.numbers[1:])
    assert office.register(office.numbers[0], plan="illness") == f"{PAGE}?year=2025"
    assert "会费尚未到账" in office.claim(office.member(), "2025-03-03", "2025-03-10")
    page = office.manager.client.get(f"{PAGE}/batches").text
    assert ("120.00" in page, "锦江机械厂工会" in page) == (True, True)
    assert office.families[0].name not in page
    assert office.manager.client.get(PAGE).status_code == 403
    assert "请填写银行回单号" in office.received(" ")
    assert office.received("回单-1") == f"{PAGE}/batches"
    listed = office.clerk.client.get(f"{API}/members", params={"year": 2025, "limit": 2}).json()
    assert [member["covered"] for member in listed] == [True, False]
    rest = office.clerk.client.get(f"{API}/members", params={"year": 2025, "after": listed[-1]["id"]}).json()
    assert [member["plan"] for member in rest] == ["hospital"]
    assert "Members of mutual aid 2025" in office.clerk.client.get(f"{PAGE}?lang=en").text


def test_money_of_members_is_theirs_alone(office: Office) -> None:
    for tenant, purpose, said in ((COUNTY, "living", "专款专用"), (OTHER_COUNTY, NAME, "资金来源不正确")):
        with office.trial.scope(tenant, actor="treasurer"), unit_of_work() as session, pytest.raises(InvalidInput, match=said):
            receive(session, year=2025, source=SOURCE, purpose=purpose, amount_fen=1, key="k1", note="")
    assert "职工互助会费" in office.manager.client.get(f"/{COUNTY}/funds").text


def test_a_stay_in_hospital_from_the_claim_to_the_money(enrolled: Office) -> None:
    with enrolled.trial.scope(actor="treasurer", on=TODAY), unit_of_work() as session:
        receive(session, year=2025, source=SOURCE, purpose=NAME, amount_fen=1_000_000, key="more", note="历年结余")
    case = enrolled.case(enrolled.claim(enrolled.member(), "2025-03-03", "2025-03-10"))
    assert case.requested_fen == 35_000
    assert case.form["basis"].startswith(
        "住院 7 天 × 50.00 元 = 350.00 元；年度封顶 8,000.00 元，本年度此前 0.00 元；应给付 350.00 元"
    )
    with pytest.raises(GuardsNotMet, match="缺少材料"):
        enrolled.trial.walk(case, "check")
    paid_on = _approved(enrolled, case)
    with enrolled.trial.scope(), unit_of_work() as session:
        grant = session.scalars(select(Grant)).one()
    assert (grant.source, grant.purpose, grant.amount_fen) == (SOURCE, NAME, 35_000)
    assert pay_all(enrolled.trial, paid_on) == (1, 35_000)
    assert enrolled.case(f"/{case.id}").state == "closed"
    told = enrolled.clerk.client.get(f"{API}/members/{enrolled.member()}/claims").json()
    assert [(claim["state"], claim["amount_fen"]) for claim in told] == [("closed", 35_000)]
    with enrolled.trial.scope(on=date(2026, 1, 5)), unit_of_work() as session:
        report_facts(session, 2025)
        facts = {
            (fact.name, fact.dimension): fact.value for fact in session.scalars(select(Fact)) if fact.name.startswith(NAME)
        }
    assert facts == {
        (f"{NAME}.members", "hospital"): 3,
        (f"{NAME}.contributions_fen", "hospital"): 18_000,
        (f"{NAME}.paid_fen", "hospital"): 35_000,
    }
    # The carried-over money names no batch.
    assert enrolled.findings() == [f"{NAME}.contribution_without_member"]


@pytest.mark.parametrize(
    ("begun", "ended", "said"),
    [
        ("2025-01-20", "2025-01-28", "等待期内"),
        ("2024-12-20", "2025-02-10", "不在保障期内"),
        ("2025-05-20", "2025-06-20", "日期不正确"),
        ("2025-04-01", "2025-03-20", "日期不正确"),
        ("", "2025-03-20", "请填写日期"),
    ],
)
def test_what_is_not_covered_is_refused(enrolled: Office, begun: str, ended: str, said: str) -> None:
    refused = enrolled.claim(enrolled.member(), begun, ended, "急性阑尾炎")
    assert (said in refused, "急性阑尾炎" in refused) == (True, True)
    with enrolled.trial.scope(), unit_of_work() as session:
        assert session.scalars(select(Case)).all() == []


def test_an_event_is_claimed_once_and_the_year_has_a_cap(enrolled: Office) -> None:
    member = enrolled.member()
    first = enrolled.case(enrolled.claim(member, "2025-02-03", "2025-05-04"))
    assert first.requested_fen == 450_000
    assert f"已由 {first.number} 申请给付" in enrolled.claim(member, "2025-02-03", "2025-02-10")
    assert f"已由 {first.number} 申请给付" in enrolled.claim(member, "2025-05-01", "2025-05-08")
    assert enrolled.register(enrolled.numbers[0], plan="illness") == f"{PAGE}?year=2025"
    assert enrolled.received("回单-2") == f"{PAGE}/batches"
    body = {"event_from": "2025-05-01", "diagnosis": "恶性肿瘤"}
    token = {"X-CSRF-Token": enrolled.clerk.csrf}
    answer = enrolled.clerk.client.post(f"{API}/members/{enrolled.member('illness')}/claims", json=body, headers=token)
    assert (answer.status_code, answer.json()["amount_fen"]) == (201, 350_000)
    assert "本年度此前 4,500.00 元；应给付 3,500.00 元" in answer.json()["basis"]
    assert "达到封顶" in enrolled.claim(member, "2025-05-20", "2025-05-24")
    enrolled.trial.walk(first, "withdraw")
    again = enrolled.case(enrolled.claim(member, "2025-02-03", "2025-02-10"))
    assert again.requested_fen == 35_000


def test_whoever_goes_on_does_not_wait_again(office: Office) -> None:
    office.register(office.numbers[0], valid_from="2024-01-01", valid_to="2024-12-31")
    office.received("2024")
    office.register(office.numbers[0])
    office.received("2025")
    with office.trial.scope(), unit_of_work() as session:
        member = session.scalars(select(Member.id).where(Member.year == 2025)).one()
    assert office.case(office.claim(member, "2025-01-05", "2025-01-08")).requested_fen == 15_000


def test_a_case_that_no_member_filed_is_not_checked_and_the_audit_finds_what_went_past(enrolled: Office) -> None:
    with enrolled.trial.scope(actor="treasurer", on=TODAY), unit_of_work() as session:
        receive(session, year=2025, source=SOURCE, purpose=NAME, amount_fen=2_000_000, key="more", note="")
    form = {"plan": "hospital", "event_from": "2025-03-03", "event_to": "2025-03-10", "diagnosis": "肺炎"}
    case = enrolled.trial.open_case(NAME, form, family=enrolled.families[0])
    with pytest.raises(GuardsNotMet, match="没有对应的会员"):
        enrolled.trial.walk(case, "check")
    member = enrolled.member()
    paid = enrolled.case(enrolled.claim(member, "2025-03-03", "2025-03-10"))
    _approved(enrolled, paid)
    with enrolled.trial.database.owner.begin() as connection:
        connection.exec_driver_sql("update relief_grant set amount_fen = 900000")
        connection.exec_driver_sql("update mutual_aid.claim set event_from = '2024-06-01'")
    expected = ["cap_exceeded", "claim_without_member", "contribution_without_member"]
    assert enrolled.findings() == [f"{NAME}.{code}" for code in expected]


def test_the_other_county_sees_nothing_of_it(enrolled: Office) -> None:
    other = enrolled.trial.signed_in(tenant=OTHER_COUNTY)
    for path in (f"/{OTHER_COUNTY}/mutual_aid", f"/api/v1/{OTHER_COUNTY}/mutual_aid/batches"):
        assert other.client.get(path).status_code == 404
    assert "互助保障" not in other.client.get(f"/{OTHER_COUNTY}/").text
    with enrolled.trial.scope(OTHER_COUNTY), unit_of_work() as session:
        assert not any(code.startswith(NAME) for code in run_audit(session, 2025))
        assert [session.scalar(select(func.count()).select_from(table)) for table in (Batch, Claim)] == [0, 0]
    enrolled.trial.switch_on(NAME, tenant=OTHER_COUNTY)
    assert other.client.get(f"/api/v1/{OTHER_COUNTY}/mutual_aid/members", params={"year": 2025}).json() == []
    assert other.client.get(f"/{OTHER_COUNTY}/mutual_aid/members/{enrolled.member()}").status_code == 404


def test_a_page_asks_as_much_of_three_members_as_of_one(office: Office) -> None:
    asked = []
    for numbers in (office.numbers[:1], office.numbers[1:]):
        office.register(*numbers)
        office.clerk.client.get(PAGE)
        with statements(office.trial.database) as seen:
            assert office.clerk.client.get(PAGE).status_code == 200
        asked.append(len(seen))
    assert asked[0] == asked[1]
