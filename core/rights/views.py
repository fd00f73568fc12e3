"""Who looked at a household's file, when, and at what (查阅记录), for the family and for whoever audits (PIPL Art. 44, 45)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from core.authorisation import Demand, require
from core.calendar.working_days import CHINA_TIME
from core.cases.models import Case, Party
from core.codes import code_list
from core.db.session import reference_work
from core.db.statements import among
from core.errors import Conflict, NotFound
from core.host.manager import host
from core.identity.models import Account, Post
from core.people.duplicates.merging import as_one
from core.people.fields import BY_CODE
from core.people.models import Membership, Person
from core.people.repository import require_household
from core.rights.models import RightsRequest
from core.rights.names import SEE_VIEWS
from core.rights.requests import HANDLING, close, request_named
from core.scope import current_scope
from core.trail.models import ReadLog
from core.trail.service import record, record_read

SEEING = Demand(SEE_VIEWS)
MOST: Final = 5_000
"""How many looks one statement holds; more are asked for by day."""
VALUES: Final[Mapping[str, str]] = {
    "identity_number": "身份证号",
    "phone": "电话",
    "account": "银行账号",
    "address": "详细住址",
    "objector": "联系方式",
}
"""Single values that are opened with a reason, as the statement calls them."""

_PAPER: Final = "paper."
"""What the log puts before the kind of a copy that shows whole numbers (``core.people.papers.attachments``)."""
_GIVEN: Final[Mapping[str, str]] = {"rights.statement": "提供查阅记录", "rights.copy": "提供个人信息副本"}


@dataclass(frozen=True, slots=True)
class View:
    """One look: who, when, at what, why."""

    id: uuid.UUID
    at: datetime
    actor: str
    who: str
    posts: str
    """Posts that the reader held here on that day."""
    act: str
    whom: str
    """The member of whom a value was shown; empty for the file as a whole."""
    fields: str
    """What was shown: the value that was opened, or the kinds of content on the page."""
    reason: str


@dataclass(frozen=True, slots=True)
class Period:
    """Days of looks that are asked for, both included; None is open."""

    since: date | None = None
    until: date | None = None


def views_of(
    session: Session, household_id: uuid.UUID, period: Period = Period(), *, after: uuid.UUID | None = None, limit: int = 50
) -> list[View]:
    """Looks at a household's file, its members and its ordinary cases, newest first, by keyset. Needs rights.views; raises
    ``NotFound``. Lists and searches show many at once and are not among them."""
    require(SEEING)
    return _views(session, household_id, None, period, after, limit)


def statement(session: Session, request_id: uuid.UUID, period: Period = Period()) -> tuple[RightsRequest, list[View]]:
    """The looks that a person asked to be told of, for the paper that is given out (依申请提供的查阅记录): at the household's
    file and at what is the person's own, the oldest first. Giving it out is on record and answers the request.

    Needs rights.handle; raises ``NotFound`` also for a request of another kind, ``Conflict`` where it was refused.
    """
    require(HANDLING)
    asked = request_named(session, request_id, lock=True)
    if asked.kind != "view_log":
        raise NotFound("该请求不是查阅记录请求", "not a request for the views", where="request_id")
    if asked.state in ("refused", "withdrawn"):
        raise Conflict("该请求未予办理", "the request was refused", where=asked.number)
    found = _views(session, asked.household_id, asked.person_id, period, None, MOST)
    record_read(session, "rights.statement", "household", asked.household_id, f"依申请提供查阅记录 {asked.number}")
    if asked.state == "open":
        close(asked, "answered", "已提供查阅记录")
        record(session, "rights.views_given", "rights_request", asked.id, {"household": asked.household_id})
    return asked, found[::-1]


def _views(
    session: Session,
    household_id: uuid.UUID,
    alone: uuid.UUID | None,
    period: Period,
    after: uuid.UUID | None,
    limit: int,
) -> list[View]:
    members = members_of(session, household_id)
    # a look at a record that counts as this one is a look at this one
    same = as_one(session, [household_id, *members])
    homes, persons = same[household_id], {one for member in members if alone in (None, member) for one in same[member]}
    names = members | {one: members[member] for member in members for one in same[member]}
    # confidential cases are not told of, also where the actor handles one
    parties = select(Party.case_id).where(among(Party.household_id, homes), Party.handlers.is_(None))
    cases = session.scalars(select(Case.id).where(Case.id.in_(parties), Case.handlers.is_(None))).all()
    asked = select(ReadLog).where(among(ReadLog.subject_id, [*homes, *persons, *cases]))
    if period.since is not None:
        asked = asked.where(ReadLog.at >= datetime.combine(period.since, time(), CHINA_TIME))
    if period.until is not None and period.until < date.max:
        asked = asked.where(ReadLog.at < datetime.combine(period.until, time(), CHINA_TIME) + timedelta(days=1))
    if after is not None:
        asked = asked.where(ReadLog.id < after)
    # taken by the index of subjects first: else the newest rows of the whole tenant might be walked for a file seldom looked at
    mine = aliased(ReadLog, asked.cte("mine").prefix_with("materialized"))
    rows = session.scalars(select(mine).order_by(mine.id.desc()).limit(limit)).all()
    return _told(rows, names)


def members_of(session: Session, household_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Everybody who ever belonged to a household, with the name; raises ``NotFound``."""
    require_household(session, household_id, str(household_id))
    belonged = select(Membership.person_id).where(Membership.household_id == household_id)
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(belonged)).order_by(Person.id))
    return dict(rows.all())


