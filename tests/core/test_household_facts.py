"""What a clerk records of a household from a day on, and employers: former facts stay, nobody overwrites another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.people.changes.corrections import Ground, by_former_number, correct_identity, correct_name
from core.people.changes.facts import (
    change_address,
    change_particulars,
    change_person_particulars,
    record_household_facts,
    record_person_facts,
)
from core.people.changes.models import PersonCorrection
from core.people.employers.models import Employer, EmployerChange
from core.people.employers.service import employer_view, in_difficulty, list_employers, named, record_test, save_employer
from core.people.entry import Refused
from core.people.models import HouseholdFact, Person, PersonFact, WorkerFile
from core.people.registering import register_household
from core.people.repository import fact_rows
from core.people.search.finding import find
from core.people.service import reveal
from core.scope import Scope
from core.transfers.departing import depart
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.audit_story import relay
from tests.core.household_story import OTHERS, SON, homes, numbered, two

__all__ = ["homes", "two"]

Acting = Callable[..., AbstractContextManager[Scope]]
CODE, OTHER_CODE = "91510100MA6CEXXXX", "91110000600037341L"
FIRM = {"name": "重庆锦江纺织有限公司", "credit_code": OTHER_CODE, "nature": "private", "loss_years": "2024、2023"}
EARLIER = date(2025, 2, 1)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """Statements sent inside the block."""
    sent: list[str] = []

    def note(*told: object) -> None:
        sent.append(str(told[2]))

    event.listen(db.app, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.app, "before_cursor_execute", note)


def _file(session: Session, home: UUID) -> WorkerFile:
    return session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()


def test_facts_of_a_person_hold_from_a_day_and_former_ones_stay(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    with two(), unit_of_work() as session:
        file = _file(session, home)
        before = {"income_wage_fen": "2,100.50", "employment_status": "laid_off", "health_status": "", "able_to_work": "yes"}
        record_person_facts(session, home, file.worker_id, before, valid_from=EARLIER, source="visit", version=file.version)
        record_person_facts(
            session,
            home,
            file.worker_id,
            {"income_wage_fen": "0", "income_pension_fen": "1800"},
            valid_from=TODAY,
            source="correction",
        )
        rows = session.scalars(select(PersonFact).order_by(PersonFact.valid_from)).all()
        for row in rows:
            session.refresh(row)
        assert [(row.monthly_income_fen, row.employment_status, row.able_to_work, row.source) for row in rows] == [
            (210_050, "laid_off", True, "visit"),
            (180_000, "laid_off", True, "correction"),
        ]
        assert _file(session, home).updated_on == TODAY
    refused = [
        {"income_wage_fen": "一千"}, {"employment_status": "gone"}, {"able_to_work": "perhaps"}, {"disability_grade": "1"},
        {"employment_since": "2025-13-01"}, {"income_wage_fen": "999999999"},
    ]  # fmt: skip
    for filled in refused:
        with pytest.raises(Refused), two(), unit_of_work() as session:
            record_person_facts(session, home, file.worker_id, filled, valid_from=TODAY, source="visit")
    with two(), unit_of_work() as session:
        with pytest.raises(Refused, match="起始日期"):
            record_person_facts(session, home, file.worker_id, {}, valid_from=TODAY + timedelta(days=1), source="visit")
        with pytest.raises(Refused, match="依据"):
            record_person_facts(session, home, file.worker_id, {}, valid_from=TODAY, source="import")
        with pytest.raises(NotFound):
            record_person_facts(session, homes[1], file.worker_id, {}, valid_from=TODAY, source="visit")
    with two(actor="clerk", permissions=frozenset({"people.read"})), unit_of_work() as session, pytest.raises(Forbidden):
        record_person_facts(session, home, file.worker_id, {}, valid_from=TODAY, source="visit")
    with two(OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        record_person_facts(session, home, file.worker_id, {}, valid_from=TODAY, source="visit")


def test_a_household_that_was_changed_meanwhile_is_not_overwritten(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    with two(), unit_of_work() as session:
        seen = _file(session, home).version
        told = {"cost_illness_fen": "12000", "property_flags": "vehicle,shop_or_employer"}
        record_household_facts(session, home, told, valid_from=EARLIER, source="visit", version=seen)
        for act in (
            lambda: record_household_facts(
                session, home, {"cost_other_fen": "1"}, valid_from=TODAY, source="visit", version=seen
            ),
            lambda: change_particulars(session, home, {"remark": "另一人"}, version=seen),
            lambda: change_address(session, home, "四川省成都市锦江区1号", {}, version=seen),
        ):
            with pytest.raises(Conflict) as refused:
                act()
            assert refused.value.where == "version"
        assert session.scalar(select(func.count()).select_from(HouseholdFact)) == 1
        record_household_facts(session, home, {"cost_other_fen": "1"}, valid_from=TODAY, source="visit", version=seen + 1)
        latest = session.scalars(select(HouseholdFact).order_by(HouseholdFact.valid_from.desc())).first()
        assert latest is not None
        assert (latest.cost_illness_fen, latest.cost_other_fen) == (1_200_000, 100)
        assert latest.property_flags == ["vehicle", "shop_or_employer"]
        _file(session, home).status = "on_file"
        session.flush()
        assert fact_rows(session, EARLIER, [home]).households[0].costs["other"] == 0
        _file(session, home).status = "cancelled"
    with pytest.raises(Conflict, match="注销"), two(), unit_of_work() as session:
        record_household_facts(session, home, {}, valid_from=TODAY, source="visit")


def test_particulars_account_address_and_phone(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    with two(), unit_of_work() as session:
        file = change_particulars(
            session,
            home,
            {"main_cause": "06", "secondary_causes": "01,02", "single_parent": "no"},
            account="6222 0212 3456 7890 123",
        )
        assert (file.account_masked, file.single_parent, file.secondary_causes) == ("**** 0123", False, ["01", "02"])
        assert reveal(session, file.worker_id, "account", "核对") == "6222021234567890123"
        change_address(session, home, "四川省成都市锦江区莲新街道3栋5号", {"postcode": "610061"})
        assert reveal(session, file.worker_id, "address", "核对") == "四川省成都市锦江区莲新街道3栋5号"
        change_person_particulars(session, home, file.worker_id, {"marital_status": "married"}, phone="138 0000 6207")
        assert session.get_one(Person, (COUNTY, file.worker_id)).phone_masked == "138****6207"
        assert [row.person_id for row in find(session, "13800006207")] == [file.worker_id]
    for act in (
        lambda session: change_particulars(session, home, {"main_cause": "06", "secondary_causes": "06"}),
        lambda session: change_particulars(session, home, {"secondary_causes": "01,02,03,04"}),
        lambda session: change_particulars(session, home, {}, account="12"),
        lambda session: change_particulars(session, home, {"remark": f"其弟身份证号{SON}，现住外地"}),
        lambda session: change_particulars(session, home, {"remark": "卡号 6222 0212 3456 7890 123"}),
        lambda session: change_particulars(session, home, {}, employer_id=new_id()),
        lambda session: change_address(session, home, "", {"postcode": "61006"}),
        lambda session: change_person_particulars(session, home, file.worker_id, {}, phone="12"),
    ):
        with pytest.raises(InvalidInput), two(), unit_of_work() as session:
            act(session)


def test_an_employer_is_checked_tested_and_its_workers_seen_together(
    two: Acting, homes: tuple[UUID, UUID], db: Database
) -> None:
    with two(), unit_of_work() as session:
        with pytest.raises(Refused) as refused:
            save_employer(session, None, {"credit_code": CODE, "loss_years": "去年", "bankrupt_on": "2025-01-01"})
        assert {fault.where for fault in refused.value.faults} == {"name", "credit_code", "loss_years", "court_reference"}
        firm = save_employer(session, None, FIRM)
        with pytest.raises(Conflict, match="重庆锦江"):
            save_employer(session, None, FIRM | {"name": "另一家"})
        assert in_difficulty(firm, None) == ["losses"]
        for word in ("重庆锦江", "chongqing", "cqjj", OTHER_CODE.lower(), "锦江"):
            assert [row.employer.id for row in list_employers(session, word)] == [firm.id]
        assert list_employers(session, "%") == []
        assert named(session, FIRM["name"]) is firm
        asked = []
        for home in homes:
            change_particulars(session, home, {"employer_name": "手写的名称"}, employer_id=firm.id)
            with counted(db) as statements:
                employer_view(session, firm.id)
                list_employers(session)
            asked.append(len(statements))
        assert asked[0] == asked[1] <= 8
        assert _file(session, homes[0]).employer_name == FIRM["name"]
        with pytest.raises(Refused, match="多于"):
            record_test(
                session, firm.id, {"tested_on": "2025-03-01", "workers": "10", "below_line": "11", "evidence": "花名册"}
            )
        for workers, below in ((10, 5), (10, 6)):
            told = {"tested_on": "2025-03-01", "workers": str(workers), "below_line": str(below), "evidence": "锦核〔2025〕3号"}
            record_test(session, firm.id, told)
        view = employer_view(session, firm.id)
        assert [test.majority for test in view.tests] == [True, False]
        assert (view.difficulty, view.files, len(view.workers)) == (["losses", "majority_below"], 2, 2)
        assert [row.files for row in list_employers(session)] == [2]
    with two(), unit_of_work() as session, pytest.raises(InvalidInput, match="原因"):
        save_employer(session, firm.id, FIRM | {"name": "新名"})
    with two(), unit_of_work() as session:
        version = session.get_one(Employer, (COUNTY, firm.id)).version
        save_employer(session, firm.id, FIRM | {"name": "锦江纺织集团"}, reason="更名", version=version)
        assert _file(session, homes[1]).employer_name == "锦江纺织集团"
        assert session.scalars(select(EmployerChange)).one().changed == {"name": [FIRM["name"], "锦江纺织集团"]}
        with pytest.raises(Conflict, match="更改"):
            save_employer(session, firm.id, FIRM, reason="再改", version=version)
        change_particulars(session, homes[1], {"employer_name": "个体"})
        assert employer_view(session, firm.id).files == 1
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert list_employers(session) == []
        with pytest.raises(NotFound):
            employer_view(session, firm.id)
        with pytest.raises(NotFound):
            record_test(session, firm.id, {})


def test_corrections_and_the_employer_travel_with_a_household(two: Acting, homes: tuple[UUID, UUID], db: Database) -> None:
    with two(), unit_of_work() as session:
        firm = save_employer(session, None, FIRM)
        change_particulars(session, homes[0], {}, employer_id=firm.id)
        son = session.scalars(select(Person.id).where(Person.name == "单小宝")).one()
        correct_name(session, son, "单晓波", Ground("用字有误"))
        correct_identity(session, son, numbered("510104200803040032"), Ground("录入有误"))
        _file(session, homes[0]).status = "on_file"
    with two(OTHER_COUNTY), unit_of_work() as session:
        there = save_employer(session, None, FIRM)
    with two(), unit_of_work() as session:
        depart(session, OTHER_COUNTY, [homes[0]], "迁往他县")
        body = session.scalars(select(Envelope.body)).one()
        assert "单小宝" not in str(body)
    relay(two, COUNTY)
    with two(OTHER_COUNTY), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        assert (file.employer_id, file.employer_name) == (there.id, FIRM["name"])
        moved = session.scalars(select(Person.id).where(Person.name == "单晓波")).one()
        assert by_former_number(session, numbered(SON)) == [moved]
        assert sorted(row.field for row in session.scalars(select(PersonCorrection))) == ["identity_number", "name"]
    with pytest.raises(Conflict, match="已转往"), two(), unit_of_work() as session:
        change_particulars(session, homes[0], {"remark": "x"})
    with two(), unit_of_work() as session, pytest.raises(Refused, match="一户一档"):
        register_household(session, OTHERS)
