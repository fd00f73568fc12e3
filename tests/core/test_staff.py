"""Who may give and end which posts, and who may act on whose account."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import Opening
from core.identity import changes, passwords
from core.identity.changes import IDENTITY_CHANGED
from core.identity.duties import DutiesExclude, HeldAlready
from core.identity.grants import NotYours, end_post, grant_post, grantable_roles
from core.identity.local import first_password, sign_in
from core.identity.models import Account, Post
from core.identity.moves import move
from core.identity.names import COUNTY_GRANTS
from core.identity.service import scope_for
from core.identity.sessions import session_of
from core.identity.staff import (
    disable,
    enable,
    end_sessions_of,
    invite,
    list_staff,
    looks_after,
    member,
    reset_password,
    sessions_of,
)
from core.identity.subtree import administering, tenants_below
from core.jobs.models import OutboxItem
from core.jobs.outbox import TOPICS, relay
from core.parameters.service import set_parameter
from core.scope import current_scope, entered
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import SINCE, WHY, admin, at_desk, hire, security, stand_at, trail_of
from tests.web.county import switch_lines

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def _posts(account: uuid.UUID) -> list[Post]:
    with reference_work() as session:
        return list(session.scalars(select(Post).where(Post.account_id == account).order_by(Post.id)))


def _invite(by: uuid.UUID, login: str, role: str, tenant: str = COUNTY) -> tuple[uuid.UUID, str]:
    with at_desk(by, tenant) as session:
        new = invite(session, login, "新人", role, reason=WHY, valid_from=TODAY)
        assert new.first_password is not None
        return new.account.id, new.first_password


# Who gives what


def test_a_county_administrator_lets_somebody_in(db: Database) -> None:
    boss = admin()
    who, password = _invite(boss, " New.Comer ", "caseworker")
    with reference_work() as session:
        account = session.get_one(Account, who)
        assert (account.login, account.must_change_password) == ("new.comer", True)
    token = sign_in("new.comer", password)
    assert token is not None
    signed = session_of(token)
    assert signed is not None
    assert signed.must_change_password
    post = _posts(who)[0]
    assert (post.role, post.granted_by, post.reason, post.valid_from) == ("caseworker", str(boss), WHY, TODAY)
    given = trail_of(COUNTY, "post.given")[0]
    assert given["actor"] == str(boss)
    assert given["fields"] == {"account": str(who), "role": "caseworker", "from": str(TODAY), "to": None}
    assert [entry["subject"] for entry in trail_of(COUNTY, "account.invited")] == [["account", str(who)]]


def test_first_passwords_are_random_and_easily_typed() -> None:
    made = {first_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password) for password in made)


@pytest.mark.parametrize("role", ["tenant_admin", "security_admin", "audit_admin", "system_admin"])
def test_administrators_roles_are_the_security_administrators_to_give(role: str) -> None:
    boss, guard = admin(PROVINCE), security()
    with pytest.raises(NotYours, match="安全管理员"):
        _invite(boss, "x", role, PROVINCE)
    who, _ = _invite(guard, "x", role, PROVINCE)
    assert [post.role for post in _posts(who)] == [role]
    with pytest.raises(NotYours, match="安全管理员"), at_desk(boss, PROVINCE) as session:
        end_post(session, _posts(who)[0].id, on=TODAY, reason=WHY)
    with at_desk(guard, PROVINCE) as session:
        end_post(session, _posts(who)[0].id, on=TODAY, reason=WHY)


def test_the_security_administrator_gives_no_working_role() -> None:
    with pytest.raises(NotYours):
        _invite(security(), "x", "caseworker", PROVINCE)


def test_whoever_administers_no_staff_gives_nothing() -> None:
    worker, other = hire("w", (COUNTY, "caseworker")), hire("o", (COUNTY, "leader"))
    for act in (
        lambda session: grant_post(session, other, "reviewer", reason=WHY, valid_from=TODAY),
        lambda session: end_post(session, _posts(other)[0].id, on=TODAY, reason=WHY),
        lambda session: disable(session, other, reason=WHY),
        lambda session: reset_password(session, other, reason=WHY),
        list_staff,
        lambda session: member(session, other),
    ):
        with pytest.raises(Forbidden), at_desk(worker) as session:
            act(session)
    with at_desk(worker) as session:
        assert grantable_roles(session) == []


def test_nobody_gives_or_ends_his_own_posts() -> None:
    boss = admin()
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        grant_post(session, boss, "reviewer", reason=WHY, valid_from=TODAY)
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        invite(session, f"admin-{COUNTY}", "", "reviewer", reason=WHY, valid_from=TODAY, existing=True)
    own = _posts(boss)[0]
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        end_post(session, own.id, on=TODAY, reason=WHY)
    with at_desk(boss) as session, pytest.raises(NotYours, match="本人"):
        disable(session, boss, reason=WHY)


def _allow(tenant: str, codes: list[str], since: date = SINCE) -> None:
    with entered(scope_of(tenant)), unit_of_work() as session:
        set_parameter(session, COUNTY_GRANTS, since, codes, "省总工会规定", "domain 1.2")


def _grantable(boss: uuid.UUID, tenant: str = COUNTY) -> set[str]:
    with at_desk(boss, tenant) as session:
        return {role.code for role in grantable_roles(session)}


def test_what_a_county_gives_is_what_every_level_above_allows() -> None:
    boss = admin()
    everything = _grantable(boss)
    assert {"caseworker", "auditor", "leader", "survey_visitor"} <= everything
    assert not everything & {"tenant_admin", "security_admin"}
    _allow(PROVINCE, ["caseworker", "reviewer", "leader"])
    assert _grantable(boss) == {"caseworker", "reviewer", "leader"}
    # a level below narrows, and what it adds counts for nothing
    _allow(PREFECTURE, ["caseworker", "leader", "auditor"])
    assert _grantable(boss) == {"caseworker", "leader"}
    _allow(COUNTY, ["caseworker", "payer"])
    assert _grantable(boss) == {"caseworker"}
    _allow(PROVINCE, ["caseworker", "payer"], TOMORROW)
    assert _grantable(boss) == {"caseworker"}
    assert "auditor" in _grantable(admin(OTHER_PREFECTURE), OTHER_PREFECTURE)
    with pytest.raises(NotYours, match="不能授予出纳"):
        _invite(boss, "x", "payer")


def test_the_level_above_gives_what_the_county_may_not() -> None:
    _allow(PROVINCE, ["caseworker"])
    above = admin(PREFECTURE)
    with entered(scope_for(above, PREFECTURE)):
        with administering(COUNTY, "县审计人员由市级授予") as session:
            who = invite(session, "auditor", "审", "auditor", reason=WHY, valid_from=TODAY).account.id
        assert current_scope().tenant == PREFECTURE
    assert [(post.tenant_code, post.role) for post in _posts(who)] == [(COUNTY, "auditor")]
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
    post = _posts(stranger)[0].id
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
    post = _posts(who)[0]
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
    ended, new = _posts(who)
    assert (ended.valid_to, ended.ended_by, ended.end_reason) == (TODAY, str(boss), WHY)
    assert (new.role, new.valid_to) == ("payer", None)
    assert [entry["fields"]["to"] for entry in trail_of(COUNTY, "post.ended")] == [str(TOMORROW), str(TODAY)]  # type: ignore[index]


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


# Letting in somebody who has an account


def test_an_existing_account_gets_a_post_and_keeps_its_password() -> None:
    boss, who = admin(), hire("s", (OTHER_COUNTY, "caseworker"))
    with at_desk(boss) as session:
        with pytest.raises(InvalidInput, match="已有登录名"):
            invite(session, "S ", "新", "leader", reason=WHY, valid_from=TODAY)
        with pytest.raises(InvalidInput, match="没有该登录名"):
            invite(session, "nobody", "", "leader", reason=WHY, valid_from=TODAY, existing=True)
        for login, name, where in (("", "新", "login"), ("new", " ", "display_name")):
            with pytest.raises(InvalidInput) as refused:
                invite(session, login, name, "leader", reason=WHY, valid_from=TODAY)
            assert refused.value.where == where
        found = invite(session, " S", "", "leader", reason=WHY, valid_from=TODAY, existing=True)
    assert (found.account.id, found.first_password) == (who, None)
    # whoever works elsewhere too is not this county's to lock out or to impersonate
    for act in (
        lambda session: reset_password(session, who, reason=WHY),
        lambda session: disable(session, who, reason=WHY),
        lambda session: end_sessions_of(session, who),
        lambda session: sessions_of(session, who),
    ):
        with pytest.raises(NotYours, match="管辖之外"), at_desk(boss) as session:
            act(session)
    with at_desk(boss) as session:
        assert not looks_after(session, who)
    above = admin(PROVINCE)
    with entered(scope_for(above, PROVINCE)), administering(COUNTY, "代管") as session:
        assert looks_after(session, who)
        disable(session, who, reason=WHY)
    with at_desk(boss) as session, pytest.raises(Conflict, match="已停用"):
        invite(session, "s", "", "reviewer", reason=WHY, valid_from=TODAY, existing=True)


# The account itself


def test_a_disabled_account_is_out_at_once_and_comes_back_with_its_posts() -> None:
    boss = admin()
    who, password = _invite(boss, "w", "caseworker")
    token = sign_in("w", password)
    assert token is not None
    with at_desk(boss) as session:
        disable(session, who, reason="离岗")
    assert session_of(token) is None
    with pytest.raises(Forbidden):
        scope_for(who, COUNTY)
    with at_desk(boss) as session, pytest.raises(Conflict):
        disable(session, who, reason="离岗")
    with at_desk(boss) as session:
        account = enable(session, who, reason="返岗")
        assert (account.disabled_at, account.disabled_why) == (None, None)
        assert account.enabled_at is not None
        with pytest.raises(Conflict):
            enable(session, who, reason="返岗")
    assert session_of(token) is None
    assert scope_for(who, COUNTY).roles == {"caseworker"}
    assert trail_of(COUNTY, "account.disabled")[0]["fields"] == {"sessions": 1}
    assert len(trail_of(COUNTY, "account.enabled")) == 1


def test_a_reset_password_is_a_first_one_again() -> None:
    boss = admin()
    who, former = _invite(boss, "w", "caseworker")
    token = sign_in("w", former)
    with reference_work() as session:
        session.get_one(Account, who).must_change_password = False
    with at_desk(boss) as session:
        new = reset_password(session, who, reason="忘记密码").first_password
    assert new is not None
    assert token is not None
    assert session_of(token) is None
    assert sign_in("w", former) is None
    assert sign_in("w", new) is not None
    with reference_work() as session:
        account = session.get_one(Account, who)
        assert account.must_change_password
        account.password_hash, account.subject = None, "at-the-provider"
    with at_desk(boss) as session, pytest.raises(Conflict, match="不在本系统"):
        reset_password(session, who, reason="忘记密码")


def test_administrators_accounts_are_the_security_administrators() -> None:
    boss, guard, other = admin(PROVINCE), security(), hire("sys", (PROVINCE, "system_admin"))
    with at_desk(boss, PROVINCE) as session, pytest.raises(NotYours, match="安全管理员"):
        reset_password(session, other, reason=WHY)
    with at_desk(guard, PROVINCE) as session:
        disable(session, other, reason=WHY)
    county = admin(COUNTY)
    with entered(scope_for(guard, PROVINCE)), administering(COUNTY, "代管") as session:
        disable(session, county, reason=WHY)


def test_sessions_are_listed_and_ended_one_by_one() -> None:
    boss = admin()
    who, password = _invite(boss, "w", "caseworker")
    tokens = [sign_in("w", password, address=f"10.0.0.{n}") for n in (1, 2, 3)]
    with at_desk(boss) as session:
        found = sessions_of(session, who)
        assert [one.address for one in found] == ["10.0.0.3", "10.0.0.2", "10.0.0.1"]
        assert end_sessions_of(session, who, handle=found[1].handle) == 1
    assert [session_of(token) is not None for token in tokens if token] == [True, False, True]
    with at_desk(boss) as session:
        with pytest.raises(NotFound):
            end_sessions_of(session, who, handle=found[1].handle)
        assert end_sessions_of(session, who) == 2
    assert [entry["fields"] for entry in trail_of(COUNTY, "sessions.ended")] == [{"sessions": 1}, {"sessions": 2}]


# Lists


def test_the_staff_is_listed_by_keyset_with_the_former_apart() -> None:
    boss = admin()
    workers = [hire(f"w{n}", (COUNTY, "caseworker"), (COUNTY, "reviewer")) for n in range(3)]
    hire("stranger", (OTHER_COUNTY, "caseworker"))
    with at_desk(boss) as session:
        first = list_staff(session, limit=2)
        rest = list_staff(session, after=first[-1].account.id)
        assert [found.account.id for found in (*first, *rest)] == [boss, *workers]
        assert {post.role for post in rest[0].posts} == {"caseworker", "reviewer"}
        assert [found.account.id for found in list_staff(session, text="W1")] == [workers[1]]
        assert [found.account.id for found in list_staff(session, text="员工w2")] == [workers[2]]
        assert list_staff(session, former=True) == []
        for post in _posts(workers[0]):
            end_post(session, post.id, on=TODAY, reason=WHY)
    with at_desk(boss) as session:
        assert [found.account.id for found in list_staff(session, former=True)] == [workers[0]]
        assert workers[0] not in {found.account.id for found in list_staff(session)}
        account, posts = member(session, workers[0])
        assert (account.id, len(posts)) == (workers[0], 2)


# Moving


def test_a_move_ends_here_and_begins_there() -> None:
    above = admin(PROVINCE)
    who, later = hire("w", (COUNTY, "caseworker"), (COUNTY, "reviewer")), TODAY + timedelta(days=30)
    with at_desk(admin()) as session:
        grant_post(session, who, "survey_visitor", reason=WHY, valid_from=later)
    with entered(scope_for(above, PROVINCE)), administering(COUNTY, "调动") as session:
        given = move(session, who, OTHER_COUNTY, on=TOMORROW, reason=WHY)
        assert {post.role for post in given} == {"caseworker", "reviewer", "survey_visitor"}
    rows = {(post.tenant_code, post.role, post.valid_from, post.valid_to) for post in _posts(who)}
    assert rows == {
        # one that was still to begin begins there, and on its own day
        (COUNTY, "survey_visitor", later, later),
        (OTHER_COUNTY, "survey_visitor", later, None),
        (COUNTY, "caseworker", SINCE, TOMORROW),
        (COUNTY, "reviewer", SINCE, TOMORROW),
        (OTHER_COUNTY, "caseworker", TOMORROW, None),
        (OTHER_COUNTY, "reviewer", TOMORROW, None),
    }
    assert len(trail_of(COUNTY, "post.ended")) == 3
    for _ in range(2):
        relay(COUNTY)
    told = trail_of(OTHER_COUNTY, "post.given")
    assert {entry["fields"]["by"] for entry in told} == {str(above)}  # type: ignore[index]
    assert len(told) == 3


def test_a_move_beyond_ones_subtree_or_against_a_duty_is_refused_whole() -> None:
    above, boss = admin(PREFECTURE), admin()
    who = hire("w", (COUNTY, "reviewer"), (OTHER_COUNTY, "auditor"))
    with at_desk(boss) as session:
        for to in (OTHER_COUNTY, PREFECTURE, "999999"):
            with pytest.raises(NotFound):
                move(session, who, to, on=TODAY, reason=WHY)
        with pytest.raises(InvalidInput):
            move(session, who, COUNTY, on=TODAY, reason=WHY)
        with pytest.raises(NotYours, match="本人"):
            move(session, boss, PREFECTURE, on=TODAY, reason=WHY)
    with entered(scope_for(above, PREFECTURE)), administering(COUNTY, "调动") as session, pytest.raises(NotFound):
        move(session, who, OTHER_COUNTY, on=TODAY, reason=WHY)
    top = admin(PROVINCE)
    with pytest.raises(DutiesExclude), entered(scope_for(top, PROVINCE)), administering(COUNTY, "调动") as session:
        move(session, who, OTHER_COUNTY, on=TODAY, reason=WHY)
    assert [post.valid_to for post in _posts(who)] == [None, None]
    with entered(scope_for(top, PROVINCE)), administering(COUNTY, "调动") as session, pytest.raises(Conflict):
        move(session, boss, OTHER_COUNTY, on=TODAY, reason=WHY)


# The seam for an identity provider


def test_each_change_is_told_to_who_keeps_the_accounts_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    boss = admin()

    def waiting() -> list[str]:
        with entered(scope_of(COUNTY)), unit_of_work() as session:
            items = session.scalars(select(OutboxItem).where(OutboxItem.topic == IDENTITY_CHANGED).order_by(OutboxItem.id))
            return [item.payload["what"] for item in items]

    _invite(boss, "quiet", "caseworker")
    assert waiting() == []
    monkeypatch.setitem(TOPICS, changes.IDENTITY_CHANGED, lambda _session, _payload: None)
    who, _ = _invite(boss, "told", "caseworker")
    with at_desk(boss) as session:
        reset_password(session, who, reason=WHY)
        end_sessions_of(session, who)
        disable(session, who, reason=WHY)
    assert sorted(waiting()) == sorted(["posts", "account", "password", "sessions", "account"])


def test_the_hour_of_switching_off_is_kept() -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with at_desk(boss) as session:
        account = disable(session, who, reason=" 离岗 ")
        assert account.disabled_at is not None
        assert datetime.now(UTC) - account.disabled_at < timedelta(minutes=1)
        assert account.disabled_why == "离岗"
