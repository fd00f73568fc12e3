"""What is left for the identity provider's directory, how it is compared, and that local accounts know nothing of it."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import func, select

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict
from core.identity import passwords
from core.identity.changes import IDENTITY_CHANGED, TENANT_OPENED, tell_changed, tell_tenant_opened
from core.identity.directory import people as people_module
from core.identity.directory.comparison import (
    ENABLED,
    LEFTOVER,
    LOGIN_TAKEN,
    MEMBERSHIP_EXTRA,
    MEMBERSHIP_MISSING,
    NAME,
    PERSON_MISSING,
    Mine,
    members_differ,
    people_differ,
)
from core.identity.directory.drift import DRIFT
from core.identity.directory.first_passwords import credential_of, leave_password, opened
from core.identity.directory.groups import is_ours, path_of
from core.identity.directory.mending import mend, provision_all
from core.identity.directory.models import DirectoryEntry
from core.identity.directory.standing import sessions_there, standing_of
from core.identity.directory.there import Person
from core.identity.models import Account
from core.identity.sessions import SECOND_FACTOR, Origin, open_session
from core.identity.staff import disable, end_sessions_of, invite, list_staff, reset_password, sessions_of
from core.jobs import outbox
from core.jobs.models import OutboxItem
from core.scope import entered
from core.settings import settings
from core.tenancy.models import Tenant
from core.vault.errors import SealBroken
from tenants.onboarding import open_tenants
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, admin, at_desk, hire, let_in, stand_at

NOWHERE = {
    "BANGFU_IDENTITY": "keycloak",
    "BANGFU_PUBLIC_URL": "http://127.0.0.1:9",
    # Nothing listens on the discard port.
    "BANGFU_KEYCLOAK_URL": "http://127.0.0.1:9",
    "BANGFU_KEYCLOAK_REALM": "bangfu",
    "BANGFU_KEYCLOAK_CLIENT_ID": "bangfu-web",
    "BANGFU_KEYCLOAK_CLIENT_SECRET": "s1",
    "BANGFU_KEYCLOAK_ADMIN_CLIENT_ID": "bangfu-provisioning",
    "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": "s2",
}


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """People are kept at an identity provider that does not answer."""
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def _left(*topics: str, tenant: str = COUNTY) -> list[dict[str, object]]:
    with entered(scope_of(tenant)), unit_of_work() as session:
        items = session.scalars(select(OutboxItem).where(OutboxItem.topic.in_(topics)).order_by(OutboxItem.id))
        return [item.payload for item in items]


def _entry(account: uuid.UUID) -> DirectoryEntry | None:
    with reference_work() as session:
        return session.get(DirectoryEntry, account)


def test_local_accounts_leave_no_word(db: Database) -> None:
    boss = admin()
    who, _ = let_in(boss, "quiet", "caseworker")
    with at_desk(boss) as session:
        reset_password(session, who, reason=WHY)
        disable(session, who, reason=WHY)
        assert {found.directory for found in list_staff(session)} == {None}
    open_tenants({OTHER_COUNTY: []}, TODAY, "开通")
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        tell_tenant_opened(session, COUNTY)
    assert _left(IDENTITY_CHANGED, TENANT_OPENED) == []
    with reference_work() as session:
        assert session.scalar(select(func.count()).select_from(DirectoryEntry)) == 0
    assert sessions_there("anybody", frozenset()) is None
    with entered(scope_of(PROVINCE)), unit_of_work() as session:
        assert DRIFT.plan(session, {}) == []
    keeper = hire("keeper", (PROVINCE, "system_administrator"))
    with pytest.raises(Conflict, match="本地账号"), at_desk(keeper, PROVINCE) as session:
        mend(session)
    with pytest.raises(Conflict, match="本地账号"):
        provision_all()
    # what was left before a switch back is done with
    people_module.carry_out(None, {"account": str(who), "what": "account"})  # type: ignore[arg-type]  # it is not asked


def test_each_change_is_told_and_counted(elsewhere: None) -> None:
    boss = admin()
    with at_desk(boss) as session:
        made = invite(session, "told", "新来的", "caseworker", reason=WHY, valid_from=TODAY)
    who, first = made.account.id, made.first_password or ""
    entry = _entry(who)
    assert entry is not None
    assert (made.account.password_hash, made.account.must_change_password, made.on_its_way) == (None, False, True)
    assert (entry.told, entry.done, opened(who, entry.password_cipher or b"")) == (2, 0, first)
    with pytest.raises(SealBroken):
        opened(boss, entry.password_cipher or b"")
    with at_desk(boss) as session:
        second = reset_password(session, who, reason=WHY, second_factor_too=True).first_password
        third = reset_password(session, who, reason=WHY).first_password
        end_sessions_of(session, who)
        disable(session, who, reason=WHY)
    entry = _entry(who)
    assert entry is not None
    assert (entry.told, opened(who, entry.password_cipher or b""), entry.drops_second_factor) == (6, third, True)
    assert second not in {first, third}
    assert [item["what"] for item in _left(IDENTITY_CHANGED)] == [
        "posts",
        "account",
        "password",
        "password",
        "sessions",
        "account",
    ]
    assert {item["account"] for item in _left(IDENTITY_CHANGED)} == {str(who)}


def test_what_cannot_be_delivered_waits_and_says_why(elsewhere: None) -> None:
    boss = admin()
    with at_desk(boss) as session:
        who = invite(session, "told", "新来的", "caseworker", reason=WHY, valid_from=TODAY).account.id
    assert outbox.relay(COUNTY) == outbox.Relayed(0, 1)
    with at_desk(boss) as session:
        standing = standing_of(session, session.get_one(Account, who))
        assert standing is not None
        assert (standing.in_step, standing.password_waits) == (False, True)
        assert standing.error == "统一身份认证没有响应。恢复后自动继续"
        [found] = [one.directory for one in list_staff(session) if one.account.id == who]
        assert found == standing


def test_a_programs_account_is_no_person_there(elsewhere: None) -> None:
    with reference_work() as session:
        program = Account(login="payroll", display_name="工资系统", subject="program", is_program=True)
        session.add(program)
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        tell_changed(session, program.id, "account")
    assert outbox.relay(COUNTY) == outbox.Relayed(1, 0)
    with reference_work() as session:
        assert standing_of(session, session.get_one(Account, program.id)) is None


def test_a_tenant_that_is_opened_leaves_word_once(elsewhere: None) -> None:
    for _ in range(2):
        open_tenants({COUNTY: ["living_relief"], PREFECTURE: []}, TODAY, "开通")
    assert _left(TENANT_OPENED) == [{"tenant": COUNTY}]


def test_one_ended_session_names_the_providers(elsewhere: None) -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with reference_work() as session:
        account = session.get_one(Account, who)
        for sid in ("one", "two", None):
            _, row = open_session(session, account, Origin(), assurance=SECOND_FACTOR)
            row.provider_sid = sid
            session.flush()
    with at_desk(boss) as session:
        handles = [found.handle for found in sessions_of(session, who)]
        for handle in handles:
            end_sessions_of(session, who, handle=handle)
    assert sorted(str(item["sid"]) for item in _left(IDENTITY_CHANGED)) == ["one", "two"]


def test_first_passwords_satisfy_what_realms_ask_for(elsewhere: None) -> None:
    who = hire("w", (COUNTY, "leader"))
    for _ in range(50):
        with reference_work() as session:
            made = leave_password(session, who)
        assert len(made) == 19
        assert any(letter.isupper() for letter in made)
        assert any(letter.islower() for letter in made)
        assert any(letter.isdigit() for letter in made)
        assert "-" in made


def test_a_kept_hash_is_told_as_keycloak_stores_it() -> None:
    stored = passwords.hashed("正确的密码-2025")
    told = credential_of(stored)
    assert told is not None
    data, secret = json.loads(told["credentialData"]), json.loads(told["secretData"])
    costs = {name: int(data["additionalParameters"][name][0]) for name in ("memory", "parallelism", "hashLength")}
    raw = hash_secret_raw(
        "正确的密码-2025".encode(),
        base64.b64decode(secret["salt"]),
        time_cost=data["hashIterations"],
        memory_cost=costs["memory"],
        parallelism=costs["parallelism"],
        hash_len=costs["hashLength"],
        type=Type.ID,
    )
    assert base64.b64decode(secret["value"]) == raw
    assert credential_of("") is None
    assert credential_of("$2b$12$abc") is None


def test_groups_stand_along_the_codes_of_tenants() -> None:
    with reference_work() as session:
        paths = {code: path_of(session.get_one(Tenant, code)) for code in (PROVINCE, PREFECTURE, COUNTY)}
    assert paths == {
        PROVINCE: f"/{PROVINCE}",
        PREFECTURE: f"/{PROVINCE}/{PREFECTURE}",
        COUNTY: f"/{PROVINCE}/{PREFECTURE}/{COUNTY}",
    }
    assert path_of(Tenant(code="419001", province="410000", prefecture=None)) == "/410000/419001"
    assert [is_ours(path) for path in ("/510000", "/510000/x", "/others", "/others/510000", "/5100001")] == [
        True,
        True,
        False,
        False,
        False,
    ]


# Comparing


def _mine(no: int, subject: str | None, *, enabled: bool = True) -> Mine:
    return Mine(uuid.UUID(int=no), f"w{no}", f"人员{no}", enabled, subject, COUNTY)


def _person(subject: str, no: int, *, enabled: bool = True, name: str | None = None, mark: int | None = None) -> Person:
    return Person(subject, f"w{no}", name or f"人员{no}", enabled, str(uuid.UUID(int=mark)) if mark else None, {})


def test_people_are_compared_by_their_id() -> None:
    accounts = [_mine(1, "a"), _mine(2, "b"), _mine(3, "c"), _mine(4, None), _mine(5, None), _mine(6, "gone"), _mine(7, None)]
    accounts.append(_mine(8, None, enabled=False))
    people = [
        _person("a", 1, mark=1),
        _person("b", 2, enabled=False),
        _person("c", 3, name="别人"),
        _person("s", 5),
        _person("m", 7, mark=7),
        _person("x", 9, mark=9),
        _person("y", 10, mark=1),
        _person("z", 11),
    ]
    found = {(one.kind, one.key) for one in people_differ(accounts, people)}
    assert found == {
        (ENABLED, str(uuid.UUID(int=2))),
        (NAME, str(uuid.UUID(int=3))),
        (PERSON_MISSING, str(uuid.UUID(int=4))),
        (LOGIN_TAKEN, str(uuid.UUID(int=5))),
        (PERSON_MISSING, str(uuid.UUID(int=6))),
        # made, but the account was not told: a process that went before its commit
        (PERSON_MISSING, str(uuid.UUID(int=7))),
        # marked as nobody's, or as somebody's who is another
        (LEFTOVER, "x"),
        (LEFTOVER, "y"),
    }
    assert "人员" not in "".join(one.here + one.there for one in people_differ(accounts, people))


def test_members_are_compared_group_by_group() -> None:
    here = {"a": _mine(1, "a"), "b": _mine(2, "b")}
    there = {"b": _person("b", 2), "c": _person("c", 3), "s": _person("s", 9)}
    known = {**here, "c": _mine(3, "c")}
    found = list(members_differ("/510000/leader", PROVINCE, here, there, known))
    assert [(one.kind, one.subject, one.account) for one in found] == [
        (MEMBERSHIP_MISSING, "a", uuid.UUID(int=1)),
        (MEMBERSHIP_EXTRA, "c", uuid.UUID(int=3)),
        (MEMBERSHIP_EXTRA, "s", None),
    ]
