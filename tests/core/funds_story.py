"""Hand-made households and cases for the tests of the fund."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.base import new_id
from core.db.session import unit_of_work
from core.funds.repository import attempts
from core.funds.service import BankTotals, GrantDraft, balances, receive
from core.host.declarations import ProgrammeDecl
from core.people.models import Household, Person, WorkerFile
from core.scope import Scope
from core.tenancy.keys import give_key, tenant_key
from tests.conftest import COUNTY, TODAY

Acting = Callable[..., AbstractContextManager[Scope]]

CLERK, DECIDER, MANAGER, APPROVER, PAYER = "clerk", "decider", "manager", "approver", "payer"
LIVING = ProgrammeDecl(
    "yearly_living", "年度生活救助", "yearly living relief", "living_relief", "living", ("appropriation", "union"),
    "civil_year", "domain 4.4.1",
)  # fmt: skip
MEDICAL = ProgrammeDecl(
    "medical", "医疗救助", "medical relief", "living_relief", "medical", ("union",), "civil_year", "domain 10"
)
ACCOUNT = "6217000000000000"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Need:
    """A household with its worker and one open case."""

    case_id: uuid.UUID
    household_id: uuid.UUID
    worker_id: uuid.UUID
    account: str


def needs(session: Session, count: int, *, name: str = "李明", with_account: bool = True) -> list[Need]:
    """``count`` households, each with a worker, a bank account and a case of ``CLERK``."""
    give_key(session)
    session.flush()
    key = tenant_key(session)
    made = []
    for _ in range(count):
        number = next(_numbers)
        need = Need(new_id(), new_id(), new_id(), f"{ACCOUNT}{number:03d}")
        person_key, wrapped = key.new_person_key(need.worker_id)
        cipher = person_key.seal("account_cipher", need.account) if with_account else None
        session.add(Person(id=need.worker_id, name=name, pinyin="li ming", gender="1", wrapped_key=wrapped))
        session.add(Household(id=need.household_id, address="蜀门北路"))
        session.flush()
        session.add(
            WorkerFile(
                household_id=need.household_id, worker_id=need.worker_id, file_number=f"D{number}", status="on_file",
                opened_on=TODAY, updated_on=TODAY, bank_name="中国银行", bank_branch="锦江支行", account_cipher=cipher,
                account_masked="**** 0001", account_token=number.to_bytes(32, "big"),
            )
        )  # fmt: skip
        session.add(_case(need.case_id, number))
        made.append(need)
    session.flush()
    return made


def file_number(need: Need) -> str:
    """The number of the household's file."""
    return f"D{int(need.account.removeprefix(ACCOUNT))}"


def _case(case_id: uuid.UUID, number: int) -> Case:
    return Case(
        id=case_id, number=f"SH2025-{number:04d}", plugin="living_relief", programme="yearly_living",
        workflow="living_relief", workflow_version=1, state="noticed", clerk=CLERK, opened_on=TODAY,
    )  # fmt: skip


def another_case(session: Session, need: Need) -> Need:
    """The same household with a further case."""
    case_id = new_id()
    session.add(_case(case_id, next(_numbers)))
    session.flush()
    return Need(case_id, need.household_id, need.worker_id, need.account)


def draft(need: Need, fen: int = 120000, programme: ProgrammeDecl = LIVING, occurrence: str = "2025") -> GrantDraft:
    """The worker's draft of one case."""
    return GrantDraft(need.case_id, CLERK, programme, occurrence, need.household_id, ((need.worker_id, fen),))


def totals(session: Session, batch_id: uuid.UUID, failed: Collection[uuid.UUID]) -> BankTotals:
    """What the bank's receipt says of a batch of which all but ``failed`` were paid."""
    paid = [attempt.amount_fen for attempt in attempts(session, batch_id) if attempt.id not in failed]
    return BankTotals(len(paid), sum(paid))


class Office:
    """The people of a county's office, each acting in a transaction of their own."""

    def __init__(self, acting: Acting, tenant: str = COUNTY, on: date = TODAY) -> None:
        self._acting = acting
        self._tenant = tenant
        self._on = on

    def work(self, actor: str, *permissions: str) -> AbstractContextManager[Scope]:
        """The scope of one of them."""
        return self._acting(self._tenant, actor=actor, permissions=frozenset(permissions), on=self._on)

    def needs(self, count: int, *, name: str = "李明", with_account: bool = True) -> list[Need]:
        """New households with cases."""
        with self.work(CLERK), unit_of_work() as session:
            return needs(session, count, name=name, with_account=with_account)

    def receive(self, fen: int, key: str, source: str = "appropriation", purpose: str = "living", note: str = "拨款") -> int:
        """Money comes in; the voucher's number."""
        with self.work(MANAGER, "funds.receive"), unit_of_work() as session:
            year = self._on.year
            return receive(session, year=year, source=source, purpose=purpose, amount_fen=fen, key=key, note=note).voucher

    def states(self, source: str = "appropriation", purpose: str = "living") -> dict[str, int]:
        """Balances of one source and purpose by state."""
        with self.work(MANAGER), unit_of_work() as session:
            found: Sequence[tuple[str, int]] = [
                (row.state, row.fen)
                for row in balances(session, self._on.year)
                if (row.source, row.purpose) == (source, purpose)
            ]
        return {"available": 0, "reserved": 0, "paid": 0} | dict(found)
