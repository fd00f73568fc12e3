"""Who may act on whose account: letting in, switching off, passwords, sessions, lists, moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from core.db.session import reference_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity import passwords
from core.identity.duties import DutiesExclude
from core.identity.grants import NotYours, end_post, grant_post
from core.identity.local import sign_in
from core.identity.models import Account
from core.identity.moves import move
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
from core.identity.subtree import administering
from core.jobs.outbox import relay
from core.scope import entered
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import SINCE, WHY, admin, at_desk, hire, let_in, posts_of, security, stand_at, trail_of

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


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


def test_a_disabled_account_is_out_at_once_and_comes_back_with_itsposts_of() -> None:
    boss = admin()
    who, password = let_in(boss, "w", "caseworker")
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
    who, former = let_in(boss, "w", "caseworker")
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
    boss, guard, other = admin(PROVINCE), security(), hire("sys", (PROVINCE, "system_administrator"))
    with at_desk(boss, PROVINCE) as session, pytest.raises(NotYours, match="安全管理员"):
        reset_password(session, other, reason=WHY)
    with at_desk(guard, PROVINCE) as session:
        disable(session, other, reason=WHY)
    county = admin(COUNTY)
    with entered(scope_for(guard, PROVINCE)), administering(COUNTY, "代管") as session:
        disable(session, county, reason=WHY)


def test_sessions_are_listed_and_ended_one_by_one() -> None:
    boss = admin()
    who, password = let_in(boss, "w", "caseworker")
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
        for post in posts_of(workers[0]):
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
    rows = {(post.tenant_code, post.role, post.valid_from, post.valid_to) for post in posts_of(who)}
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
    assert {entry["fields"]["by"] for entry in told} == {str(above)}  # type: ignore[index]  # fields are a JSON object
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
    assert [post.valid_to for post in posts_of(who)] == [None, None]
    with entered(scope_for(top, PROVINCE)), administering(COUNTY, "调动") as session, pytest.raises(Conflict):
        move(session, boss, OTHER_COUNTY, on=TODAY, reason=WHY)


def test_the_hour_of_switching_off_is_kept() -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with at_desk(boss) as session:
        account = disable(session, who, reason=" 离岗 ")
        assert account.disabled_at is not None
        assert datetime.now(UTC) - account.disabled_at < timedelta(minutes=1)
        assert account.disabled_why == "离岗"
