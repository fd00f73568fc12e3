"""Compares the whole directory with the accounts, as background work (核对名录差异): people in one part, and the groups of each
prefecture with their members in a part of its own. What differs is kept until both agree.

Groups are read with their members page by page, people page by page; nobody is asked about one person.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.host.declarations import ChunkPlan, JobKindDecl, Recurrence
from core.identity.changes import kept_elsewhere, tell_changed
from core.identity.directory.comparison import (
    GROUP_UNKNOWN,
    MEMBERSHIP_EXTRA,
    Difference,
    Mine,
    members_differ,
    people_differ,
)
from core.identity.directory.groups import GROUP_MISSING, path_of
from core.identity.directory.models import DirectoryDifference, DirectoryEntry
from core.identity.directory.there import Directory, Group, directory
from core.identity.models import Account, Post
from core.identity.names import READ_SYSTEM
from core.identity.service import roles
from core.scope import Level, current_scope
from core.tenancy.life import is_there
from core.tenancy.models import Tenant

PEOPLE = "people"
KIND = "identity.drift"
_AT_ONCE = 1000


def _plan(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    if not kept_elsewhere():
        return []
    here = current_scope().tenant
    areas = select(Tenant.code, Tenant.name).where(Tenant.province == here, Tenant.level != "county", is_there())
    named = session.execute(areas.order_by(Tenant.code))
    return [ChunkPlan("人员", {"area": PEOPLE}), *(ChunkPlan(name, {"area": code}) for code, name in named)]


def _run(session: Session, _params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compare one part. Differences of accounts whose changes are on their way are none yet."""
    area = str(payload["area"])
    there, today = directory(), current_scope().business_date
    if area == PEOPLE:
        people = list(there.people())
        found = list(people_differ(_accounts(session), people))
    else:
        read = list(_read(there, session, area))
        found = list(_groups_differ(session, read, today))
    behind = _behind(session, found)
    ran_out = _ran_out(session, found, today) - behind
    for account in sorted(ran_out):
        # Time alone has changed this: nothing told of it, and nobody has to look at it.
        tell_changed(session, account, "posts")
    left = [one for one in found if one.account is None or one.account not in behind | ran_out]
    _keep(session, area, left)
    return {"found": len(left), "ran_out": len(ran_out)}


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {name: sum(int(result[name]) for result in results) for name in ("found", "ran_out")}


def _accounts(session: Session) -> list[Mine]:
    """All accounts that have or ought to have a person there: whoever holds a post, or was known there."""
    today = current_scope().business_date
    first = select(func.min(Post.tenant_code)).where(Post.account_id == Account.id, _goes_on(today)).scalar_subquery()
    known = or_(Account.subject.is_not(None), first.is_not(None))
    rows = session.execute(select(Account, first).where(Account.is_program.is_(False), known).order_by(Account.id))
    return [_mine(account, tenant) for account, tenant in rows]


def _mine(account: Account, tenant: str | None) -> Mine:
    enabled = account.disabled_at is None
    return Mine(account.id, account.login, account.display_name, enabled, account.subject, tenant)


def _goes_on(today: date) -> Any:
    return or_(Post.valid_to.is_(None), (Post.valid_to > today) & (Post.valid_to > Post.valid_from))


def _read(there: Directory, session: Session, area: str) -> Iterator[tuple[Tenant, Group | None, list[Group]]]:
    """The tenants of an area with their groups and those below: a prefecture with its counties, the province with counties that
    belong to no prefecture."""
    mine = select(Tenant).where(or_(Tenant.code == area, Tenant.parent == area), is_there())
    tenants = session.scalars(mine.order_by(Tenant.code)).all()
    for tenant in tenants:
        if tenant.code != area and tenant.level != "county":
            continue
        group = there.group_at(path_of(tenant))
        yield tenant, group, there.below(group) if group is not None else []


