"""The log for those who audit: who did what when, who looked at what, who signed in, as ids and codes (操作日志)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.session import reference_work, unit_of_work
from core.host.manager import host
from core.identity.models import Account
from core.identity.names import READ_LOG
from core.identity.subtree import administering
from core.people.models import WorkerFile
from core.scope import Scope, current_scope, entered
from core.spreadsheets.writing import rows_as_csv
from core.trail import log
from core.trail.acts import called
from core.trail.service import record_read
from core.web.context import requires, show, visit_of
from core.web.pages import words
from core.web.pages.staff_common import Of, Typed, tail, unions
from core.web.paging import After, cut, next_url
from core.web.preferences import language_of

router = APIRouter(dependencies=[Depends(requires(READ_LOG))])
_PAGE = 50
_NOBODY = uuid.UUID(int=0)
WHY = "查看下级操作日志"
MOST_LINES: Final = 50_000
"""How many lines one file holds at most."""
_CHUNK = 1_000
_HEADINGS = ("时间", "业务日期", "办理人", "办理人编号", "代理", "事项代码", "事项", "对象", "对象编号", "内容")

What = Literal["changes", "reads", "sign_ins"]
_PARTS: Mapping[What, tuple[str, Callable[..., list[log.Line]]]] = {
    "changes": ("办理", log.changes),
    "reads": ("查阅", log.reads),
    "sign_ins": ("登录", log.sign_ins),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as they were typed."""

    actor: str
    action: str
    day: str
    subject: str
    permission: str

    @property
    def on(self) -> date | None:
        """The day; None where none was typed, or no day."""
        try:
            return date.fromisoformat(self.day)
        except ValueError:
            return None

    def kept(self) -> dict[str, str]:
        """The filters for an address."""
        return {
            "actor": self.actor,
            "action": self.action,
            "day": self.day,
            "subject": self.subject,
            "permission": self.permission,
        }

    def wanted(self, session: Session) -> log.Wanted:
        """What the service is asked, in the scope of the tenant whose log it is."""
        return log.Wanted(
            actor=_actor(self.actor.strip()),
            action=self.action.strip() or None,
            day=self.on,
            subject=_subject(session, self.subject.strip()),
            permission=self.permission.strip() or None,
        )


def asked_for(
    actor: Typed = "",
    action: Typed = "",
    day: Annotated[str, Query(pattern=r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="business date")] = "",
    subject: Typed = "",
    permission: Typed = "",
) -> Asked:
    """The filters of the query: login or ``system``, kind of act or address, business date, id or number, right."""
    return Asked(actor, action, day, subject, permission)


Filters = Annotated[Asked, Depends(asked_for)]


@router.get("/log")
def lines(request: Request, asked: Filters, of: Of = None, what: What = "changes", after: After = None) -> HTMLResponse:
    """Changes, looks or sign-ins, newest first."""
    with administering(of, WHY) as session:
        found = _PARTS[what][1](session, asked.wanted(session), after=after, limit=_PAGE + 1)
    page = cut(found, _PAGE, lambda row: row.id)
    base = f"/{visit_of(request).scope.tenant}/log"
    kept = asked.kept()
    return show(
        request,
        "log.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=[
            words.Tab(label, base + tail(of, what="" if part == "changes" else part, **kept), what == part)
            for part, (label, _) in _PARTS.items()
        ],
        file=f"{base}/file{tail(of, what=what, **kept)}",
        most=MOST_LINES,
        unions=unions(visit_of(request).scope.union_name),
        of=of or "",
        names=words.staff_names(row.actor for row in page.rows),
        told=_told(what, page.rows, english=language_of(request) == "en"),
        acts=[] if what == "reads" else called().values(),
        what=what,
        unreadable=bool(asked.day) and asked.on is None,
        asked=asked,
    )


@router.get("/log/file")
def to_file(asked: Filters, of: Of = None, what: What = "changes") -> StreamingResponse:
    """The lines as a CSV file, sent while they are read, the newest ``MOST_LINES`` at most. That it was taken is on record."""
    with administering(of, WHY) as session:
        wanted = asked.wanted(session)
        record_read(session, f"log.{what}", "log", None, f"导出操作日志（{_PARTS[what][0]}）")
        scope = current_scope()
    name = f"{scope.tenant}-log-{what}-{scope.business_date}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_csv(scope, what, wanted), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(scope: Scope, what: What, wanted: log.Wanted) -> Iterator[str]:
    """The file in pieces. Each piece is read in a transaction of its own: the thread that reads it may be another each time."""
    yield "\ufeff" + rows_as_csv([_HEADINGS])
    after, left = None, MOST_LINES
    while left:
        with entered(scope), unit_of_work() as session:
            found = _PARTS[what][1](session, wanted, after=after, limit=min(_CHUNK, left))
        names = words.staff_names(row.actor for row in found)
        told = _told(what, found)
        yield rows_as_csv([_cells(row, names, told) for row in found])
        if len(found) < min(_CHUNK, left):
            return
        after, left = found[-1].id, left - len(found)
    yield rows_as_csv([(f"只含最新的 {MOST_LINES} 条；更早的请按日期分次导出",)])


def _told(what: What, rows: Sequence[log.Line], *, english: bool = False) -> dict[uuid.UUID, str]:
    """What lines say in words, by id: what the act is called, of a look the right that was used. What nobody declares is
    absent."""
    looks = what == "reads"
    known = {right.code: right for right in host().collected("bangfu_permissions")} if looks else called()
    codes = {row.id: str(row.fields.get("permission", "")) if looks else row.action for row in rows}
    return {line: known[code].en if english else known[code].zh for line, code in codes.items() if code in known}


def _cells(row: log.Line, names: Mapping[str, str], told: Mapping[uuid.UUID, str]) -> Sequence[str]:
    content = " ".join(f"{name}={value}" for name, value in row.fields.items())
    return (
        row.at.isoformat(timespec="seconds"),
        row.business_date.isoformat(),
        names.get(row.actor, "无此账号"),
        row.actor,
        "是" if row.delegated_from else "",
        row.action,
        told.get(row.id, ""),
        row.subject_kind,
        str(row.subject_id or ""),
        content,
    )


def _actor(login: str) -> str | None:
    """The actor key of a login; a key of the platform's own acts (``system:audit``) stands for itself."""
    if not login or login.startswith("system:"):
        return login or None
    with reference_work() as session:
        found = session.scalar(select(Account.id).where(Account.login == login.lower()))
    return str(found or _NOBODY)


def _subject(session: Session, text: str) -> uuid.UUID | None:
    """The id that was typed, or that of the case or the household with the number that was typed."""
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        number = text.upper()
    questions: tuple[Any, ...] = (
        select(Case.id).where(Case.number == number),
        select(WorkerFile.household_id).where(WorkerFile.file_number == number),
    )
    for question in questions:
        if (found := session.scalar(question)) is not None:
            return uuid.UUID(str(found))
    return _NOBODY
