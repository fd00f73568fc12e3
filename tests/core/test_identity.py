"""Accounts, posts with dates, sessions, the scope that a post gives, and which duties never meet in one role."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work, unit_of_work
from core.errors import Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.identity import local, passwords
from core.identity.declared import ROLES
from core.identity.local import sign_in
from core.identity.models import Account, Post, StaffSession
from core.identity.passwords import hashed, matches
from core.identity.service import desks, give_post, make_account, permissions_of, roles, scope_for
from core.identity.sessions import IDLE_MINUTES, SESSION_HOURS, session_of, sign_out
from core.scope import Level, entered
from core.tenancy.models import TenantPlugin
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import LINES, Acting, install

PASSWORD = "正确的马电池订书钉"


@pytest.fixture(autouse=True)
def today(db: Database) -> None:
    """Every post is judged by a business date of the tests."""
    install(db)
    with db.owner.begin() as connection:
        connection.execute(text('insert into business_clock (id, "on", set_at) values (1, :on, now())'), {"on": TODAY})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Hash at the least cost, but where the hash itself is tested."""
    if "argon2id" not in request.node.name:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def account(db: Database) -> uuid.UUID:
    with reference_work() as session:
        return make_account(session, " Li.Ming ", "李明", PASSWORD).id


def _post(account_id: uuid.UUID, tenant: str, role: str, since: date = TODAY, until: date | None = None) -> None:
    with reference_work() as session:
        give_post(session, account_id, tenant, role, valid_from=since, valid_to=until)


def _live(token: str | None) -> bool:
    assert token is not None
    return session_of(token) is not None


def _age(db: Database, column: str, by: timedelta) -> None:
    with db.owner.begin() as connection:
        connection.execute(text(f"update staff_session set {column} = {column} - :by"), {"by": by})


# Passwords


def test_passwords_are_kept_as_argon2id() -> None:
    stored = hashed(PASSWORD)
    assert stored.startswith("$argon2id$v=19$")
    assert stored != hashed(PASSWORD)
    assert PASSWORD not in stored
    assert matches(stored, PASSWORD)
    assert not matches(stored, PASSWORD + " ")
    for nothing in (None, "", "plain", "$argon2id$broken"):
        assert not matches(nothing, PASSWORD)
    assert not matches(None, "nobody has this password")


def test_an_account_is_found_by_its_login_however_it_is_written(account: uuid.UUID) -> None:
    with reference_work() as session:
        row = session.get_one(Account, account)
        assert (row.login, row.display_name) == ("li.ming", "李明")
        assert row.password_hash is not None
        assert row.password_hash.startswith("$argon2id$")
    assert sign_in("LI.MING ", PASSWORD) is not None
    assert sign_in("li.ming", "wrong password") is None
    assert sign_in("nobody", PASSWORD) is None
    with reference_work() as session:
        assert len(session.scalars(select(StaffSession)).all()) == 1


def test_short_passwords_and_taken_logins_are_refused(account: uuid.UUID) -> None:
    with reference_work() as session, pytest.raises(InvalidInput) as refused:
        make_account(session, "other", "他", "1234567")
    assert refused.value.where == "password"
    with pytest.raises(InvalidInput, match="已有"), reference_work() as session:
        make_account(session, "LI.MING", "他", PASSWORD)
    with pytest.raises(InvalidInput) as refused, reference_work() as session:
        make_account(session, "  ", "他", PASSWORD)
    assert refused.value.where == "login"


# Sessions


def test_a_session_is_kept_by_its_hash_and_ends_once(account: uuid.UUID) -> None:
    first = sign_in("li.ming", PASSWORD, address="10.0.0.1", agent="x" * 500)
    second = sign_in("li.ming", PASSWORD)
    assert first is not None
    assert second is not None
    found = session_of(first)
    assert found is not None
    assert (found.account_id, found.login, found.display_name) == (account, "li.ming", "李明")
    other = session_of(second)
    assert other is not None
    assert found.csrf_token != other.csrf_token
    with reference_work() as session:
        rows = session.scalars(select(StaffSession)).all()
        assert all(first.encode() not in row.token_hash and len(row.token_hash) == 32 for row in rows)
        assert {len(row.agent) for row in rows if row.agent} == {200}
    sign_out(first)
    assert (_live(first), _live(second)) == (False, True)
    with reference_work() as session:
        ended = session.scalars(select(StaffSession.ended_at).where(StaffSession.ended_at.is_not(None))).one()
    sign_out(first)
    sign_out("no such token")
    with reference_work() as session:
        assert session.scalars(select(StaffSession.ended_at).where(StaffSession.ended_at.is_not(None))).one() == ended
    assert not _live("")


