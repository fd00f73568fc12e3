"""Households put on file by hand, with everything by which a person is found, for the tests of search and duplicates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session
from stdnum.cn.ric import calc_check_digit

from core.db.base import new_id
from core.db.session import unit_of_work
from core.parameters.service import set_parameter
from core.people.identity_number import check_identity_number
from core.people.models import Household, Membership, Person, SearchToken, WorkerFile
from core.people.sealing import Sealer
from core.people.search.words import file_number_word
from core.tenancy.keys import give_key
from core.vault import masking
from core.vault.sensitive import Sensitive
from tests.conftest import PROVINCE, TODAY
from tests.core.lines import Acting, post

_serials = itertools.count(1)


@dataclass(frozen=True)
class Home:
    """A household on file; ``persons`` are the worker first, then the others in order."""

    household_id: UUID
    file_number: str
    persons: tuple[UUID, ...]


def number_of(serial: int, born: date = date(1970, 1, 1), area: str = "510104") -> str:
    """A valid identity number."""
    body = f"{area}{born:%Y%m%d}{serial % 1000:03d}"
    return body + str(calc_check_digit(body + "0"))


def stale_after_a_year(acting: Acting) -> None:
    """The parameter for which lists and pages of files ask."""
    with post(acting, "system:parameters", tenant=PROVINCE), unit_of_work() as session:
        set_parameter(session, "stale_after_days", date(2025, 1, 1), 365, "省级文件", "domain 10")


def put_on_file(
    session: Session,
    *members: tuple[str, str],
    number: str | None = None,
    phone: str | None = None,
    address: str = "四川省成都市锦江区书院街道东风村",
    status: str = "on_file",
) -> Home:
    """A household of ``members`` (name, identity number), the worker first."""
    give_key(session)
    session.flush()
    sealer = Sealer(session)
    serial = next(_serials)
    home, file_number = new_id(), number or f"JJ2025-{serial:05d}"
    made = []
    for place, (name, identity_number) in enumerate(members):
        identity = check_identity_number(identity_number, TODAY)
        columns = {"name": name, "gender": identity.sex.value, "birth_date": identity.birth_date}
        sealed = sealer.person(
            identity,
            columns,
            phone=Sensitive(phone, masking.phone) if phone and place == 0 else None,
            more_searches=[file_number_word(file_number)] if place == 0 else [],
        )
        session.add(Person(**sealed.row))
        session.add_all(SearchToken(**row) for row in sealed.searches)
        made.append(sealed.id)
    session.add(Household(id=home, address=address))
    session.flush()
    relations: Sequence[str] = ("head", "spouse", "son", "daughter", "father")
    for person, relation in zip(made, relations, strict=False):
        session.add(Membership(household_id=home, person_id=person, relation=relation, valid_from=date(2024, 1, 1)))
    session.add(
        WorkerFile(
            household_id=home, worker_id=made[0], file_number=file_number, status=status, opened_on=TODAY, updated_on=TODAY
        )
    )
    session.flush()
    return Home(home, file_number, tuple(made))
