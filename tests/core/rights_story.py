"""What tests of personal rights share: a county with files whose household was aided, paid and ended, and one beside it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import Connection, text

from core.cases.models import Case, CaseDecision, CaseStep, Party
from core.cases.workflows import declared_workflows
from core.db.base import new_id
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.exchange.identity_index import mark
from core.funds.service import (
    BankTotals,
    GrantDraft,
    approve_batch,
    approve_grants,
    prepare_batch,
    receive,
    send_batch,
    take_return,
)
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.search.words import found_by
from core.people.service import reveal
from core.rights import listed
from core.rights.catalogue import tenant_tables
from core.rights.erasing import decide, propose
from core.scope import Scope
from core.settings import settings
from core.surveys.models import Determination, ParameterSet
from core.tenancy.keys import tenant_key, tokens
from core.text.pinyin import name_pinyin
from core.vault import masking
from core.vault.tokens import TokenKind
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.funds_story import LIVING
from tests.core.lines import PDF, install, permissions, with_key

Acting = Callable[..., AbstractContextManager[Scope]]
LONG_AFTER = date(2056, 9, 1)
"""A day on which a file that ended in 2025 need not be kept any longer, whatever it was."""


@pytest.fixture(autouse=True)
def no_list(db: Database) -> Iterator[None]:
    """No list of erasures and no papers from the test before."""
    shutil.rmtree(settings().files_dir / COUNTY, ignore_errors=True)
    yield
    listed.list_file().unlink(missing_ok=True)


@pytest.fixture
def county(db: Database, acting: Acting) -> Acting:
    """Acting where lines, figures and keys are there."""
    keyed(db, acting)
    return acting


@dataclass(frozen=True)
class Somebody:
    """An invented person in full."""

    name: str
    number: str
    phone: str
    account: str = ""

    def told(self) -> tuple[str, ...]:
        """Everything that tells who it is, in full and masked."""
        values = [self.name, self.number, self.phone, masking.identity_number(self.number), masking.phone(self.phone)]
        return (*values, *([self.account, masking.bank_account(self.account)] if self.account else ()))


WORKER = Somebody("欧阳修文", "510104198001011232", "13912345678", "6217001234567891234")
WIFE = Somebody("上官婉琴", "510104198203040022", "13887654321")
STRANGER = Somebody("诸葛明远", "510104197905050013", "13799998888", "6217009876543214321")
DOUBLE = Somebody("欧阳修文", "510104198001011240", "13922223333", "6217005555666677778")
"""The worker once more, with a number that was typed wrong."""


@dataclass(frozen=True)
class Family:
    """Ids of a household and its persons, the worker first."""

    household: uuid.UUID
    persons: tuple[uuid.UUID, ...]


def everybody(acting: Acting, actor: str, on: date = TODAY, tenant: str = COUNTY) -> AbstractContextManager[Scope]:
    """Act as ``actor`` with every permission."""
    return acting(tenant, actor=actor, permissions=permissions(), on=on)


def keyed(db: Database, acting: Acting) -> None:
    """Lines and national figures installed; a data key for both counties."""
    install(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        with_key(acting, tenant)


def _found_by(one: Somebody) -> dict[str, list[str | None]]:
    return found_by([one.name], [name_pinyin(one.name)], [one.number]) | {"phone_last_four": [one.phone[-4:]]}


def family(
    acting: Acting, *people: Somebody, number: str = "SB1", status: str = "out_of_difficulty", tenant: str = COUNTY
) -> Family:
    """A household of ``people``, the worker first, with everything that a file holds of them."""
    with everybody(acting, "clerk", tenant=tenant), unit_of_work() as session:
        household, ids = new_id(), tuple(new_id() for _ in people)
        keys, sealed = tenant_key(session), []
        for id_, one in zip(ids, people, strict=True):
            key, wrapped = keys.new_person_key(id_)
            sealed.append(key)
            session.add(
                Person(
                    id=id_, name=one.name, pinyin=one.name, gender="1", birth_date=date(1980, 1, 1), wrapped_key=wrapped,
                    identity_cipher=key.seal("identity_cipher", one.number),
                    identity_masked=masking.identity_number(one.number),
                    identity_token=tokens().tenant_token(tenant, TokenKind.IDENTITY, one.number),
                    phone_cipher=key.seal("phone_cipher", one.phone), phone_masked=masking.phone(one.phone),
                    **{column: told for column, [told] in _found_by(one).items()},
                )
            )  # fmt: skip
            session.add(SearchToken(token=f"+{one.name}", subject_kind="person", subject_id=id_))
        session.add(
            Household(id=household, address="蜀门北路", house_number_cipher=sealed[0].seal("house_number_cipher", "7栋"))
        )
        session.flush()
        since = date(2025, 1, 1)
        for place, id_ in enumerate(ids):
            session.add(
                Membership(household_id=household, person_id=id_, relation="head" if not place else "spouse", valid_from=since)
            )
            session.add(
                PersonFact(
                    person_id=id_, valid_from=since, income_wage_fen=100_000 * (place + 1), source="t",
                    unit_or_school=f"{people[place].name}的学校", health_status="慢性病",
                )
            )  # fmt: skip
        session.add(HouseholdFact(household_id=household, valid_from=since, source="t", cost_illness_fen=500_000))
        worker = people[0]
        session.add(
            WorkerFile(
                household_id=household, worker_id=ids[0], file_number=number, status=status, opened_on=since,
                updated_on=since, remark=f"{worker.name} {worker.number} {people[-1].number}", bank_name="中国银行",
                account_cipher=sealed[0].seal("account_cipher", worker.account),
                account_masked=masking.bank_account(worker.account),
                account_token=tokens().tenant_token(tenant, TokenKind.ACCOUNT, worker.account),
                opinions=[{"union": "unit", "text": f"同意{worker.name}建档", "on": "2025-01-02"}],
            )
        )  # fmt: skip
        session.flush()
        mark(session, [tokens().identity_index_hash(one.number) for one in people], 2025, "on_file")
        add_documents(session, [NewDocument("other", f"{worker.name}的证明", PDF + b"own", household_id=household)])
        reveal(session, ids[0], "phone", f"核对{worker.name}电话")
    return Family(household, ids)


def aid(acting: Acting, found: Family) -> uuid.UUID:
    """The household is aided: case, decision, grant, payment and the bank's return; the case's id. It is closed then."""
    case_id = new_id()
    version = max(flow.version for flow in declared_workflows().values() if flow.name == "living_relief")
    with everybody(acting, "clerk"), unit_of_work() as session:
        session.add(
            Case(
                id=case_id, number="SH2025-0001", plugin="living_relief", programme="yearly_living",
                workflow="living_relief", workflow_version=version, state="approved",
                clerk="clerk", opened_on=TODAY, form={"said": f"{WORKER.name}家庭困难，电话{WORKER.phone}"},
            )
        )  # fmt: skip
        session.flush()
        session.add(Party(case_id=case_id, role="applicant", person_id=found.persons[0], label=WORKER.name))
        session.add(Party(case_id=case_id, role="household", household_id=found.household, label=WORKER.name))
        session.add(
            CaseStep(
                case_id=case_id, seq=1, transition="verify", source="opened", target="verified", actor="clerk",
                business_date=TODAY, note=f"已入户核实{WORKER.name}",
            )
        )  # fmt: skip
        session.add(
            CaseDecision(
                case_id=case_id, clerk="clerk", decided_by="decider", outcome="approved", business_date=TODAY, snapshot={},
                reason=f"同意救助{WORKER.name}",
            )
        )  # fmt: skip
        figures = ParameterSet(digest="figures", as_of=TODAY, entries=[])
        session.add(figures)
        session.flush()
        members = [[str(one), "member", 7_654_000 + place] for place, one in enumerate(found.persons)]
        session.add(
            Determination(
                household_id=found.household, decided_on=TODAY, rule_set="living_relief", rule_version="1",
                parameter_set_id=figures.id, inputs=[str(found.persons[0]), 5, members], eligible=True, reasons=[], amounts={},
            )
        )  # fmt: skip
        receive(session, year=2025, source="appropriation", purpose="living", amount_fen=900_000, key="in", note="拨款")
    with everybody(acting, "decider"), unit_of_work() as session:
        wanted = GrantDraft(case_id, "clerk", LIVING, "2025", found.household, ((found.persons[0], 120_000),))
        approve_grants(session, [wanted])
    with everybody(acting, "manager"), unit_of_work() as session:
        batch = prepare_batch(session, year=2025, key="first").id
    with everybody(acting, "approver"), unit_of_work() as session:
        approve_batch(session, batch)
    with everybody(acting, "payer"), unit_of_work() as session:
        send_batch(session, batch)
        take_return(session, batch, {}, BankTotals(1, 120_000))
    return case_id


def propose_and_confirm(
    acting: Acting, found: Family, person_id: uuid.UUID | None = None, request_id: uuid.UUID | None = None
) -> uuid.UUID:
    """An erasure by two people, long after; its id. What follows the commit is left to be done."""
    with everybody(acting, "clerk", LONG_AFTER), unit_of_work() as session:
        made = propose(session, found.household, person_id=person_id, reason="保存期满", request_id=request_id).id
    with everybody(acting, "decider", LONG_AFTER), unit_of_work() as session:
        decide(session, made, confirmed=True)
    return made


def standing_in_the_database(db: Database, needles: tuple[str, ...], tenant: str = COUNTY) -> list[str]:
    """In which tables something of ``needles`` is told in words: every column of every table of tenants, by catalogue."""
    found = []
    with db.owner.connect() as connection:
        for about in tenant_tables():
            if not _is_there(connection, about.fullname):
                continue
            parts = [f'"{column.name}"' for column in about.columns]
            asked = f"select to_jsonb(t)::text from (select {', '.join(parts)} from {about.fullname} where tenant = :t) t"
            for row in connection.scalars(text(asked), {"t": tenant}):
                hexed = [needle.encode().hex() for needle in needles]
                found += [f"{about.fullname}: {row}" for needle in (*needles, *hexed) if needle in row]
    return found


def _is_there(connection: Connection, name: str) -> bool:
    return connection.scalar(text("select to_regclass(:name)"), {"name": name}) is not None


def joins(county: Acting, other: Family, person: uuid.UUID) -> None:
    """Let somebody belong to another household as well."""
    with everybody(county, "clerk"), unit_of_work() as session:
        since = date(2025, 2, 1)
        session.add(Membership(household_id=other.household, person_id=person, relation="parent", valid_from=since))
