"""Who may give and end which posts, and what a county may give itself."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import Opening
from core.identity import passwords
from core.identity.duties import DutiesExclude, HeldAlready
from core.identity.grants import NotYours, end_post, grant_post, grantable_roles
from core.identity.local import first_password, sign_in
from core.identity.models import Account, Post
from core.identity.service import scope_for
from core.identity.sessions import session_of
from core.identity.staff import (
    disable,
    enable,
    end_sessions_of,
    invite,
    list_staff,
    member,
    reset_password,
    sessions_of,
)
from core.identity.subtree import administering, tenants_below
from core.scope import current_scope, entered
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, admin, allow, at_desk, hire, let_in, posts_of, security, stand_at, trail_of
from tests.web.county import switch_lines

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


# Who gives what


def test_a_county_administrator_lets_somebody_in(db: Database) -> None:
    boss = admin()
    who, password = let_in(boss, " New.Comer ", "caseworker")
    with reference_work() as session:
        account = session.get_one(Account, who)
        assert (account.login, account.must_change_password) == ("new.comer", True)
    token = sign_in("new.comer", password)
    assert token is not None
    signed = session_of(token)
    assert signed is not None
    assert signed.must_change_password
    post = posts_of(who)[0]
    assert (post.role, post.granted_by, post.reason, post.valid_from) == ("caseworker", str(boss), WHY, TODAY)
    given = trail_of(COUNTY, "post.given")[0]
    assert given["actor"] == str(boss)
    assert given["fields"] == {"account": str(who), "role": "caseworker", "from": str(TODAY), "to": None}
    assert [entry["subject"] for entry in trail_of(COUNTY, "account.invited")] == [["account", str(who)]]


def test_first_passwords_are_random_and_easily_typed() -> None:
    made = {first_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password) for password in made)


@pytest.mark.parametrize("role", ["tenant_admin", "security_administrator", "audit_administrator", "system_administrator"])
def test_administrators_roles_are_the_security_administrators_to_give(role: str) -> None:
    boss, guard = admin(PROVINCE), security()
    with pytest.raises(NotYours, match="安全管理员"):
        let_in(boss, "x", role, PROVINCE)
    who, _ = let_in(guard, "x", role, PROVINCE)
    assert [post.role for post in posts_of(who)] == [role]
    with pytest.raises(NotYours, match="安全管理员"), at_desk(boss, PROVINCE) as session:
        end_post(session, posts_of(who)[0].id, on=TODAY, reason=WHY)
    with at_desk(guard, PROVINCE) as session:
        end_post(session, posts_of(who)[0].id, on=TODAY, reason=WHY)


def test_the_security_administrator_gives_no_working_role() -> None:
    with pytest.raises(NotYours):
        let_in(security(), "x", "caseworker", PROVINCE)


def test_whoever_administers_no_staff_gives_nothing() -> None:
    worker, other = hire("w", (COUNTY, "caseworker")), hire("o", (COUNTY, "leader"))
    for act in (
        lambda session: grant_post(session, other, "reviewer", reason=WHY, valid_from=TODAY),
        lambda session: end_post(session, posts_of(other)[0].id, on=TODAY, reason=WHY),
        lambda session: disable(session, other, reason=WHY),
        lambda session: reset_password(session, other, reason=WHY),
        list_staff,
        lambda session: member(session, other),
    ):
        with pytest.raises(Forbidden), at_desk(worker) as session:
            act(session)
    with at_desk(worker) as session:
        assert grantable_roles(session) == []


def test_nobody_gives_or_ends_his_ownposts_of() -> None:
    boss = admin()
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        grant_post(session, boss, "reviewer", reason=WHY, valid_from=TODAY)
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        invite(session, f"admin-{COUNTY}", "", "reviewer", reason=WHY, valid_from=TODAY, existing=True)
    own = posts_of(boss)[0]
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        end_post(session, own.id, on=TODAY, reason=WHY)
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        disable(session, boss, reason=WHY)


def _grantable(boss: uuid.UUID, tenant: str = COUNTY) -> set[str]:
    with at_desk(boss, tenant) as session:
        return {role.code for role in grantable_roles(session)}


def test_what_a_county_gives_is_what_every_level_above_allows() -> None:
    boss = admin()
    everything = _grantable(boss)
    assert {"caseworker", "auditor", "leader", "survey_visitor"} <= everything
    assert not everything & {"tenant_admin", "security_administrator"}
    allow(PROVINCE, ["caseworker", "reviewer", "leader"])
    assert _grantable(boss) == {"caseworker", "reviewer", "leader"}
    # a level below narrows, and what it adds counts for nothing
    allow(PREFECTURE, ["caseworker", "leader", "auditor"])
    assert _grantable(boss) == {"caseworker", "leader"}
    allow(COUNTY, ["caseworker", "payer"])
    assert _grantable(boss) == {"caseworker"}
    allow(PROVINCE, ["caseworker", "payer"], TOMORROW)
    assert _grantable(boss) == {"caseworker"}
    assert "auditor" in _grantable(admin(OTHER_PREFECTURE), OTHER_PREFECTURE)
    with pytest.raises(NotYours, match="不能授予出纳"):
        let_in(boss, "x", "payer")


def test_the_level_above_gives_what_the_county_may_not() -> None:
    allow(PROVINCE, ["caseworker"])
    above = admin(PREFECTURE)
    with entered(scope_for(above, PREFECTURE)):
        with administering(COUNTY, "县审计人员由市级授予") as session:
            who = invite(session, "auditor", "审", "auditor", reason=WHY, valid_from=TODAY).account.id
        assert current_scope().tenant == PREFECTURE
    assert [(post.tenant_code, post.role) for post in posts_of(who)] == [(COUNTY, "auditor")]
    assert trail_of(COUNTY, "post.given")[0]["actor"] == str(above)
    assert trail_of(COUNTY, "post.given")[0]["guest_from"] == PREFECTURE
    assert trail_of(PREFECTURE, "post.given") == []
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        assert [(row.guest, row.guest_tenant) for row in session.scalars(select(Opening))] == [(str(above), PREFECTURE)]


def test_roles_of_a_line_that_is_off_are_not_given(db: Database) -> None:
    boss = admin()
    assert "petition_handler" not in _grantable(boss)
    switch_lines(db, COUNTY)
    assert "petition_handler" in _grantable(boss)


@pytest.mark.parametrize("foreign", [OTHER_COUNTY, OTHER_PREFECTURE, PROVINCE, "999999"])
def test_a_tenant_that_is_not_below_is_not_there(foreign: str) -> None:
    with entered(scope_for(admin(PREFECTURE), PREFECTURE)):
        assert [code for code, _ in tenants_below()] == [COUNTY]
        with pytest.raises(NotFound), administering(foreign, "代管"):
            pass
    with entered(scope_for(admin(COUNTY), COUNTY)):
        assert tenants_below() == []
        with pytest.raises(NotFound), administering(foreign, "代管"):
            pass


def test_a_guest_brings_nothing_but_his_rights_over_staff() -> None:
    with entered(scope_for(admin(PREFECTURE), PREFECTURE)), administering(COUNTY, "代管"):
        scope = current_scope()
        assert scope.permissions == {"staff.write", "staff.see_review", "staff.review"}
        assert (scope.roles, scope.guest_reason, scope.guest_from) == (frozenset(), "代管", PREFECTURE)


def test_an_account_of_a_foreign_tenant_is_not_there() -> None:
    boss, stranger = admin(), hire("s", (OTHER_COUNTY, "caseworker"))
    post = posts_of(stranger)[0].id
    for act in (
        lambda session: grant_post(session, stranger, "reviewer", reason=WHY, valid_from=TODAY),
        lambda session: end_post(session, post, on=TODAY, reason=WHY),
        lambda session: disable(session, stranger, reason=WHY),
        lambda session: enable(session, stranger, reason=WHY),
        lambda session: reset_password(session, stranger, reason=WHY),
        lambda session: end_sessions_of(session, stranger),
        lambda session: member(session, stranger),
        lambda session: sessions_of(session, stranger),
    ):
        with pytest.raises(NotFound), at_desk(boss) as session:
            act(session)


def test_a_post_needs_a_reason_a_role_and_days_that_can_be() -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with at_desk(boss) as session:
        for reason, role, since, until, where in (
            (" ", "reviewer", TODAY, None, "reason"),
            (WHY, "", TODAY, None, "role"),
            (WHY, "emperor", TODAY, None, "role"),
            (WHY, "reviewer", TODAY - timedelta(days=1), None, "valid_from"),
            (WHY, "reviewer", TODAY, TODAY, "valid_to"),
        ):
            with pytest.raises(InvalidInput) as refused:
                grant_post(session, who, role, reason=reason, valid_from=since, valid_to=until)
            assert refused.value.where == where
        grant_post(session, who, "reviewer", reason=WHY, valid_from=TODAY, valid_to=TOMORROW)
        with pytest.raises(HeldAlready, match="已任审核人"):
            grant_post(session, who, "reviewer", reason=WHY, valid_from=TODAY)
        grant_post(session, who, "reviewer", reason=WHY, valid_from=TOMORROW)
        with pytest.raises(DutiesExclude):
            grant_post(session, who, "auditor", reason=WHY, valid_from=TODAY)


def test_a_post_is_ended_never_deleted_and_can_be_given_again() -> None:
    boss, who = admin(), hire("w", (COUNTY, "caseworker"))
    post = posts_of(who)[0]
    with at_desk(boss) as session:
        end_post(session, post.id, on=TOMORROW, reason=WHY)
    assert scope_for(who, COUNTY).roles == {"caseworker"}
    with at_desk(boss) as session, pytest.raises(Conflict, match="终止"):
        end_post(session, post.id, on=TOMORROW + timedelta(days=1), reason=WHY)
    with at_desk(boss) as session, pytest.raises(InvalidInput):
        end_post(session, post.id, on=TODAY - timedelta(days=1), reason=WHY)
    with at_desk(boss) as session:
        end_post(session, post.id, on=TODAY, reason=WHY)
    with pytest.raises(Forbidden):
        scope_for(who, COUNTY)
    with at_desk(boss) as session:
        grant_post(session, who, "payer", reason=WHY, valid_from=TODAY)
    ended, new = posts_of(who)
    assert (ended.valid_to, ended.ended_by, ended.end_reason) == (TODAY, str(boss), WHY)
    assert (new.role, new.valid_to) == ("payer", None)
    assert [entry["fields"]["to"] for entry in trail_of(COUNTY, "post.ended")] == [str(TOMORROW), str(TODAY)]  # type: ignore[index]  # fields are a JSON object


def test_a_post_taken_back_before_its_first_day_excludes_nothing() -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with at_desk(boss) as session:
        post = grant_post(session, who, "auditor", reason=WHY, valid_from=TOMORROW)
        end_post(session, post.id, on=TODAY, reason=WHY)
        assert (post.valid_from, post.valid_to) == (TOMORROW, TOMORROW)
        grant_post(session, who, "caseworker", reason=WHY, valid_from=TODAY)
        with pytest.raises(Conflict):
            end_post(session, post.id, on=TODAY, reason=WHY)


def test_nobody_stands_in_the_table_as_giver_or_reviewer_of_his_own_post() -> None:
    boss = admin()
    for column in ("granted_by", "reviewed_by"):
        with pytest.raises(IntegrityError, match="by_oneself"), reference_work() as session:
            session.execute(update(Post).where(Post.account_id == boss).values({column: str(boss)}))
