"""What differs at a running Keycloak is found, shown and mended; a whole installation is carried over; Keycloak may be away."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from core.db.session import reference_work, unit_of_work
from core.identity.directory import there as there_module
from core.identity.directory.comparison import (
    ENABLED,
    GROUP_UNKNOWN,
    LEFTOVER,
    MEMBERSHIP_EXTRA,
    MEMBERSHIP_MISSING,
    NAME,
    PERSON_MISSING,
)
from core.identity.directory.groups import GROUP_MISSING
from core.identity.directory.mending import list_differences, mend, provision_all
from core.identity.directory.models import DirectoryDifference
from core.identity.directory.standing import sessions_there
from core.identity.grants import end_post
from core.identity.models import Account
from core.identity.staff import disable, enable, reset_password
from core.jobs import outbox
from core.jobs.models import OutboxItem
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year
from core.scope import entered
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.staffing import SINCE, WHY, admin, at_desk, hire, posts_of
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
    use_keycloak,
    waiting,
)
from tests.keycloak.running import RunningKeycloak, free_port

__all__ = ["office"]

pytestmark = pytest.mark.keycloak


def _fell_tree(keycloak: RunningKeycloak) -> None:
    for group in keycloak.admin.get_groups({"first": 0, "max": 50}):
        if group["name"] == PROVINCE:
            keycloak.admin.delete_group(group["id"])


def _keeper() -> uuid.UUID:
    with reference_work() as session:
        found = session.scalar(select(Account.id).where(Account.login == "keeper"))
    return found or hire("keeper", (PROVINCE, "system_administrator"))


def _compare() -> dict[str, int]:
    keeper = _keeper()
    with at_desk(keeper, PROVINCE) as session:
        job = start_for_year(session, "identity.drift", 2025).job
    seen = run_inline(PROVINCE, job.id)
    assert seen["state"] == "done", seen
    result: dict[str, int] = seen["result"]
    return result


def _found(*owners: uuid.UUID | str | None) -> dict[tuple[str, str], DirectoryDifference]:
    """What was found of these accounts, users there or groups, by kind and login or path; people of other tests left out."""
    with reference_work() as session:
        rows = session.scalars(select(DirectoryDifference)).all()
    return {
        (row.kind, row.group_path or str(row.account_id or row.subject)): row
        for row in rows
        if row.account_id in owners or row.subject in owners or row.group_path in owners
    }


def test_what_differs_is_found_shown_and_mended(office: RunningKeycloak) -> None:
    _fell_tree(office)
    boss = admin()
    off, moved, gone, renamed = (let_in(boss)[0] for _ in range(4))
    provision_all()
    assert send() == 0
    assert _compare()["ran_out"] == 0
    subjects = [account_of(one.id).subject or "" for one in (off, moved, gone, renamed)]
    assert _found(off.id, moved.id, gone.id, renamed.id, boss) == {}
    root = office.admin.get_group_by_path
    office.admin.update_user(subjects[0], {**office.admin.get_user(subjects[0]), "enabled": False})
    office.admin.group_user_remove(subjects[1], root(f"{HERE}/caseworker")["id"])
    office.admin.group_user_add(subjects[1], root(f"{HERE}/tenant_admin")["id"])
    office.admin.delete_user(subjects[2])
    office.admin.update_user(subjects[3], {**office.admin.get_user(subjects[3]), "lastName": "别人"})
    stranger = office.admin.get_user_id(office.person()) or ""
    office.admin.group_user_add(stranger, root(HERE)["id"])
    office.admin.delete_group(root(f"/{PROVINCE}/{OTHER_PREFECTURE}/{OTHER_COUNTY}")["id"])
    office.admin.create_group({"name": "999999"}, parent=root(HERE)["id"])
    missing_path = f"/{PROVINCE}/{OTHER_PREFECTURE}/{OTHER_COUNTY}"
    for _ in range(2):
        _compare()
        found = _found(off.id, moved.id, gone.id, renamed.id, stranger, missing_path, f"{HERE}/999999")
        assert set(found) == {
            (ENABLED, str(off.id)),
            (MEMBERSHIP_MISSING, f"{HERE}/caseworker"),
            (MEMBERSHIP_EXTRA, f"{HERE}/tenant_admin"),
            (PERSON_MISSING, str(gone.id)),
            (NAME, str(renamed.id)),
            (MEMBERSHIP_EXTRA, HERE),
            (GROUP_MISSING, missing_path),
            (GROUP_UNKNOWN, f"{HERE}/999999"),
        }
    enabled = found[ENABLED, str(off.id)]
    assert (enabled.here, enabled.there, enabled.seen_at > enabled.found_at) == ("启用", "停用", True)
    with at_desk(_keeper(), PROVINCE) as session:
        assert len(list_differences(session, limit=200)) >= 8
        assert mend(session) >= 7
    assert send() == 0
    left = _found(off.id, moved.id, gone.id, renamed.id, stranger, missing_path, f"{HERE}/999999")
    assert set(left) == {(GROUP_UNKNOWN, f"{HERE}/999999")}
    _compare()
    assert set(_found(off.id, moved.id, gone.id, renamed.id, stranger, missing_path)) == set()
    assert person_of(office, off.id)["enabled"]
    assert groups_of(office, moved.id) == groups_of(office, gone.id) == [f"{HERE}/caseworker"]
    assert office.admin.get_user_groups(stranger) == []
    office.admin.delete_group(root(f"{HERE}/999999")["id"])


def test_a_prefecture_sees_its_own_differences_alone(office: RunningKeycloak) -> None:
    keeper = hire("prefecture-keeper", (OTHER_PREFECTURE, "system_administrator"))
    account, _ = let_in(admin())
    send()
    office.admin.delete_user(account_of(account.id).subject or "")
    _compare()
    assert (PERSON_MISSING, str(account.id)) in _found(account.id)
    with at_desk(keeper, OTHER_PREFECTURE) as session:
        assert account.id not in {found.row.account_id for found in list_differences(session, limit=200)}
        mend(session)
    # his own entry was missing, and is all that he has put right
    assert [item.payload["account"] for item in waiting(OTHER_PREFECTURE)] == [str(keeper)]


def test_posts_that_ran_out_are_no_difference(office: RunningKeycloak, db: Database) -> None:
    boss = admin()
    account, _ = let_in(boss)
    send()
    with db.owner.begin() as connection:
        # as if the day had come
        connection.execute(
            text("update post set valid_from = :a, valid_to = :b where account_id = :who"),
            {"a": SINCE, "b": TODAY, "who": account.id},
        )
    assert _compare()["ran_out"] == 1
    assert _found(account.id) == {}
    assert send() == 0
    assert groups_of(office, account.id) == []


def test_somebody_else_marked_as_ours_is_shown(office: RunningKeycloak) -> None:
    account, _ = let_in(admin())
    send()
    double = office.admin.create_user(
        {"username": new_login(), "enabled": True, "attributes": {there_module.MARK: [str(account.id)]}}
    )
    _compare()
    assert set(_found(double)) == {(LEFTOVER, double)}
    office.admin.delete_user(double)
    _compare()
    assert _found(double) == {}


def test_an_installation_switches_over(office: RunningKeycloak) -> None:
    _fell_tree(office)
    staff = [hire(new_login(), (tenant, "caseworker")) for tenant in (COUNTY, OTHER_COUNTY)]
    former = hire(new_login())
    for _ in range(2):
        tenants, accounts = provision_all()
        assert (tenants >= 5, accounts) == (True, 2)
        assert send() == 0
    assert [len(groups_of(office, one)) for one in staff] == [1, 1]
    assert account_of(former).subject is None


# Keycloak is away


@pytest.fixture
def away(office: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Nothing answers where Keycloak should be, until `back` is called."""
    nowhere = replace(office.addresses, url=f"http://127.0.0.1:{free_port()}")
    use_keycloak(monkeypatch, nowhere.environment)
    there_module._directory.cache_clear()
    yield monkeypatch
    there_module._directory.cache_clear()