def _told(rows: Sequence[ReadLog], members: Mapping[uuid.UUID, str]) -> list[View]:
    people = _people({row.actor for row in rows})
    rights = {right.code: right.zh for right in host().collected("bangfu_permissions")}
    found = []
    for row in rows:
        name, posts = people.get(row.actor, ("系统", ()))
        held = [
            title
            for title, since, until in posts
            if since <= row.business_date and (until is None or row.business_date <= until)
        ]
        found.append(
            View(
                id=row.id,
                at=row.at,
                actor=row.actor,
                who=name,
                posts="、".join(dict.fromkeys(held)),
                act=_act(row, rights),
                whom=members.get(row.subject_id, "") if row.subject_id else "",
                fields="、".join(_fields(row)),
                reason=row.reason,
            )
        )
    return found


def _act(row: ReadLog, rights: Mapping[str, str]) -> str:
    if row.permission is None:
        return "查阅完整信息" if row.what in VALUES or row.what.startswith(_PAPER) else _GIVEN.get(row.what, "查阅")
    if row.what.endswith(("/print", ".xlsx", ".docx", ".pdf")):
        return "打印或导出"
    return f"打开页面（{rights.get(row.permission, row.permission)}）"


def _fields(row: ReadLog) -> list[str]:
    if row.shown:
        return [BY_CODE[code].zh for code in row.shown if code in BY_CODE]
    if row.what.startswith(_PAPER):
        kind, known = row.what.removeprefix(_PAPER), code_list("document_kind")
        return [known.item(kind).zh] if kind in known else []
    return [VALUES[row.what]] if row.what in VALUES else []


def _people(actors: set[str]) -> dict[str, tuple[str, tuple[tuple[str, date, date | None], ...]]]:
    """Name and posts in the tenant in scope of each account, in two questions."""
    wanted = {}
    for actor in actors:
        try:
            wanted[uuid.UUID(actor)] = actor
        except ValueError:
            continue
    with reference_work() as session:
        names = session.execute(select(Account.id, Account.display_name).where(Account.id.in_(wanted)))
        told = {wanted[account]: name for account, name in names}
        here = select(Post).where(Post.account_id.in_(wanted), Post.tenant_code == current_scope().tenant)
        posts: dict[str, list[tuple[str, date, date | None]]] = {}
        for post in session.scalars(here.order_by(Post.valid_from)):
            posts.setdefault(wanted[post.account_id], []).append((post.title, post.valid_from, post.valid_to))
    return {actor: (name, tuple(posts.get(actor, ()))) for actor, name in told.items()}