def test_a_session_expires_and_is_not_prolonged(account: uuid.UUID, db: Database) -> None:
    token = sign_in("li.ming", PASSWORD)
    _age(db, "expires_at", timedelta(hours=SESSION_HOURS, minutes=-5))
    assert _live(token)
    _age(db, "expires_at", timedelta(minutes=6))
    assert not _live(token)


def test_an_idle_session_is_over_and_a_used_one_goes_on(account: uuid.UUID, db: Database) -> None:
    token = sign_in("li.ming", PASSWORD)
    for _ in range(2):
        _age(db, "last_seen_at", timedelta(minutes=IDLE_MINUTES - 1))
        assert _live(token)
    with reference_work() as session:
        assert datetime.now(UTC) - session.scalars(select(StaffSession.last_seen_at)).one() < timedelta(minutes=1)
    _age(db, "last_seen_at", timedelta(minutes=IDLE_MINUTES))
    assert not _live(token)


def test_a_disabled_account_is_out_at_once(account: uuid.UUID, db: Database) -> None:
    _post(account, COUNTY, "caseworker")
    token = sign_in("li.ming", PASSWORD)
    assert _live(token)
    with reference_work() as session:
        session.get_one(Account, account).disabled_at = datetime.now(UTC)
    assert not _live(token)
    assert sign_in("li.ming", PASSWORD) is None
    with pytest.raises(Forbidden):
        scope_for(account, COUNTY)


def test_the_right_password_is_checked_as_long_as_a_wrong_one(monkeypatch: pytest.MonkeyPatch, account: uuid.UUID) -> None:
    """An account that does not exist costs one verification too."""
    asked: list[str | None] = []

    def counted(stored: str | None, password: str) -> bool:
        asked.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(local, "matches", counted)
    assert sign_in("nobody", PASSWORD) is None
    assert asked == [None]


# Posts and scopes


def test_a_post_holds_from_its_first_day_until_the_day_before_its_end(account: uuid.UUID, db: Database) -> None:
    _post(account, COUNTY, "caseworker", TODAY, TODAY + timedelta(days=10))
    _post(account, PREFECTURE, "auditor", TODAY + timedelta(days=5))
    for day, expected in ((-1, []), (0, [COUNTY]), (5, [PREFECTURE, COUNTY]), (9, [PREFECTURE, COUNTY]), (10, [PREFECTURE])):
        with db.owner.begin() as connection:
            connection.execute(text('update business_clock set "on" = :on'), {"on": TODAY + timedelta(days=day)})
        assert [desk.tenant for desk in desks(account)] == expected
        for tenant in (COUNTY, PREFECTURE):
            if tenant in expected:
                assert scope_for(account, tenant).tenant == tenant
            else:
                with pytest.raises(Forbidden):
                    scope_for(account, tenant)


def test_a_post_cannot_end_before_it_begins(account: uuid.UUID) -> None:
    with pytest.raises(InvalidInput) as refused:
        _post(account, COUNTY, "caseworker", TODAY, TODAY)
    assert refused.value.where == "valid_to"
    _post(account, COUNTY, "caseworker")
    with pytest.raises(IntegrityError, match="dates"), reference_work() as session:
        session.scalars(select(Post)).one().valid_to = TODAY - timedelta(days=1)


def test_the_day_of_a_posts_last_use_is_kept(account: uuid.UUID, db: Database) -> None:
    _post(account, COUNTY, "caseworker")
    _post(account, OTHER_COUNTY, "caseworker")
    for day in (TODAY, TODAY, TODAY + timedelta(days=3)):
        with db.owner.begin() as connection:
            connection.execute(text('update business_clock set "on" = :on'), {"on": day})
        with db.owner.connect() as connection:
            before = connection.scalar(text("select xmin::text from post where tenant_code = :t"), {"t": COUNTY})
            used = connection.scalar(text("select last_used_on from post where tenant_code = :t"), {"t": COUNTY})
            scope_for(account, COUNTY)
            after = connection.scalar(text("select xmin::text from post where tenant_code = :t"), {"t": COUNTY})
        # the first act of a day writes, the next ones do not
        assert (before == after) == (used == day)
    with reference_work() as session:
        used = dict(session.execute(select(Post.tenant_code, Post.last_used_on)).all())
    assert used == {COUNTY: TODAY + timedelta(days=3), OTHER_COUNTY: None}


