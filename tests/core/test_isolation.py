"""No scope, no query; and a scope shows its own tenant's rows only, by the criterion and by the database behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from core.db.base import new_id
from core.db.criterion import UnscopedStatement
from core.db.safety import refuse_unsafe_role
from core.db.session import reference_work, unit_of_work
from core.db.statements import tenant_core, tenant_sql
from core.errors import Misconfigured
from core.people.models import Household
from core.scope import NoScope, Scope
from core.settings import Settings
from core.tenancy.models import Tenant
from tests.conftest import COUNTY, OTHER_COUNTY, Database, tenant_tables

Acting = Callable[..., AbstractContextManager[Scope]]


@pytest.fixture
def two(acting: Acting) -> tuple[str, str]:
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            session.add(Household(address=f"地址 {tenant}"))
    return COUNTY, OTHER_COUNTY


def test_no_scope_no_query(db: Database) -> None:
    with pytest.raises(NoScope), unit_of_work():
        pass
    with reference_work() as session:
        assert len(session.scalars(select(Tenant)).all()) == 5
        with pytest.raises(NoScope):
            session.scalars(select(Household)).all()


def test_each_county_sees_its_own(acting: Acting, two: tuple[str, str]) -> None:
    for tenant in two:
        with acting(tenant), unit_of_work() as session:
            assert [row.tenant for row in session.scalars(select(Household))] == [tenant]
            assert session.scalar(select(func.count()).select_from(Household)) == 1
            assert session.scalar(tenant_sql("select count(*) from household where tenant = :tenant")) == 1


def test_what_the_criterion_cannot_filter_is_refused(acting: Acting, two: tuple[str, str]) -> None:
    with acting(COUNTY), unit_of_work() as session:
        for statement in (
            select(Household.__table__),
            text("select * from household"),
            select(Household).from_statement(text("select * from household")),
        ):
            with pytest.raises(UnscopedStatement):
                session.execute(statement)
        with pytest.raises(UnscopedStatement):
            session.execute(update(Household), [{"tenant": OTHER_COUNTY, "id": new_id(), "address": "x"}])
        with pytest.raises(ValueError, match="tenant"):
            tenant_sql("select 1")
        marked = tenant_core(select(Household.__table__).where(Household.tenant == COUNTY))
        assert len(session.execute(marked).all()) == 1


def test_an_orm_update_stays_inside(acting: Acting, two: tuple[str, str]) -> None:
    with acting(COUNTY), unit_of_work() as session:
        session.execute(update(Household).values(address="改"))
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert session.scalars(select(Household.address)).all() == [f"地址 {OTHER_COUNTY}"]


def test_a_foreign_insert_is_refused_by_the_database(acting: Acting, db: Database) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), acting(COUNTY), unit_of_work() as session:
        session.execute(insert(Household), [{"tenant": OTHER_COUNTY, "address": "x"}])


def test_a_session_serves_no_other_scope(acting: Acting, two: tuple[str, str]) -> None:
    with acting(COUNTY), unit_of_work() as session, acting(OTHER_COUNTY), pytest.raises(UnscopedStatement):
        session.scalars(select(Household)).all()


@pytest.mark.parametrize("table", tenant_tables())
def test_without_a_tenant_no_table_shows_a_row_or_takes_one(db: Database, table: str) -> None:
    with db.app.connect() as connection:
        assert connection.execute(text(f"select count(*) from {table}")).scalar() == 0


@pytest.mark.parametrize("table", tenant_tables())
def test_append_only_tables_cannot_be_changed(db: Database, table: str) -> None:
    with db.app.connect() as connection:
        allowed = connection.execute(
            text(
                "select has_table_privilege('bangfu_app', :t, 'truncate')"
                " or has_table_privilege('bangfu_app', :t, 'references')"
            ),
            {"t": table},
        ).scalar()
    assert allowed is False


def test_the_application_role_is_weak_and_the_owner_is_refused(db: Database) -> None:
    refuse_unsafe_role(db.app)
    with pytest.raises(Misconfigured):
        refuse_unsafe_role(db.owner)
    with db.app.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("set role bangfu_owner"))


def test_the_scope_ends_with_its_transaction(acting: Acting, two: tuple[str, str], db: Database) -> None:
    with acting(COUNTY), unit_of_work() as session:
        session.scalars(select(Household)).all()
    with db.app.connect() as connection:
        assert connection.execute(text("select coalesce(current_setting('app.tenant', true), '')")).scalar() == ""


def test_production_refuses_a_movable_date() -> None:
    with pytest.raises(Misconfigured):
        Settings(environment="production", movable_business_date=True, secure_cookies=True)


@pytest.mark.parametrize("code", ["51010", "5101044", "51010a", "'; drop"])
def test_a_malformed_tenant_never_reaches_the_database(code: str) -> None:
    from core.scope import Level

    with pytest.raises(ValueError, match="tenant code"):
        Scope(tenant=code, level=Level.COUNTY, province="510000", actor="system:x", business_date=date(2025, 1, 1))
