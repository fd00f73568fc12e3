"""A damaged key of one person on file holds back the household of an import, and no other; services say whose it is."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select, text

from core.db.session import unit_of_work
from core.people.changes.act import Succession
from core.people.changes.facts import change_address, change_particulars
from core.people.changes.membership import change_head, leave, undo
from core.people.changes.models import HouseholdChange
from core.people.damage import SealedDamaged
from core.people.imports.service import problems, start_commit
from core.people.models import Person, PersonFact
from core.people.service import add_member, reveal
from tests.conftest import COUNTY, TODAY, Database
from tests.core.household_story import HEAD, WHY, WIFE, Acting, homes, numbered, people_of, two
from tests.core.rosters import Row, clerk, counties, family, number_of
from tests.core.test_roster_import import committed, finished, sent

__all__ = ["counties", "homes", "two"]


def damage(db: Database, what: str, *numbers: str) -> None:
    """Overwrite a column of the persons with these numbers, found by their last four."""
    with db.owner.begin() as connection:
        changed = connection.execute(
            text(f"update person set {what} = :bytes where identity_masked = any(:masked)"),
            {"bytes": bytes(61), "masked": [f"{number[:6]}********{number[-4:]}" for number in numbers]},
        )
        assert changed.rowcount == len(numbers)


def test_a_damaged_person_holds_back_one_household_of_an_import(counties: Acting, db: Database) -> None:
    rows = [*family(1), *family(11), *family(21), *family(31), *family(41), Row("H51", "户主", "王建国", 51)]
    committed(counties, rows)
    with clerk(counties), unit_of_work() as session:
        gone = session.scalars(select(Person).where(Person.identity_masked.endswith(number_of(51)[-4:]))).one()
    with db.owner.begin() as connection:
        connection.execute(text("delete from membership where person_id = :id"), {"id": gone.id})
        connection.execute(text("delete from worker_file where worker_id = :id"), {"id": gone.id})
        lived = "select household_id from worker_file where file_number = 'D0031'"
        connection.execute(text(f"update household set house_number_cipher = :b where id = ({lived})"), {"b": bytes(61)})
    with clerk(counties), unit_of_work() as session:
        whole = {one.id: one.wrapped_key for one in session.scalars(select(Person))}
    damage(db, "wrapped_key", number_of(1), number_of(12), number_of(22), number_of(51))
    again = [
        *(row.but(income=1500) for row in family(1)),
        *(row.but(income=1500, 手机="13911112222") if row.serial == 12 else row for row in family(11)),
        *(row.but(income=1500) for row in family(21)),
        *(row.but(income=1500) for row in family(31)),
        *(
            row.but(income=1500, 银行卡号="6217000123456799999") if row.serial == 41 else row.but(手机="13911113333")
            for row in family(41)
        ),
        Row("H51", "户主", "王建国", 51),
        *family(61),
    ]
    made = sent(counties, again)
    with clerk(counties), unit_of_work() as session:
        told = {(one.household, one.kind, one.row): one.mend_zh for one in problems(session, made.id, severity="error")}
        assert set(told) == {
            ("H1", "key_damaged", 2), ("H11", "key_damaged", 5), ("H31", "address_damaged", 8), ("H51", "key_damaged", 12),
        }  # fmt: skip
        assert str(gone.id) in told["H51", "key_damaged", 12]
        made = start_commit(session, made.id)
    assert (made.counts["new"], made.counts["changed"], made.held_back) == (1, 2, 4)
    made = finished(counties, made)
    assert (made.state, made.households, made.held_back) == ("committed", 3, 4)
    with clerk(counties), unit_of_work() as session:
        raised = session.scalars(select(PersonFact.person_id).where(PersonFact.monthly_income_fen == 150_000)).all()
        assert len(raised) == 3  # two of H21, of whom one has a key that nothing was sealed under, and the head of H41
    with db.owner.begin() as connection:  # as from a backup
        for person, key in whole.items():
            connection.execute(text("update person set wrapped_key = :key where id = :id"), {"id": person, "key": key})
    restored = sent(counties, again)
    assert (restored.counts["new"], restored.counts["changed"], restored.counts["same"], restored.held_back) == (1, 2, 3, 1)


def test_services_tell_a_damaged_key_from_a_damaged_value(two: Acting, homes: tuple[UUID, UUID], db: Database) -> None:
    home, other = homes
    with two(), unit_of_work() as session:
        people = {relation: one.id for relation, one in people_of(session, home).items()}
        change_particulars(session, home, {}, account="6222021234567890123")
    relations = {people["head"]: "husband", people["son"]: "son", people["father"]: "father"}
    heir = Succession(people["wife"], relations)
    with db.owner.begin() as connection:
        connection.execute(text("update household set house_number_cipher = :b where id = :id"), {"b": bytes(61), "id": home})
    with pytest.raises(SealedDamaged, match="住址已损坏") as refused, two(), unit_of_work() as session:
        change_head(session, home, heir, valid_from=TODAY, why=WHY)
    assert ("重新登记住址" in (refused.value.mend_zh or ""), str(people["head"]) in str(refused.value)) == (True, True)
    with two(), unit_of_work() as session:
        change_address(session, home, "四川省成都市锦江区双桂路社区15号", {})
        assert reveal(session, people["head"], "address", "核对").endswith("15号")
        change_head(session, home, heir, valid_from=TODAY, why=WHY)
        slip = session.scalars(select(HouseholdChange).order_by(HouseholdChange.id.desc()).limit(1)).one().id
    damage(db, "wrapped_key", numbered(HEAD))
    damage(db, "identity_cipher", numbered(WIFE))
    with pytest.raises(SealedDamaged, match="加密信息已损坏"), two(), unit_of_work() as session:
        undo(session, slip, reason="登记有误")
    with pytest.raises(SealedDamaged, match="身份证号已损坏"), two(), unit_of_work() as session:
        reveal(session, people["wife"], "identity_number", "核对")
    with two(), unit_of_work() as session:
        leave(session, home, people["head"], kind="divorce", valid_from=TODAY, why=WHY)
    with pytest.raises(SealedDamaged), two(), unit_of_work() as session:
        add_member(session, other, name="单明", identity_number=numbered(HEAD), relation="other", valid_from=TODAY)
    with two(), unit_of_work() as session:
        assert session.get_one(Person, (COUNTY, people["head"])).identity_token is not None
