"""One household of whom every kind of content is known, in a file, cases, a payment, a notice, a matter and a finding."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.audit.models import AuditFinding
from core.audit.service import answer_finding
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.base import new_id
from core.db.session import unit_of_work
from core.exchange.matters import hand_over
from core.funds.models import Grant
from core.funds.service import prepare_batch, receive
from core.notices.models import Objection
from core.notices.service import answer_objection, post_notice, raise_objection
from core.parameters.service import set_parameter
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.surveys.models import Determination
from core.surveys.service import determine
from core.tenancy.keys import tenant_key
from core.vault import masking
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import PETITION, install, papers, post, with_key
from tests.kept import kept
from tests.web.county import LATER, Acting, deliver_all, switch_lines

NAME = "欧阳修文"
NUMBER, PHONE, ACCOUNT = "510104198001011232", "13912345678", "6217001234567891234"
AREA, HOUSE = "蜀门北路社区", "77栋8单元"
NOTE, OPINION, PETITION_TEXT, SECRET = "核实意见哨兵", "工会意见哨兵", "信访内容哨兵", "检举内容哨兵"
MATTER, OBJECTION, CONTACT, FINDING = "移交内容哨兵", "异议内容哨兵", "13800009999", "审计答复哨兵"

FULL: Mapping[str, tuple[str, ...]] = {
    "name": (NAME,),
    "identity_number": (NUMBER,),
    "phone": (PHONE,),
    "account": (ACCOUNT,),
    "area": (AREA,),
    "house_number": (HOUSE,),
    "means": ("12,345.67", "1234567,"),
    "health": ("87,654.32", "8765432", "疾病状况哨兵"),
    "determination": ("所用政策参数",),
    "aid": ("救助记录",),
    "opinions": (OPINION,),
    "case_notes": (NOTE,),
    "petition": (PETITION_TEXT,),
    "matter": (MATTER,),
    "objection": (OBJECTION,),
    "objector": (CONTACT,),
    "finding": (FINDING,),
}
"""What shows each kind of content in full, on pages or in answers of the interface."""
PLANTED_IN: Mapping[str, str] = {"name": "living_relief", "case_notes": "living_relief", "petition": "petitions"}
"""The line of the case in which a post that a line brings finds the content, if it reads that line."""
MASKED: Mapping[str, str] = {
    "identity_number": masking.identity_number(NUMBER),
    "phone": masking.phone(PHONE),
    "account": masking.bank_account(ACCOUNT),
}


@dataclass(frozen=True)
class Known:
    """Ids of what was planted, by the name that paths give them."""

    household_id: uuid.UUID
    cases: tuple[uuid.UUID, ...]
    batch_ids: tuple[uuid.UUID, ...]
    envelope_id: uuid.UUID


def _file(session: Session) -> uuid.UUID:
    """The household's file with its facts."""
    household, worker = new_id(), new_id()
    key, wrapped = tenant_key(session).new_person_key(worker)
    session.add(
        Person(
            id=worker, name=NAME, pinyin="ouyangxiuwen", gender="1", birth_date=date(1980, 1, 1), wrapped_key=wrapped,
            identity_cipher=key.seal("identity_cipher", NUMBER), identity_masked=masking.identity_number(NUMBER),
            phone_cipher=key.seal("phone_cipher", PHONE), phone_masked=masking.phone(PHONE),
        )
    )  # fmt: skip
    session.add(Household(id=household, address=AREA, house_number_cipher=key.seal("house_number_cipher", HOUSE)))
    session.add(SearchToken(token=NAME, subject_kind="person", subject_id=worker))
    session.flush()
    since = date(2025, 1, 1)
    session.add(Membership(household_id=household, person_id=worker, relation="head", valid_from=since))
    session.add(
        PersonFact(
            person_id=worker, valid_from=since, income_unsorted_fen=0, identity_status="employed", source="t",
            health_status="疾病状况哨兵",
        )
    )  # fmt: skip
    session.add(
        HouseholdFact(
            household_id=household, valid_from=since, other_yearly_income_fen=1_234_567, cost_illness_fen=8_765_432, source="t"
        )
    )
    session.add(
        WorkerFile(
            household_id=household, worker_id=worker, file_number="SB1", status="on_file", opened_on=since, updated_on=since,
            applied_programmes=["yearly_living"], bank_name="中国银行", bank_branch="锦江支行",
            account_cipher=key.seal("account_cipher", ACCOUNT), account_masked=masking.bank_account(ACCOUNT),
            account_token=(1).to_bytes(32, "big"), opinions=[{"union": "county", "text": OPINION, "on": "2025-01-01"}],
        )
    )  # fmt: skip
    session.flush()
    assert determine(session, None, [household]) == 1
    return household


