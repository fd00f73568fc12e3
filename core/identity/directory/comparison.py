"""What differs between the accounts and the directory, worked out from both as they were read. Asks nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.identity.directory.groups import GROUP_MISSING
from core.identity.directory.there import Person

PERSON_MISSING, LOGIN_TAKEN, NAME, ENABLED, LEFTOVER = "person_missing", "login_taken", "name", "enabled", "leftover"
MEMBERSHIP_MISSING, MEMBERSHIP_EXTRA, GROUP_UNKNOWN = "membership_missing", "membership_extra", "group_unknown"

KINDS_ZH: Mapping[str, str] = {
    PERSON_MISSING: "缺少人员",
    LOGIN_TAKEN: "登录名被占用",
    NAME: "登录名或姓名不一致",
    ENABLED: "启用状态不一致",
    LEFTOVER: "多余的人员",
    MEMBERSHIP_MISSING: "缺少群组成员",
    MEMBERSHIP_EXTRA: "多余的群组成员",
    GROUP_MISSING: "缺少群组",
    GROUP_UNKNOWN: "多余的群组",
}
MENDABLE = frozenset(KINDS_ZH) - {LEFTOVER, GROUP_UNKNOWN}
"""Kinds that bringing into step puts right; the others are for an administrator there: nobody is deleted by the platform."""


@dataclass(frozen=True, slots=True)
class Mine:
    """An account as the directory should know it; ``tenant`` is where it holds its first post."""

    id: uuid.UUID
    login: str
    name: str
    enabled: bool
    subject: str | None
    tenant: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, with what either side says. Names of persons do not stand in it, logins and ids do."""

    kind: str
    key: str
    here: str
    there: str
    account: uuid.UUID | None = None
    tenant: str | None = None
    subject: str | None = None
    path: str | None = None


_NOBODY = "无"


def _switch(enabled: bool) -> str:
    return "启用" if enabled else "停用"


def _about(mine: Mine, kind: str, here: str, there: str) -> Difference:
    return Difference(kind, str(mine.id), here, there, mine.id, mine.tenant, mine.subject)


def people_differ(accounts: Iterable[Mine], people: Iterable[Person]) -> Iterator[Difference]:
    """Where accounts and people differ. People who are neither marked as ours nor known by their id are others' affair."""
    by_id = {person.id: person for person in people}
    by_login = {person.login: person for person in by_id.values()}
    owners = {}
    for mine in accounts:
        owners[str(mine.id)] = mine.subject
        person = by_id.get(mine.subject or "")
        if person is None and mine.subject is None and not mine.enabled:
            continue
        if person is None:
            taken = by_login.get(mine.login)
            kind = LOGIN_TAKEN if taken is not None and taken.account != str(mine.id) else PERSON_MISSING
            there = _NOBODY if taken is None else f"{taken.login}（{_switch(taken.enabled)}）"
            yield _about(mine, kind, f"{mine.login}（{_switch(mine.enabled)}）", there)
            continue
        if person.login != mine.login:
            yield _about(mine, NAME, mine.login, person.login)
        elif person.name != mine.name:
            yield _about(mine, NAME, f"{mine.login}（姓名）", f"{person.login}（姓名不同）")
        if person.enabled != mine.enabled:
            yield _about(mine, ENABLED, _switch(mine.enabled), _switch(person.enabled))
    for person in by_id.values():
        if person.account is not None and owners.get(person.account, "") not in {person.id, None}:
            yield Difference(LEFTOVER, person.id, _NOBODY, f"{person.login}（{_switch(person.enabled)}）", subject=person.id)


def members_differ(
    path: str, tenant: str, wanted: Mapping[str, Mine], members: Mapping[str, Person], known: Mapping[str, Mine]
) -> Iterator[Difference]:
    """Where one group's members differ; ``wanted`` are the accounts that should be in, ``known`` all accounts, both by their
    id there."""
    for subject in sorted(set(wanted) - set(members)):
        mine = wanted[subject]
        key = f"{mine.id}{path}"
        yield Difference(MEMBERSHIP_MISSING, key, f"{mine.login} 在该群组", "不在", mine.id, tenant, subject, path)
    for subject in sorted(set(members) - set(wanted)):
        owner = known.get(subject)
        there = f"{members[subject].login} 在该群组"
        account = owner.id if owner is not None else None
        yield Difference(MEMBERSHIP_EXTRA, f"{subject}{path}", "不在", there, account, tenant, subject, path)