@pytest.mark.parametrize(
    ("tenant", "role", "error"),
    [(COUNTY, "emperor", InvalidInput), (PROVINCE, "survey_visitor", InvalidInput), ("999999", "caseworker", NotFound)],
)
def test_posts_that_cannot_be(account: uuid.UUID, tenant: str, role: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _post(account, tenant, role)
    with reference_work() as session:
        assert session.scalars(select(Post)).all() == []


def test_a_scope_is_the_tenants_with_the_posts_held_there_alone(account: uuid.UUID, acting: Acting) -> None:
    _post(account, COUNTY, "reviewer")
    _post(account, COUNTY, "survey_visitor")
    _post(account, OTHER_COUNTY, "tenant_admin")
    with acting(COUNTY), unit_of_work() as session:
        session.add(TenantPlugin(plugin="living_relief", enabled=True))
        session.add(TenantPlugin(plugin="petitions", enabled=False))
    scope = scope_for(account, COUNTY)
    assert (scope.tenant, scope.level, scope.province, scope.prefecture) == (COUNTY, Level.COUNTY, PROVINCE, PREFECTURE)
    assert (scope.actor, scope.actor_name, scope.business_date) == (str(account), "李明", TODAY)
    assert scope.roles == {"reviewer", "survey_visitor"}
    assert not scope.is_system
    assert scope.plugins & LINES == {"living_relief"}
    assert {"case.advance", "living_relief.verify"} <= scope.permissions
    assert not scope.permissions & {"staff.write", "case.open", "petitions.accept"}
    other = scope_for(account, OTHER_COUNTY)
    assert other.roles == {"tenant_admin"}
    assert "staff.write" in other.permissions
    assert not other.plugins & LINES
    desk_names = {(desk.tenant, desk.titles) for desk in desks(account)}
    assert desk_names == {(COUNTY, ("审核人", "入户调查员")), (OTHER_COUNTY, ("本级管理员",))}


def test_a_foreign_tenant_gives_no_scope(account: uuid.UUID) -> None:
    _post(account, COUNTY, "caseworker")
    for foreign in (OTHER_COUNTY, PREFECTURE, PROVINCE):
        with pytest.raises(Forbidden, match="没有岗位"):
            scope_for(account, foreign)
    with pytest.raises(NotFound):
        scope_for(account, "999999")
    with pytest.raises(Forbidden):
        scope_for(uuid.uuid4(), COUNTY)
    with entered(scope_for(account, COUNTY)), unit_of_work() as session:
        assert session.connection().exec_driver_sql("select current_setting('app.tenant')").scalar() == COUNTY


def test_a_closed_tenant_gives_no_scope(account: uuid.UUID, db: Database) -> None:
    _post(account, COUNTY, "caseworker")
    with db.owner.begin() as connection:
        closes = text("update tenant set state = 'closed', closed_on = :on where code = :code")
        connection.execute(closes, {"on": TODAY, "code": COUNTY})
    with pytest.raises(NotFound):
        scope_for(account, COUNTY)
    assert desks(account) == []


# Roles


def test_every_permission_of_a_role_is_declared() -> None:
    declared = {permission.code for permission in host().collected("bangfu_permissions")}
    for role in roles().values():
        assert role.permissions <= declared, f"{role.code}: {sorted(role.permissions - declared)}"
    for name, grants in host().installed("bangfu_role_grants"):
        for grant in grants:
            assert grant.role in roles(), f"{name} grants to {grant.role}"
            assert grant.permissions <= declared, f"{name}: {sorted(grant.permissions - declared)}"


def test_every_permission_that_is_asked_for_is_declared() -> None:
    declared = {permission.code for permission in host().collected("bangfu_permissions")}
    asked = {job.permission for job in host().collected("bangfu_job_kinds")}
    asked |= {entry.permission for entry in host().collected("bangfu_navigation")}
    for flow in host().collected("bangfu_workflows"):
        asked |= {flow.open_permission, *(step.permission for step in flow.transitions)}
    assert asked - {""} <= declared, sorted(asked - declared)


def _all_that(role: str) -> frozenset[str]:
    """What a role may do where every line is on."""
    return permissions_of([role], frozenset(host().infos))


MONEY = frozenset({"funds.prepare", "funds.approve_payment", "funds.pay"})


@pytest.mark.parametrize("role", [role.code for role in ROLES])
def test_duties_that_need_each_other_never_meet_in_one_role(role: str) -> None:
    held = _all_that(role)
    assert not {"case.open", "case.decide"} <= held
    assert len(held & MONEY) <= 1
    deciding = {
        step.permission
        for flow in host().collected("bangfu_workflows")
        for step in flow.transitions
        if step.decision == "approved"
    }
    assert not (held & {"case.decide", *deciding} and held & {"case.open", *MONEY})


def test_each_duty_is_held_by_some_role() -> None:
    for duty in MONEY | {"case.open", "case.decide"}:
        assert any(duty in role.permissions for role in roles().values()), duty


def test_a_lines_permissions_are_held_only_where_it_is_on() -> None:
    assert "living_relief.approve" in permissions_of(["case_approver"], frozenset({"living_relief"}))
    assert "living_relief.approve" not in permissions_of(["case_approver"], frozenset())
    assert permissions_of(["nobody"], frozenset(host().infos)) == frozenset()