def _groups_differ(
    session: Session, read: Sequence[tuple[Tenant, Group | None, list[Group]]], today: date
) -> Iterator[Difference]:
    there, known_roles = directory(), set(roles())
    codes = {tenant.code for tenant, _, _ in read}
    below = set(session.scalars(select(Tenant.code).where(Tenant.parent.in_(codes))))
    wanted, known = _holders(session, codes, today)
    for tenant, group, inside in read:
        path = path_of(tenant)
        if group is None:
            yield Difference(GROUP_MISSING, path, "有该单位", "无该群组", tenant=tenant.code, path=path)
        else:
            members = {person.id: person for person in there.members(group)}
            yield from members_differ(path, tenant.code, {}, members, known)
        held = {role: who for (code, role), who in wanted.items() if code == tenant.code}
        for child in inside:
            if child.name not in known_roles and child.name not in below:
                yield Difference(GROUP_UNKNOWN, child.path, "无该单位或岗位", "有该群组", tenant=tenant.code, path=child.path)
            elif child.name in known_roles:
                members = {person.id: person for person in there.members(child)}
                yield from members_differ(child.path, tenant.code, held.pop(child.name, {}), members, known)
        for role, who in sorted(held.items()):
            yield from members_differ(f"{path}/{role}", tenant.code, who, {}, known)


def _holders(
    session: Session, codes: Iterable[str], today: date
) -> tuple[dict[tuple[str, str], dict[str, Mine]], dict[str, Mine]]:
    """Who should be in which group, by tenant and role and then by id there; and all accounts by their id there."""
    rows = session.execute(
        select(Post.tenant_code, Post.role, Account)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code.in_(codes), _goes_on(today), Account.is_program.is_(False), Account.subject.is_not(None))
    )
    wanted: dict[tuple[str, str], dict[str, Mine]] = defaultdict(dict)
    for code, role, account in rows:
        wanted[code, role][account.subject or ""] = _mine(account, code)
    known = session.scalars(select(Account).where(Account.subject.is_not(None)))
    return wanted, {account.subject or "": _mine(account, None) for account in known}


def _behind(session: Session, found: Sequence[Difference]) -> set[uuid.UUID]:
    """Which of these accounts have changes on their way."""
    named = {one.account for one in found if one.account is not None}
    behind = select(DirectoryEntry.account_id).where(DirectoryEntry.done != DirectoryEntry.told)
    return named & set(session.scalars(behind))


def _ran_out(session: Session, found: Sequence[Difference], today: date) -> set[uuid.UUID]:
    """Which accounts are in a group only because a post has come to its end meanwhile."""
    extra = {(one.account, one.tenant, (one.path or "").rpartition("/")[2]) for one in found if one.kind == MEMBERSHIP_EXTRA}
    ended = select(Post.account_id, Post.tenant_code, Post.role).where(
        Post.account_id.in_({account for account, _, _ in extra if account is not None}), Post.valid_to <= today
    )
    return {account for account, code, role in session.execute(ended) if (account, code, role) in extra}


def _keep(session: Session, area: str, found: Sequence[Difference]) -> None:
    """Let an area's differences be these: what was found before keeps its day, what is found no more goes."""
    now = datetime.now(UTC)
    rows = [
        {
            "id": new_id(),
            "kind": one.kind,
            "key": one.key,
            "area": area,
            "account_id": one.account,
            "tenant_code": one.tenant,
            "subject": one.subject,
            "group_path": one.path,
            "here": one.here,
            "there": one.there,
            "seen_at": now,
        }
        for one in found
    ]
    for start in range(0, len(rows), _AT_ONCE):
        put = insert(DirectoryDifference).values(rows[start : start + _AT_ONCE])
        again = {
            name: put.excluded[name] for name in ("area", "account_id", "tenant_code", "subject", "here", "there", "seen_at")
        }
        session.execute(put.on_conflict_do_update(index_elements=["kind", "key"], set_=again))
    session.execute(delete(DirectoryDifference).where(DirectoryDifference.area == area, DirectoryDifference.seen_at < now))


DRIFT = JobKindDecl(
    KIND,
    "核对统一身份认证名录",
    "compare the identity provider's directory",
    _plan,
    _run,
    _sum,
    READ_SYSTEM,
    levels=frozenset({Level.PROVINCE}),
    recurs=Recurrence(hour=4),
)