def back(office: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keycloak(monkeypatch, office.addresses.environment)
    there_module._directory.cache_clear()


def test_while_keycloak_is_away_everything_waits_and_is_done_once(
    office: RunningKeycloak, away: pytest.MonkeyPatch, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss, done = admin(), []
    monkeypatch.setitem(outbox.TOPICS, "of.others", lambda _session, payload: done.append(payload["no"]))
    first, password = let_in(boss)
    second, _ = let_in(boss)
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        outbox.post(session, "of.others", {"no": 1})
    # One item of the topic is tried, the others wait with it; what does not need Keycloak goes on.
    assert outbox.relay(COUNTY) == outbox.Relayed(1, 1)
    assert done == [1]
    assert sum(item.attempts for item in waiting()) == 1
    for _ in range(12):
        outbox.relay(COUNTY)
    # Four items, three times each without a rest; from the fourth time on they rest.
    assert [item.attempts for item in waiting()] == [4, 3, 3, 3]
    assert [item.not_before is not None for item in waiting()] == [True, False, False, False]
    errors = {entry_of(one.id).error for one in (first, second)} - {None}
    assert all("没有响应" in (error or "") and "127.0.0.1" not in (error or "") for error in errors)
    there = sessions_there("anybody", frozenset())
    assert there is not None
    assert not there.answered
    with at_desk(boss) as session:
        new = reset_password(session, first.id, reason="再给一次").first_password or ""
        disable(session, second.id, reason="离岗")
    back(office, away)
    with db.owner.begin() as connection:
        connection.execute(text("update outbox set not_before = null"))
    assert outbox.relay(COUNTY).failed == 0
    assert waiting() == []
    first_sign_in(office, first.login, new)
    assert not signs_in(office, first.login, password)
    # Who was switched off before he ever got there needs nobody there.
    assert account_of(second.id).subject is None
    assert signs_in(office, first.login, OWN)
    with at_desk(boss) as session:
        enable(session, second.id, reason="返岗")
    assert outbox.relay(COUNTY).failed == 0
    assert person_of(office, second.id)["requiredActions"] == ["UPDATE_PASSWORD"]


@pytest.mark.slow
@pytest.mark.long
def test_a_keycloak_that_is_stopped_and_started(office: RunningKeycloak, db: Database) -> None:
    boss = admin()
    office.server.stop()
    account, password = let_in(boss)
    assert outbox.relay(COUNTY).failed == 1
    office.restart()
    there_module._directory.cache_clear()
    for _ in range(2):
        assert outbox.relay(COUNTY).failed == 0
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        sent = session.scalars(select(OutboxItem).order_by(OutboxItem.id)).all()
        assert [item.sent_at is not None for item in sent] == [True] * len(sent)
    first_sign_in(office, account.login, password)
    with at_desk(boss) as session:
        [post] = posts_of(account.id)
        end_post(session, post.id, on=TODAY, reason=WHY)
    assert send() == 0
    assert groups_of(office, account.id) == []
