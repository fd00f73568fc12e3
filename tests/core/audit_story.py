"""An orderly county for the tests of the audit: households surveyed, posted, granted and paid by the book, all by services."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select, text
from stdnum.cn.ric import calc_check_digit

from core.audit.service import run_audit
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.base import new_id
from core.db.session import unit_of_work
from core.exchange.envelopes import deliver
from core.funds.service import BankTotals, approve_batch, prepare_batch, receive, send_batch, take_return
from core.jobs.models import OutboxItem
from core.notices.service import post_notice
from core.parameters.service import set_parameter
from core.people.identity_number import check_identity_number
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.people.sealing import Sealer
from core.scope import Scope
from core.surveys.models import Determination
from core.surveys.service import determine
from core.tenancy.keys import give_key, tenant_key
from core.tenancy.models import TenantPlugin, TenantPluginChange
from core.vault.keys import TenantKey
from tests.conftest import COUNTY, Database
from tests.core.lines import Acting, papers, post
from tests.kept import kept

YEAR = 2025
BEGINNING = date(YEAR, 1, 2)
SURVEYED = date(YEAR, 3, 3)
NOTICE_ENDS = date(YEAR, 3, 10)
"""Last day of a notice of five working days that is posted on Monday, 2025-03-03."""
APPROVED = date(YEAR, 3, 11)
AUDITED = BEGINNING + timedelta(days=365)
"""A file of the second of January is not stale yet on this day."""


def number_of(serial: int) -> str:
    """A valid identity number of a man born in 1970."""
    body = f"51010419700101{serial:02d}1"
    return body + str(calc_check_digit(body + "0"))


@dataclass(frozen=True)
class Home:
    """A household of one worker, whose yearly relief has been paid."""

    household_id: uuid.UUID
    worker_id: uuid.UUID
    case_id: uuid.UUID


class OrderlyCounty:
    """A county in which the audit finds nothing. ``serials`` number its workers, one household each; ``homes`` are those that
    stand there already."""

    def __init__(
        self,
        db: Database,
        acting: Acting,
        serials: Sequence[int] = (1, 2),
        tenant: str = COUNTY,
        homes: Sequence[Home] = (),
    ) -> None:
        self.db, self.tenant, self._acting = db, tenant, acting
        self._dropped: list[tuple[str, str, str]] = []
        self.homes = homes or kept(db, ("orderly", tenant, *serials), lambda: self._planted(serials))

    def _planted(self, serials: Sequence[int]) -> tuple[Home, ...]:
        homes = []
        with self.post("system:opening", on=BEGINNING), unit_of_work() as session:
            give_key(session)
            session.flush()
            sealer = Sealer(session)
            session.add(TenantPlugin(plugin="living_relief", enabled=True))
            session.add(
                TenantPluginChange(
                    plugin="living_relief",
                    version=1,
                    enabled=True,
                    reason="开通",
                    actor="a",
                    business_date=BEGINNING,
                )
            )
            set_parameter(session, "minimum_living_standard", BEGINNING, 80_000, "样例", "domain 10")
            for serial in serials:
                household, case_id = new_id(), new_id()
                identity = check_identity_number(number_of(serial), BEGINNING)
                columns = {"name": "李明", "gender": identity.sex.value, "birth_date": identity.birth_date}
                worker = Person(**sealer.person(identity, columns).row)
                session.add_all([worker, Household(id=household, address="蜀门北路")])
                session.flush()
                session.add_all(_facts(household, worker, serial, tenant_key(session)))
                homes.append(Home(household, worker.id, case_id))
            session.flush()
        return self._aid(homes)

    def post(self, actor: str, on: date = AUDITED) -> AbstractContextManager[Scope]:
        """Act as one of the county's staff."""
        return post(self._acting, actor, on=on, tenant=self.tenant)

    def _aid(self, homes: Sequence[Home]) -> tuple[Home, ...]:
        with self.post("clerk", on=SURVEYED), unit_of_work() as session:
            assert determine(session, None, [home.household_id for home in homes]) == len(homes)
            found = {row.household_id: row.id for row in session.scalars(select(Determination))}
            parties = [
                (NewParty("applicant", home.worker_id, label="李明"), NewParty("household", household_id=home.household_id))
                for home in homes
            ]
            cases = open_cases(
                session,
                [
                    NewCase(
                        "living_relief", "living_relief", whom, programme="yearly_living",
                        determination_id=found[home.household_id], requested_fen=120_000,
                    )
                    for home, whom in zip(homes, parties, strict=True)
                ],
            )  # fmt: skip
            ids = [case.id for case in cases]
            papers(session, cases)
            advance(session, ids, "verify")
            assert post_notice(session, ids, "公示").ends_on == NOTICE_ENDS
        with self.post("manager", on=SURVEYED), unit_of_work() as session:
            for purpose, source in (("living", "appropriation"), ("medical", "union")):
                receive(
                    session, year=YEAR, source=source, purpose=purpose, amount_fen=10_000_000, key=purpose, note="到账"
                )  # fmt: skip
        with self.post("decider", on=APPROVED), unit_of_work() as session:
            advance(session, ids, "approve", "同意")
        with self.post("manager", on=APPROVED), unit_of_work() as session:
            prepared = prepare_batch(session, year=YEAR, key="p1")
            batch, totals = prepared.id, BankTotals(prepared.items, prepared.total_fen)
        with self.post("approver", on=APPROVED), unit_of_work() as session:
            approve_batch(session, batch)
        with self.post("payer", on=APPROVED), unit_of_work() as session:
            send_batch(session, batch)
        with self.post("payer", on=APPROVED), unit_of_work() as session:
            take_return(session, batch, {}, totals)
        return tuple(Home(home.household_id, home.worker_id, case) for home, case in zip(homes, ids, strict=True))

    def audit(self, year: int = YEAR) -> dict[str, int]:
        """Run the audit on the day of the audit: new findings by check, those checks only that found some."""
        with self.post("auditor"), unit_of_work() as session:
            return {code: kept.new for code, kept in run_audit(session, year).items() if kept.new}

    def force(self, sql: str, table: str = "", constraint: str = "") -> None:
        """Change one row as the owner, behind the services' back; ``constraint`` is out of force until ``restore``."""
        with self.db.owner.begin() as connection:
            if constraint:
                shown = connection.execute(
                    text("select pg_get_constraintdef(oid) from pg_constraint where conname = :name"), {"name": constraint}
                ).scalar_one()
                connection.execute(text(f"alter table {table} drop constraint {constraint}"))
                self._dropped.append((table, constraint, shown))
            changed = connection.execute(text(sql), {"tenant": self.tenant, "case": self.homes[0].case_id})
            assert changed.rowcount == 1, sql

    def restore(self) -> None:
        """Empty the tables whose constraints were out of force, and put these back."""
        with self.db.owner.begin() as connection:
            for table, constraint, shown in self._dropped:
                connection.execute(text(f"truncate {table} cascade"))
                connection.execute(text(f"alter table {table} add constraint {constraint} {shown}"))
        self._dropped.clear()


