"""Divisions that a tenant covers: only below whoever says so, told once, and told apart from those taken over in a merger."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.db.session import unit_of_work
from core.divisions import above, below
from core.errors import Conflict, InvalidInput, NotFound
from core.parameters.service import set_parameter
from core.scope import entered
from core.tenancy.life import history
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope, tenant_named
from tenants.divisions_of import covered, name_on, recode
from tenants.keeping_list import described
from tenants.lifecycle import close
from tenants.merging_jobs import _cover
from tenants.plugin import PREFECTURES_KEEP
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.tenants.opened import WHY, keeper

DAY = date(2025, 2, 3)


@pytest.fixture(autouse=True)
def installed(db: Database) -> None:
    install(db)
    stand_at(db)
    with entered(system_scope(PROVINCE, "test", on=TODAY)), unit_of_work() as session:
        set_parameter(session, PREFECTURES_KEEP, TODAY, True, WHY, "domain 1.3")


def _recoded(tenant: str, code: str, division: str, day: date = DAY, name: str = "") -> None:
    with keeper(tenant), unit_of_work() as session:
        recode(session, code, division, WHY, name=name, valid_from=day)


@pytest.mark.parametrize("of", [PREFECTURE, PROVINCE])
def test_a_tenant_covers_only_what_lies_below_whoever_says_so(of: str) -> None:
    elsewhere = [OTHER_PREFECTURE, "440100"] if of == PREFECTURE else ["440100", "110000"]
    for outside in elsewhere:
        foreign = below(outside)[0].code
        assert of not in above(foreign)
        with pytest.raises(NotFound, match=f"本级下没有行政区划代码 {foreign}"):
            _recoded(of, COUNTY, foreign)
    _recoded(of, COUNTY, next(one.code for one in below(PREFECTURE) if one.code != COUNTY))


def test_told_again_it_is_recognised() -> None:
    _recoded(PROVINCE, COUNTY, "510106")
    with pytest.raises(Conflict, match="没有变化"):
        _recoded(PROVINCE, COUNTY, "510106")
    with keeper(), unit_of_work() as session:
        assert [change.act for change in history(session, COUNTY)] == ["recode"]


def test_what_was_taken_over_is_not_what_the_successor_is_called() -> None:
    with keeper(), unit_of_work() as session:
        heir = session.get_one(Tenant, OTHER_COUNTY)
        names = heir.name, heir.union_name
        _cover(session, COUNTY, OTHER_COUNTY)
        close(session, COUNTY, WHY, OTHER_COUNTY)
    with keeper(), unit_of_work() as session:
        assert [(row.division_code, row.former_tenant) for row in covered(session, OTHER_COUNTY)] == [(COUNTY, COUNTY)]
        assert name_on(session, OTHER_COUNTY, TODAY) == names
    with pytest.raises(Conflict, match="没有变化"):
        _recoded(PROVINCE, OTHER_COUNTY, OTHER_COUNTY, TODAY, names[0])
    with pytest.raises(InvalidInput, match="当日因撤并并入"):
        _recoded(PROVINCE, OTHER_COUNTY, COUNTY, TODAY)
    # a day before the merger: the taken-over division is no change of its own
    _recoded(PROVINCE, OTHER_COUNTY, OTHER_COUNTY, TODAY - timedelta(days=1), "新名区")
    with keeper(), unit_of_work() as session:
        said = history(session, OTHER_COUNTY)[0].detail
        assert (said["former"], said["former_name"]) == (OTHER_COUNTY, names[0])
        assert name_on(session, OTHER_COUNTY, TODAY) == ("新名区", "新名区总工会")
        (row,) = described(session, [session.get_one(Tenant, OTHER_COUNTY)])
        assert row.division == OTHER_COUNTY
        assert tenant_named(session, COUNTY).code == OTHER_COUNTY
