"""Duties that exclude each other: refused by the service with words, and by the table where the service is passed by."""

from __future__ import annotations

import itertools
import uuid
from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work
from core.host.declarations import RoleDecl
from core.identity import service
from core.identity.duties import DutiesExclude
from core.identity.models import Account
from core.identity.service import give_post, roles
from core.scope import Level
from tests.conftest import COUNTY as COUNTY_A
from tests.conftest import OTHER_COUNTY as COUNTY_B
from tests.conftest import Database

DAY, LATER = date(2026, 3, 2), date(2026, 6, 1)


def _exclude_in_one_tenant(one: RoleDecl, other: RoleDecl) -> bool:
    """The rule as the clauses state it, written apart from the code (domain 7.1, 7.2, 12)."""
    apart = ({"caseworker"}, {"case_approver", "payment_approver"}, {"fund_manager"}, {"payer"})
    for first, second in itertools.permutations(apart, 2):
        if one.code in first and other.code in second:
            return True
    looks_on = {"auditor", "leader"}
    audits = "auditor" in (one.code, other.code) and one.code != other.code
    return (audits and not {one.code, other.code} <= looks_on) or _administrators(one, other)


def _administrators(one: RoleDecl, other: RoleDecl) -> bool:
    return one.administers != other.administers


def _account() -> uuid.UUID:
    with reference_work() as session:
        account = Account(login=f"a{uuid.uuid4().hex[:12]}", display_name="试")
        session.add(account)
        session.flush()
        return account.id


def _county_roles() -> list[RoleDecl]:
    return [role for role in roles().values() if Level.COUNTY in role.levels]


def _refused(account: uuid.UUID, tenant: str, role: RoleDecl, since: date, until: date | None = None) -> bool:
    try:
        with reference_work() as session:
            give_post(session, account, tenant, role.code, valid_from=since, valid_to=until)
    except (DutiesExclude, IntegrityError):
        return True
    return False


@pytest.mark.parametrize("by", ["service", "database"])
def test_every_pair_of_roles_in_one_county(db: Database, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "database":
        monkeypatch.setattr(service, "refuse_excluded", lambda *_: None)
    wrong = []
    for one, other in itertools.combinations(_county_roles(), 2):
        account = _account()
        assert not _refused(account, COUNTY_A, one, DAY)
        if _refused(account, COUNTY_A, other, DAY) != _exclude_in_one_tenant(one, other):
            wrong.append((one.code, other.code))
    assert wrong == []


def test_another_county_and_another_time_exclude_nothing(db: Database) -> None:
    known = roles()
    account = _account()
    assert not _refused(account, COUNTY_A, known["caseworker"], DAY, LATER)
    assert not _refused(account, COUNTY_B, known["payer"], DAY)
    assert not _refused(account, COUNTY_A, known["payer"], LATER)
    assert _refused(account, COUNTY_A, known["auditor"], DAY, LATER)


def test_the_refusal_names_the_post_that_is_in_the_way(db: Database) -> None:
    account = _account()
    with reference_work() as session:
        give_post(session, account, COUNTY_A, "payer", valid_from=DAY)
    with pytest.raises(DutiesExclude, match="出纳") as refused, reference_work() as session:
        give_post(session, account, COUNTY_A, "fund_manager", valid_from=DAY)
    assert refused.value.where == "fund_manager"
    assert refused.value.mend_zh
