"""A name or a number put right, with history and with the paper that proves it; and an act undone to what stood before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput
from core.exchange.models import IdentityMark
from core.people.changes.act import Succession
from core.people.changes.corrections import Ground, by_former_number, correct_identity, correct_name, corrections_of
from core.people.changes.facts import change_particulars
from core.people.changes.membership import change_head, leave, undo
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer
from core.people.models import Person
from core.people.papers.attachments import NewPaper, add_paper, remove_paper
from core.people.registering import look_up
from core.people.search.finding import find
from core.people.service import reveal
from core.scope import current_scope
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY
from tests.core.household_story import (
    FAMILY,
    HEAD,
    OTHERS,
    SON,
    WHY,
    YESTERDAY,
    Acting,
    file_of,
    homes,
    numbered,
    people_of,
    two,
)

__all__ = ["homes", "two"]


def test_a_name_and_a_number_are_put_right_with_history(two: Acting, homes: tuple[UUID, UUID]) -> None:
    wrong, right = numbered(SON), numbered("510104200803040032")
    with two(), unit_of_work() as session:
        son = people_of(session, homes[0])["son"].id
        correct_name(session, son, "单晓波", Ground("姓名用字有误", asked_on=YESTERDAY))
        correct_identity(session, son, right, Ground("号码录入有误"))
        with pytest.raises(Conflict, match="相同"):
            correct_name(session, son, "单晓波", Ground("再改"))
        with pytest.raises(Conflict, match="另一人"):
            correct_identity(session, son, numbered(HEAD), Ground("改"))
        with pytest.raises(InvalidInput, match="校验码"):
            correct_identity(session, son, right[:17] + ("1" if right[17] != "1" else "2"), Ground("改"))
    with two(), unit_of_work() as session:
        person = session.get_one(Person, (COUNTY, son))
        assert (person.name, person.birth_date) == ("单晓波", date(2008, 3, 4))
        assert reveal(session, son, "identity_number", "核对") == right
        assert [row.person_id for row in find(session, right)] == [son]
        assert find(session, wrong) == []
        assert find(session, "单小宝") == []
        assert [row.person_id for row in find(session, "shanxiaobo")] == [son]
        history = corrections_of(session, [son])
        assert [(row.field, row.asked_on) for row in history] == [("identity_number", None), ("name", YESTERDAY)]
        assert wrong not in repr([vars(row) for row in history])
        assert "单小宝" not in repr([vars(row) for row in history])
        assert by_former_number(session, wrong) == [son]
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 7
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert by_former_number(session, wrong) == []
        assert [found.on_file for found in look_up(session, replace(OTHERS, members=(Newcomer("单晓波", "head", right),)))] == [
            True
        ]
        assert look_up(session, replace(OTHERS, members=(Newcomer("单小宝", "head", wrong),))) == []
        assert current_scope().tenant == OTHER_COUNTY


def test_a_correction_keeps_the_paper_that_proves_it(two: Acting, homes: tuple[UUID, UUID]) -> None:
    rights = frozenset({"people.read", "people.write", "document.add", "document.withdraw"})
    with two(actor="clerk", permissions=rights), unit_of_work() as session:
        son = people_of(session, homes[0])["son"].id
        register, stranger = (
            add_paper(session, home, NewPaper("household_book", "户口簿首页", b"%PDF-1.7\n%%EOF\n")).id for home in homes
        )
        for document in (stranger, new_id()):
            with pytest.raises(InvalidInput, match="没有这份材料"):
                correct_name(session, son, "单晓波", Ground("用字有误", document_id=document))
        correct_name(session, son, "单晓波", Ground("用字有误", document_id=register))
        remove_paper(session, homes[0], register, "重新扫描")
        with pytest.raises(InvalidInput, match="没有这份材料"):
            correct_name(session, son, "单小波", Ground("用字有误", document_id=register))
        assert [row.document_id for row in corrections_of(session, [son])] == [register]


def test_another_head_undone_brings_the_account_back(two: Acting, homes: tuple[UUID, UUID]) -> None:
    """What the act took out, and not what was registered for the other head in between; also where the head had died."""
    home, account = homes[0], "6222021234567890123"
    with two(), unit_of_work() as session:
        people = people_of(session, home)
        head, wife = people["head"].id, people["wife"].id
        change_particulars(session, home, {"bank_name": "工商银行", "bank_branch": "锦江支行"}, account=account)
        before = _account(session, home)
        assert reveal(session, head, "account", "核对") == account
    relations = {people["son"].id: "son", people["father"].id: "other"}
    acts: tuple[Callable[[Session], HouseholdChange], ...] = (
        lambda session: change_head(session, home, Succession(wife, relations | {head: "husband"}), valid_from=TODAY, why=WHY),
        lambda session: leave(
            session, home, head, kind="death", valid_from=TODAY, why=WHY, succession=Succession(wife, relations)
        ),
    )
    for act in acts:
        with two(), unit_of_work() as session:
            slip = act(session)
            assert (_account(session, home), file_of(session, home).pinyin) == ((None,) * 4, people["wife"].pinyin)
            assert account not in repr(vars(slip))
        with two(), unit_of_work() as session:
            change_particulars(session, home, {"bank_name": "建设银行"}, account="6217001234567890128")
        with two(), unit_of_work() as session:
            undo(session, slip.id, reason="登记错户")
            assert (_account(session, home), file_of(session, home).pinyin) == (before, people["head"].pinyin)
            assert reveal(session, head, "account", "核对") == account
            assert reveal(session, head, "address", "核对") == FAMILY.address
    with two(), unit_of_work() as session:
        assert [row.person_id for row in find(session, account)] == [head]
        assert find(session, "6217001234567890128") == []


def _account(session: Session, home: UUID) -> tuple[object, ...]:
    file = file_of(session, home)
    session.refresh(file)
    return file.bank_name, file.bank_branch, file.account_masked, file.account_token
