"""What changes here follows at a running Keycloak: groups, people, posts, switches, passwords, sessions."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from core.db.session import reference_work, unit_of_work
from core.errors import NotFound
from core.identity.changes import tell_tenant_opened
from core.identity.directory import people
from core.identity.directory.mending import adopt
from core.identity.directory.there import MARK, directory
from core.identity.grants import NotYours, end_post, grant_post
from core.identity.models import Account
from core.identity.moves import move
from core.identity.passwords import hashed
from core.identity.service import scope_for
from core.identity.staff import disable, enable, end_sessions_of, invite, list_staff, reset_password
from core.identity.subtree import administering
from core.jobs import outbox
from core.scope import entered
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, scope_of
from tests.core.staffing import WHY, admin, at_desk, hire, posts_of
from tests.keycloak.office import (
    HERE,
    OWN,
    account_of,
    entry_of,
    first_sign_in,
    groups_of,
    let_in,
    new_login,
    office,
    person_of,
    send,
    signs_in,
    waiting,
)
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.sign_in import claims_of

__all__ = ["office"]

pytestmark = pytest.mark.keycloak


def _fell_tree(keycloak: RunningKeycloak) -> None:
    for group in keycloak.admin.get_groups({"first": 0, "max": 50}):
        if group["name"] == PROVINCE:
            keycloak.admin.delete_group(group["id"])


def test_a_tenant_that_is_opened_gets_its_path_once(office: RunningKeycloak) -> None:
    _fell_tree(office)
    for _ in range(2):
        for tenant in (COUNTY, PREFECTURE, OTHER_COUNTY):
            with entered(scope_of(tenant)), unit_of_work() as session:
                tell_tenant_opened(session, tenant)
        there = [threading.Thread(target=outbox.relay, args=(tenant,)) for tenant in (COUNTY, PREFECTURE, OTHER_COUNTY)]
        for thread in there:
            thread.start()
        for thread in there:
            thread.join()
        assert send() == 0
    root = office.admin.get_group_by_path(f"/{PROVINCE}")
    below = {group["name"]: group for group in office.admin.get_group_children(root["id"])}
    assert sorted(below) == [PREFECTURE, OTHER_PREFECTURE]
    assert office.admin.get_group_by_path(HERE)["name"] == COUNTY


def test_who_is_let_in_signs_in_with_a_password_of_his_own(office: RunningKeycloak) -> None:
    boss = admin()
    account, password = let_in(boss)
    assert (account.password_hash, account.subject) == (None, None)
    cipher = entry_of(account.id).password_cipher
    assert cipher is not None
    assert password.encode() not in cipher
    with at_desk(boss) as session:
        [standing] = [found.directory for found in list_staff(session) if found.account.id == account.id]
    assert standing is not None
    assert (standing.in_step, standing.password_waits) == (False, True)
    assert send() == 0
    assert waiting() == []
    entry = entry_of(account.id)
    assert (entry.done == entry.told, entry.password_cipher, entry.error) == (True, None, None)
    person = person_of(office, account.id)
    assert (person["username"], person["lastName"], person["enabled"]) == (account.login, "王小敏", True)
    assert person.get("email") is None
    assert person["requiredActions"] == ["UPDATE_PASSWORD"]
    assert groups_of(office, account.id) == [f"{HERE}/caseworker"]
    visitor = first_sign_in(office, account.login, password)
    claims = claims_of(visitor.tokens()["access_token"])
    assert (claims["sub"], claims["groups"]) == (account_of(account.id).subject, [f"{HERE}/caseworker"])
    assert not signs_in(office, account.login, password)


def test_groups_are_the_posts_that_hold_today_or_later(office: RunningKeycloak) -> None:
    boss, above = admin(), admin(PROVINCE)
    account, _ = let_in(boss)
    with at_desk(boss) as session:
        grant_post(session, account.id, "survey_visitor", reason=WHY, valid_from=TODAY + timedelta(days=5))
    send()
    assert groups_of(office, account.id) == [f"{HERE}/caseworker", f"{HERE}/survey_visitor"]
    alien = office.admin.create_group({"name": f"others-{account.login}"})
    office.admin.group_user_add(account_of(account.id).subject or "", alien or "")
    with at_desk(boss) as session:
        [visitor] = [post for post in posts_of(account.id) if post.role == "survey_visitor"]
        end_post(session, visitor.id, on=TODAY, reason=WHY)
    with entered(scope_for(above, PROVINCE)), administering(COUNTY, "调动") as session:
        move(session, account.id, OTHER_COUNTY, on=TODAY, reason=WHY)
    assert send() == 0
    there = f"/{PROVINCE}/{OTHER_PREFECTURE}/{OTHER_COUNTY}/caseworker"
    # groups outside the tree of tenants are not ours
    assert groups_of(office, account.id) == [there, f"/others-{account.login}"]


def test_who_is_switched_off_is_out_there_as_well(office: RunningKeycloak) -> None:
    boss = admin()
    account, password = let_in(boss)
    send()
    visitor = first_sign_in(office, account.login, password)
    tokens = visitor.tokens()
    subject = account_of(account.id).subject or ""
    assert len(office.admin.get_sessions(subject)) == 1
    with at_desk(boss) as session:
        disable(session, account.id, reason="离岗")
    send()
    assert not person_of(office, account.id)["enabled"]
    assert office.admin.get_sessions(subject) == []
    assert visitor.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])["error"]
    assert groups_of(office, account.id) == [f"{HERE}/caseworker"]
    with at_desk(boss) as session:
        enable(session, account.id, reason="返岗")
    send()
    assert signs_in(office, account.login, OWN)


def test_sessions_are_ended_there(office: RunningKeycloak) -> None:
    boss = admin()
    account, password = let_in(boss)
    send()
    first_sign_in(office, account.login, password)
    subject = account_of(account.id).subject or ""
    assert len(directory().sessions(subject)) == 1
    with at_desk(boss) as session:
        end_sessions_of(session, account.id)
    send()
    assert directory().sessions(subject) == []
    directory().end_session("5f1c0f0e-0000-4000-8000-000000000000")


def test_a_reset_gives_a_first_password_again(office: RunningKeycloak) -> None:
    boss = admin()
    account, password = let_in(boss)
    send()
    first_sign_in(office, account.login, password)
    subject = account_of(account.id).subject or ""
    otp = {
        "type": "otp",
        "credentialData": '{"subType":"totp","digits":6,"period":30,"algorithm":"HmacSHA1"}',
        "secretData": '{"value":"a-secret-of-this-test"}',
    }
    office.admin.update_user(subject, {**office.admin.get_user(subject), "credentials": [otp]})

    def kinds() -> list[str]:
        return sorted(one["type"] for one in office.admin.get_credentials(subject))

    assert kinds() == ["otp", "password"]
    for wrong in range(10):
        signs_in(office, account.login, f"wrong-{wrong}")
    for second_factor_too, left in ((False, ["otp", "password"]), (True, ["password"])):
        with at_desk(boss) as session:
            new = reset_password(session, account.id, reason="忘记密码", second_factor_too=second_factor_too).first_password
        assert send() == 0
        assert kinds() == left
        assert office.admin.get_sessions(subject) == []
    assert not signs_in(office, account.login, OWN)
    first_sign_in(office, account.login, new or "")


def test_a_password_that_has_arrived_is_not_set_again(office: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = admin()
    account, password = let_in(boss)

    def killed(*_: object, **__: object) -> None:
        raise RuntimeError("the process is gone before its commit")

    with monkeypatch.context() as lost:
        lost.setattr(people, "_note_success", killed)
        assert send() > 0
    assert account_of(account.id).subject is None
    assert entry_of(account.id).password_cipher is not None
    # The person is there already, and quicker than the second try.
    first_sign_in(office, account.login, password)
    assert send() == 0
    assert account_of(account.id).subject is not None
    assert entry_of(account.id).password_cipher is None
    assert signs_in(office, account.login, OWN)
    # The same over a password that was there before.
    with at_desk(boss) as session:
        new = reset_password(session, account.id, reason="忘记密码").first_password or ""
    with monkeypatch.context() as lost:
        lost.setattr(people, "_note_success", killed)
        assert send() > 0
    first_sign_in(office, account.login, new)
    assert send() == 0
    assert signs_in(office, account.login, OWN)
    assert len(office.admin.get_users({"username": account.login, "exact": "true", "max": 5})) == 1


def test_a_stranger_of_the_same_login_is_not_taken(office: RunningKeycloak) -> None:
    boss, login = admin(), office.person()
    account, password = let_in(boss, login=login)
    assert send() > 0
    assert account_of(account.id).subject is None
    assert "同名用户" in (entry_of(account.id).error or "")
    assert signs_in(office, login, PASSWORD)
    subject = office.admin.get_user_id(login) or ""
    assert office.admin.get_user_groups(subject) == []
    # Somebody else's mark is no proof either.
    office.admin.update_user(subject, {**office.admin.get_user(subject), "attributes": {MARK: [str(boss)]}})
    assert send() > 0
    with entered(scope_of(COUNTY)), unit_of_work() as session, pytest.raises(Exception, match="另一账号"):
        adopt(session, login)
    with entered(scope_of(COUNTY)), unit_of_work() as session, pytest.raises(NotFound):
        adopt(session, "nobody")
    # On the word of whoever runs the platform he is.
    office.admin.update_user(subject, {**office.admin.get_user(subject), "attributes": {"phone": ["1"]}})
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        assert adopt(session, login) == subject
    assert send() == 0
    assert account_of(account.id).subject == subject
    assert person_of(office, account.id)["attributes"] == {"phone": ["1"], MARK: [str(account.id)]}
    first_sign_in(office, login, password)


def test_a_switched_off_account_needs_nobody_there(office: RunningKeycloak) -> None:
    boss, login = admin(), office.person()
    account, _ = let_in(boss, login=login)
    new, _ = let_in(boss)
    assert send() > 0
    for one in (account, new):
        with at_desk(boss) as session:
            disable(session, one.id, reason="另换登录名")
    assert send() == 0
    assert account_of(account.id).subject is None
    assert not person_of(office, new.id)["enabled"]
    with at_desk(boss) as session:
        found = {one.account.id: one.directory for one in list_staff(session)}
    standing = found[account.id]
    assert standing is not None
    assert standing.in_step
    assert signs_in(office, login, PASSWORD)


def test_who_was_deleted_there_is_made_anew(office: RunningKeycloak) -> None:
    boss = admin()
    account, _ = let_in(boss)
    send()
    former = account_of(account.id).subject or ""
    office.admin.delete_user(former)
    with at_desk(boss) as session:
        new = reset_password(session, account.id, reason="补建").first_password or ""
    assert send() == 0
    assert account_of(account.id).subject not in {None, former}
    first_sign_in(office, account.login, new)


def test_a_password_that_was_kept_here_goes_along_as_its_hash(office: RunningKeycloak) -> None:
    login, boss = new_login(), admin()
    who = hire(login, (COUNTY, "reviewer"))
    with reference_work() as session:
        session.get_one(Account, who).password_hash = hashed(PASSWORD)
    with at_desk(boss) as session:
        grant_post(session, who, "survey_visitor", reason=WHY, valid_from=TODAY)
    assert send() == 0
    assert signs_in(office, login, PASSWORD)
    with at_desk(boss) as session:
        reset_password(session, who, reason="忘记密码")
    assert account_of(who).password_hash is None


def test_what_keycloak_refuses_is_told_and_tried_less_and_less(office: RunningKeycloak) -> None:
    boss = admin()
    account, _ = let_in(boss, login="a<b")
    for _ in range(4):
        assert send() > 0
    assert "拒绝" in (entry_of(account.id).error or "")
    assert send() == 0
    assert {item.not_before is not None for item in waiting()} == {True}
    other, _ = let_in(boss)
    assert send() == 0
    assert account_of(other.id).subject is not None


def test_nobody_reaches_beyond_his_subtree_or_above_his_rights(office: RunningKeycloak) -> None:
    boss, elsewhere = admin(), admin(OTHER_COUNTY)
    account, password = let_in(boss)
    send()
    first_sign_in(office, account.login, password)
    chief = hire(new_login(), (COUNTY, "tenant_admin"))
    for who, whom, tenant, error in (
        (elsewhere, account.id, OTHER_COUNTY, NotFound),
        (boss, chief, COUNTY, NotYours),
        (boss, boss, COUNTY, NotYours),
    ):
        for act in (
            lambda session, whom=whom: reset_password(session, whom, reason=WHY, second_factor_too=True),
            lambda session, whom=whom: disable(session, whom, reason=WHY),
            lambda session, whom=whom: end_sessions_of(session, whom),
        ):
            with pytest.raises(error), at_desk(who, tenant) as session:
                act(session)
    with pytest.raises(NotYours), at_desk(boss) as session:
        invite(session, new_login(), "新", "security_administrator", reason=WHY, valid_from=TODAY)
    assert waiting() == waiting(OTHER_COUNTY) == []
    assert signs_in(office, account.login, OWN)
