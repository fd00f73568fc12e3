"""Two households registered by hand some time ago, for the tests of what is changed of them by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from stdnum.cn.ric import calc_check_digit

from core.db.session import unit_of_work
from core.people.changes.act import Why
from core.people.changes.persons import Newcomer
from core.people.models import Person, WorkerFile
from core.people.registering import NewHousehold, register_household
from core.people.repository import household_view, members_on
from core.scope import Scope
from core.tenancy.keys import give_key
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY

Acting = Callable[..., AbstractContextManager[Scope]]
WHY = Why("依据户口簿")
HEAD, WIFE, SON, FATHER = "510104198001010010", "510104198202020024", "510104200803030036", "510104195004040014"
OTHER_HEAD, OTHER_SON, DAUGHTER = "510104197505050012", "510104200506060014", "510104200607070025"
YESTERDAY = TODAY - timedelta(days=1)


def numbered(stem: str) -> str:
    """An identity number with the check digit that fits."""
    return stem[:17] + calc_check_digit(stem[:17] + "0")


def somebody(name: str, number: str, relation: str) -> Newcomer:
    """Somebody who joins, with a number that fits."""
    return Newcomer(name, relation, numbered(number))


FAMILY = NewHousehold(
    (
        somebody("单明", HEAD, "head"),
        somebody("解芳", WIFE, "wife"),
        somebody("单小宝", SON, "son"),
        somebody("单建国", FATHER, "father"),
    ),
    "四川省成都市锦江区双桂路社区12号3单元",
    {"employer_name": "锦江纺织厂", "main_cause": "06"},
)
OTHERS = NewHousehold(
    (somebody("李强", OTHER_HEAD, "head"), somebody("李刚", OTHER_SON, "son"), somebody("李梅", DAUGHTER, "daughter")),
    "四川省成都市锦江区莲桂西路社区8号",
)


@pytest.fixture
def two(acting: Acting) -> Acting:
    """Two counties with keys and nobody on file."""
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    return acting


@pytest.fixture
def homes(two: Acting) -> tuple[UUID, UUID]:
    """Two households that were registered some time ago."""
    with two(on=date(2025, 1, 6)), unit_of_work() as session:
        return register_household(session, FAMILY).household_id, register_household(session, OTHERS).household_id


def people_of(session: Session, home: UUID) -> dict[str, Person]:
    """The members by relation."""
    view = household_view(session, home)
    assert view is not None
    return {member.relation: member.person for member in view.members}


def file_of(session: Session, home: UUID) -> WorkerFile:
    """The household's file."""
    return session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()


def one_head_each(session: Session) -> None:
    """What holds whatever was done: one head, whose file it is, unless the file has ended; nobody in two files."""
    seen: dict[UUID, UUID] = {}
    for file in session.scalars(select(WorkerFile).where(WorkerFile.status.not_in(("died", "cancelled", "moved")))):
        members = members_on(session, file.household_id, TODAY)
        assert [one for one, row in members.items() if row.relation == "head"] == [file.worker_id]
        for one in members:
            assert seen.setdefault(one, file.household_id) == file.household_id
