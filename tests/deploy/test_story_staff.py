"""The sample's staff: one account for each role, so that nobody holds what excludes another post."""

from __future__ import annotations

from core.identity.service import desks, roles
from core.scope import Level
from deploy.story.opening_steps import PROVINCE
from deploy.story.staff import ADMINISTRATORS, COUNTY_ROLES, UPPER_ROLES, account_id, hire
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import stand_at


def test_every_role_has_a_person_in_the_sample(db: Database) -> None:
    install(db)
    stand_at(db)
    for _ in range(2):
        county = hire(COUNTY, "锦江区总工会", COUNTY_ROLES, "hash", TODAY)
        upper = hire(PROVINCE, "四川省总工会", UPPER_ROLES + ADMINISTRATORS, "hash", TODAY)
    assert {account.role for account in county} == {role.code for role in roles().values() if Level.COUNTY in role.levels}
    assert {role.code for role in roles().values() if role.administers} == set(ADMINISTRATORS)
    for account in (*county, *upper):
        held = desks(account_id(account.tenant, account.role))
        assert [desk.tenant for desk in held] == [account.tenant]