def _facts(household: uuid.UUID, worker: Person, serial: int, key: TenantKey) -> Iterator[object]:
    assert worker.wrapped_key is not None
    account = key.person_key(worker.id, worker.wrapped_key).seal("account_cipher", f"6217000000000000{serial:03d}")
    yield Membership(household_id=household, person_id=worker.id, relation="head", valid_from=BEGINNING)
    yield PersonFact(
        person_id=worker.id, valid_from=BEGINNING, income_unsorted_fen=0, identity_status="employed", source="roster"
    )
    yield HouseholdFact(household_id=household, valid_from=BEGINNING, cost_illness_fen=900_000, source="roster")
    yield WorkerFile(
        household_id=household, worker_id=worker.id, file_number=f"D{serial}", status="on_file", opened_on=BEGINNING,
        updated_on=BEGINNING, applied_programmes=["yearly_living"], bank_name="中国银行", bank_branch="锦江支行",
        account_cipher=account, account_masked="**** 0001", account_token=serial.to_bytes(32, "big"),
    )  # fmt: skip


def relay(acting: Acting, tenant: str) -> None:
    """Deliver what the tenant has sealed."""
    with acting(tenant), unit_of_work() as session:
        payloads = [item.payload for item in session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope"))]
    for payload in payloads:
        deliver(tenant, payload)


@contextmanager
def orderly(db: Database, acting: Acting, serials: Sequence[int] = (1, 2), tenant: str = COUNTY) -> Iterator[OrderlyCounty]:
    """An orderly county whose schema is as it was in the end."""
    county = OrderlyCounty(db, acting, serials, tenant)
    try:
        yield county
    finally:
        county.restore()


def same_account(county: OrderlyCounty) -> None:
    """Give the second household the bank account of the first."""
    with county.post("clerk"), unit_of_work() as session:
        first, second, *_ = session.scalars(select(WorkerFile).order_by(WorkerFile.file_number)).all()
        second.account_token = first.account_token
