"""Onboarding: the tree of a province, keys, first plugins; done twice it changes nothing."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select, text

from core.db.session import reference_work, unit_of_work
from core.errors import InvalidInput, NotFound
from core.scope import entered
from core.tenancy.keys import tenant_key
from core.tenancy.models import Tenant, TenantDivision, TenantPluginChange
from core.tenancy.models import TenantKey as TenantKeyRow
from core.tenancy.service import system_scope
from tenants.onboarding import open_tenants, plant_tree, tenant_codes
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, Database
from tests.core.lines import install

ON = date(2025, 1, 2)


@pytest.fixture
def bare(db: Database) -> Database:
    """The database without any tenant."""
    with db.owner.begin() as connection:
        connection.execute(text("truncate tenant cascade"))
    return db


def test_the_tree_of_sichuan(bare: Database) -> None:
    with bare.owner.begin() as connection:
        codes = plant_tree(connection, PROVINCE, ON)
    with reference_work() as session:
        tenants = {tenant.code: tenant for tenant in session.scalars(select(Tenant))}
        assert session.scalar(select(func.count()).select_from(TenantDivision)) == 205
    assert len(codes) == len(set(codes)) == len(tenants) == 205
    levels = [tenant.level for tenant in tenants.values()]
    assert {level: levels.count(level) for level in set(levels)} == {"province": 1, "prefecture": 21, "county": 183}
    assert codes[0] == PROVINCE
    for code in codes:
        tenant, index = tenants[code], codes.index(code)
        assert tenant.province == PROVINCE
        assert tenant.union_name == f"{tenant.name}总工会"
        assert (tenant.parent is None) == (tenant.level == "province")
        assert tenant.parent is None or codes.index(tenant.parent) < index
        if tenant.level == "county":
            assert tenant.prefecture == tenant.parent
    assert (tenants[COUNTY].name, tenants[COUNTY].prefecture) == ("锦江区", PREFECTURE)
    assert (tenants[PREFECTURE].prefecture, tenants[PREFECTURE].parent) == (PREFECTURE, PROVINCE)
    assert (tenants[PROVINCE].prefecture, tenants[PROVINCE].parent) == (None, None)


def test_planted_twice_it_stays(bare: Database) -> None:
    with bare.owner.begin() as connection:
        first = plant_tree(connection, PROVINCE, ON)
        connection.execute(
            text("update tenant set union_name = '锦江区工会', state = 'closed', closed_on = '2025-02-01' where code = :c"),
            {"c": COUNTY},
        )
        assert plant_tree(connection, PROVINCE, date(2026, 1, 1)) == first
        kept = text("select union_name, state, onboarded_on from tenant where code in (:c, :p) order by code")
        assert connection.execute(kept, {"c": COUNTY, "p": PROVINCE}).all() == [
            ("四川省总工会", "open", ON),
            ("锦江区工会", "closed", None),
        ]
        assert connection.execute(text("select count(*) from tenant_division")).scalar() == 205
        assert tenant_codes(connection) == [PROVINCE]
    open_tenants({code: [] for code in first if code != COUNTY}, ON, "首批开通")
    with bare.owner.begin() as connection:
        open_now = tenant_codes(connection)
        assert (len(open_now), COUNTY in open_now) == (204, False)
        assert len(tenant_codes(connection, "prefecture")) == 21


def test_a_province_in_which_counties_stand_under_it(bare: Database) -> None:
    """Hainan has counties without a prefecture."""
    with bare.owner.begin() as connection:
        codes = plant_tree(connection, "460000", ON)
    with reference_work() as session:
        tenants = session.scalars(select(Tenant)).all()
    direct = [tenant for tenant in tenants if tenant.parent == "460000" and tenant.level == "county"]
    assert len(codes) == len(tenants)
    assert direct
    assert {tenant.prefecture for tenant in direct} == {None}
    with pytest.raises(NotFound):
        system_scope(direct[0].code, "test", on=ON)
    open_tenants({direct[0].code: []}, ON, "首批开通")
    assert system_scope(direct[0].code, "test", on=ON).prefecture is None


@pytest.mark.parametrize("code", [PREFECTURE, COUNTY])
def test_only_a_province_has_a_tree(db: Database, code: str) -> None:
    with db.owner.begin() as connection, pytest.raises(InvalidInput, match="省级"):
        plant_tree(connection, code, ON)


def test_tenants_get_keys_of_their_own_and_their_lines_once(db: Database) -> None:
    install(db)
    wanted = {COUNTY: ["living_relief", "petitions"], OTHER_COUNTY: ["living_relief"]}
    assert open_tenants(wanted, ON, "首批开通") == 2
    assert open_tenants(wanted, ON, "再次开通") == 0
    wrapped = set()
    for code, lines in wanted.items():
        scope = system_scope(code, "test", on=ON)
        assert {"living_relief", "petitions", "employment", "legal_aid"} & scope.plugins == set(lines)
        with entered(scope), unit_of_work() as session:
            [row] = session.scalars(select(TenantKeyRow)).all()
            wrapped.add(row.wrapped)
            tenant_key(session)
            changes = session.scalars(select(TenantPluginChange)).all()
            assert {(change.plugin, change.version, change.reason) for change in changes} == {
                (line, 1, "首批开通") for line in lines
            }
    assert len(wrapped) == 2
    assert system_scope(OTHER_PREFECTURE, "test").plugins == system_scope(PROVINCE, "test").plugins