def _petition(kind: str, said: str, handlers: tuple[str, ...] | None = None) -> NewCase:
    form = PETITION | {"kind": kind, "content": said}
    return NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=form, handlers=handlers)


def plant(db: Database, acting: Acting) -> Known:
    """Plant the household and everything that tells of it; the sealed petition is handled by nobody who signs in here."""
    install(db)
    return kept(db, "sentinels", lambda: _planted(db, acting))


def _planted(db: Database, acting: Acting) -> Known:
    with db.owner.begin() as connection:
        connection.execute(text('insert into business_clock (id, "on") values (1, :day)'), {"day": LATER})
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_lines(db, tenant)
        with_key(acting, tenant)
    with post(acting, "system:parameters"), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2025, 1, 1), 80_000, "样例", "domain 10")
    with post(acting, "clerk"), unit_of_work() as session:
        receive(session, year=2025, source="appropriation", purpose="living", amount_fen=90_000_000, key="a", note="拨款")
        session.flush()
        household = _file(session)
    with post(acting, "clerk"), unit_of_work() as session:
        found = session.scalars(select(Determination)).one()
        worker = session.scalars(select(Person.id)).one()
        parties = (NewParty("applicant", worker, label=NAME), NewParty("household", household_id=household))
        relief = NewCase(
            "living_relief", "living_relief", parties, programme="yearly_living", determination_id=found.id,
            requested_fen=found.amounts["yearly_living"],
        )  # fmt: skip
        cases = open_cases(session, [relief, _petition("settlement", PETITION_TEXT), _petition("report", SECRET)])
        papers(session, cases[:1])
        advance(session, [cases[0].id], "verify", NOTE)
        notice = post_notice(session, [cases[0].id], "公示")
        raise_objection(session, OBJECTION, batch_id=notice.id, contact=CONTACT)
        finding = AuditFinding(
            year=2025, check_code="test", severity="major", fingerprint="1", title="发放早于审批", subject_kind="household",
            subject_id=household, clause="domain 7.2", found_on=TODAY, due_on=LATER,
        )  # fmt: skip
        session.add(finding)
        session.flush()
    return Known(household, tuple(case.id for case in cases), (notice.id, _paid(acting, cases[0], finding.id)), _matter(acting))


def _paid(acting: Acting, case: Case, finding: uuid.UUID) -> uuid.UUID:
    """The objection answered, the case approved and in a batch; the finding answered."""
    with post(acting, "approver", on=LATER), unit_of_work() as session:
        answer_objection(session, session.scalars(select(Objection.id)).one(), "rejected", "不属实")
        advance(session, [case.id], "approve", "同意")
        assert session.scalars(select(Grant)).one().case_id == case.id
    with post(acting, "auditor", on=LATER), unit_of_work() as session:
        answer_finding(session, finding, state="explained", answer=FINDING)
    with post(acting, "manager", on=LATER), unit_of_work() as session:
        return prepare_batch(session, year=2025, key="first").id


def _matter(acting: Acting) -> uuid.UUID:
    """A matter that another county hands to this one."""
    with post(acting, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [case] = open_cases(session, [_petition("settlement", MATTER)])
        sent = hand_over(session, case.id, COUNTY, "用人单位在贵县").envelope_id
    deliver_all(acting, OTHER_COUNTY)
    return sent
