"""The first page of a tenant: what is due, what waits for this post, and where to begin when nothing does (今天要办); and all
running deadlines."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from core.announcements.service import newest_announcement
from core.audit.service import list_findings
from core.cases.handler_lists import changes_to_decide, handler_news
from core.cases.service import DueItem, case_counts, due_counts, due_items
from core.db.session import unit_of_work
from core.errors import NotFound
from core.exchange.envelopes import envelopes
from core.exchange.identity_told import unseen
from core.exchange.matters import MATTER
from core.funds.models import PaymentBatch
from core.funds.repository import open_batches
from core.funds.service import batches_with_open_reversals
from core.funds.waiting import years_due
from core.host.declared import READ_FAULTS
from core.host.faults import recent_faults
from core.identity.names import REVIEW_ACCESS, SEE_REVIEW, WRITE_STAFF
from core.identity.review import behind, ends_on, left_to_confirm
from core.people.imports.service import unconfirmed
from core.people.life.proposals import KINDS
from core.people.life.steps import STATES, STEPS
from core.people.listing import count_waiting
from core.rights.erasing import proposed
from core.rights.names import DECIDE, HANDLE
from core.rights.partners import undecided
from core.rights.requests import open_count
from core.scope import Level, Scope, current_scope
from core.transfers.offers import unanswered
from core.transfers.service import twice_waiting
from core.web.context import navigation, requires, show
from core.web.pages.words import line_title, newest_workflows

router = APIRouter()

_SOON_DAYS = 14
_FAR_DAYS = 90
_PAGE = 50
DueAfter = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\.[0-9a-f-]{36}$", description="day and identity of the last row before"),
]
_BATCH_STEPS = {
    "draft": ("funds.approve_payment", "审批"),
    "approved": ("funds.pay", "发盘"),
    "sent": ("funds.pay", "登记回盘"),
}


@dataclass(frozen=True, slots=True)
class DueGroup:
    """Deadlines that belong together on the page; ``count`` is how many there are on all pages."""

    title: str
    icon: str
    items: Sequence[DueItem]
    count: int
    tone: str


@dataclass(frozen=True, slots=True)
class DuePage:
    """One page of deadlines; ``after`` starts the next one. ``total`` and ``overdue`` count all pages."""

    groups: Sequence[DueGroup]
    total: int
    overdue: int
    after: str | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where this post can begin when nothing waits for it."""

    text: str
    why: str
    href: str
    icon: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for this post: how many, for which act, and where they are listed."""

    text: str
    act: str
    count: int
    href: str


def grouped(items: Sequence[DueItem], counts: Mapping[int, int]) -> list[DueGroup]:
    """Deadlines of a page by urgency: overdue, today, within a week, later; ``counts`` are all of them by days left."""
    parts = (
        ("已超期", "alert-triangle", "bad", range(-10_000, 0)),
        ("今天到期", "clock", "warn", range(1)),
        ("7 日内到期", "calendar", "", range(1, 8)),
        ("以后到期", "calendar-time", "", range(8, 10_000)),
    )
    found = [
        DueGroup(
            title,
            sign,
            [item for item in items if item.days_left in days],
            sum(count for left, count in counts.items() if left in days),
            tone,
        )
        for title, sign, tone, days in parts
    ]
    return [group for group in found if group.items]


def due_page(session: Session, until: date, after: str | None = None) -> DuePage:
    """A page of what is due up to ``until``, counted in the database, so that the figures hold however long the list is."""
    today = current_scope().business_date
    found = due_items(session, until, after=_due_key(after), limit=_PAGE + 1)
    counts = {(day - today).days: count for day, count in due_counts(session, until).items()}
    last = found[_PAGE - 1] if len(found) > _PAGE else None
    return DuePage(
        groups=grouped(found[:_PAGE], counts),
        total=sum(counts.values()),
        overdue=sum(count for left, count in counts.items() if left < 0),
        after=f"{last.due_on.isoformat()}.{last.id}" if last else None,
    )


def _due_key(after: str | None) -> tuple[date, uuid.UUID] | None:
    if after is None:
        return None
    day, _, row = after.partition(".")
    try:
        return date.fromisoformat(day), uuid.UUID(row)
    except ValueError:
        raise NotFound("没有这一页", "no such page of deadlines", where="after") from None


def waiting_cases(session: Session, scope: Scope) -> list[Waiting]:
    """Cases in states from which this post may make a step."""
    counts = case_counts(session)
    found = []
    for flow in newest_workflows().values():
        for state in flow.states:
            count = counts.get((flow.plugin, state.code), 0)
            mine = [step for step in flow.transitions if state.code in step.sources and scope.may(step.permission)]
            # The step onward is named before one that sends back or ends the case.
            mine.sort(key=lambda step: (step.decision == "refused", step.note_required))
            acts = [step.zh for step in mine]
            if count and acts:
                href = f"/{scope.tenant}/cases?line={flow.plugin}&state={state.code}"
                found.append(Waiting(f"{line_title(flow.plugin)} · {state.zh}", acts[0], count, href))
    return found


def waiting_files(session: Session, scope: Scope) -> list[Waiting]:
    """Files whose next step is this post's, and what the platform found of files for a clerk to look at."""
    counts, href, found = count_waiting(session), f"/{scope.tenant}/files", []
    for state in STATES:
        onward = next((step for step in STEPS if state.code in step.sources and state.opening), None)
        count = counts.by_state.get(state.code, 0)
        if onward is not None and count and scope.may(onward.permission):
            where = f"/{scope.tenant}/notices#files" if not onward.hand else f"{href}?status={state.code}"
            found.append(Waiting(f"档案 · {state.zh}", onward.zh, count, where))
    if scope.may("people.write"):
        if told := unseen(session):
            found.append(Waiting("省级告知：涉及本单位档案", "查阅", told, f"/{scope.tenant}/province-queries"))
        found += [
            Waiting(f"档案 · {label}", "核实后办理", counts.proposed[kind], f"{href}?proposed={kind}")
            for kind, label in KINDS.items()
            if counts.proposed[kind]
        ]
        if counts.reassess:
            found.append(Waiting("档案 · 原类别待重新认定", "重新认定", counts.reassess, f"{href}?reassess=yes"))
    return found


def waiting_households(session: Session, scope: Scope) -> list[Waiting]:
    """Households that another county offers, those that came and may be here twice, and rosters that are checked."""
    here, found = f"/{scope.tenant}", []
    if scope.may("exchange.take") and (count := unanswered(session)):
        found.append(Waiting("外县提出转入的家庭", "同意或不同意", count, f"{here}/transfers"))
    if scope.may("people.write") and (count := len(twice_waiting(session))):
        found.append(Waiting("转入档案疑似重复", "核对", count, f"{here}/files/twice"))
    if scope.may("people.import") and (count := unconfirmed(session)):
        found.append(Waiting("已核对的导入文件", "确认写入或放弃", count, f"{here}/imports"))
    return found


def waiting_batches(session: Session, scope: Scope) -> list[tuple[PaymentBatch, str]]:
    """Payment batches of any year whose next step is this post's; none that the actor, or whom he stands in for, prepared or
    approved."""
    found = []
    for batch in open_batches(session):
        permission, act = _BATCH_STEPS.get(batch.state, ("", ""))
        mine = scope.persons & {batch.prepared_by, batch.approved_by}
        if permission and scope.may(permission) and not mine:
            found.append((batch, act))
    if scope.may("funds.approve_payment"):
        found += [
            (batch, "审批退汇")
            for batch in batches_with_open_reversals(session)
            if not scope.persons & {batch.prepared_by, batch.paid_by, batch.returned_by}
        ]
    return found


def waiting_money(session: Session, scope: Scope) -> list[Waiting]:
    """Money of any year's grants that waits to be put into a batch."""
    return [
        Waiting(f"{year} 年度待发放的救助款", "编制发放批次", count, f"/{scope.tenant}/funds?year={year}")
        for year, count in years_due(session, scope.business_date).items()
    ]


def waiting_handlers(session: Session, scope: Scope) -> list[Waiting]:
    """Changes of handlers that wait for the actor's word, and those that he is told of. Only numbers are said."""
    href = f"/{scope.tenant}/cases/handlers"
    found = [Waiting(f"您承办的 {news.number} 号件已变更承办人", "查看", 1, href) for news in handler_news(session)]
    asked = len(changes_to_decide(session))
    return [*found, Waiting("保密件变更承办人", "同意或不同意", asked, href)] if asked else found


def waiting_review(session: Session, scope: Scope) -> list[Waiting]:
    """The year's review of access: posts that this post is to confirm, and tenants below that have not done theirs in time."""
    year, href = scope.business_date.year, f"/{scope.tenant}/staff/review"
    found = []
    if scope.may(REVIEW_ACCESS) and (count := left_to_confirm(session)):
        text = f"{year} 年岗位权限复核：尚有 {count} 个岗位未确认"
        found.append(Waiting(text, f"{ends_on(session):%-m 月 %-d 日}前逐一确认", count, href))
    if (scope.may(WRITE_STAFF) or scope.may(REVIEW_ACCESS)) and (late := len(behind(session))):
        found.append(Waiting(f"{year} 年岗位权限复核：{late} 个下级单位逾期未完成", "督促或代为确认", late, href))
    return found


def waiting_rights(session: Session, scope: Scope) -> list[Waiting]:
    """What persons asked for by right and is not answered, and erasures that wait for a second person."""
    here, found = f"/{scope.tenant}/rights", []
    if scope.may(HANDLE) and (count := open_count(session)):
        found.append(Waiting("个人信息权利请求", "在期限内答复", count, here))
    if scope.may(HANDLE) and (count := undecided(session)):
        found.append(Waiting("转户删除告知", "答复", count, f"{here}/partners"))
    if scope.may(DECIDE) and (count := sum(row.proposed_by not in scope.persons for row in proposed(session))):
        found.append(Waiting("个人信息删除", "复核", count, f"{here}/erasures"))
    return found


def waiting_plugins(session: Session, scope: Scope) -> list[Waiting]:
    """Plugins that failed lately, for the province that answers for them."""
    plugins = {fault.plugin for fault in recent_faults(session)}
    return [Waiting("业务插件出现故障", "查看并处理", len(plugins), f"/{scope.tenant}/system/plugins")] if plugins else []


def starts(session: Session, scope: Scope) -> list[Start]:
    """Where this post can begin: its files, a new case in each line, and what the last year left to read."""
    here, found = f"/{scope.tenant}", []
    if scope.may("people.read") and scope.level is Level.COUNTY:
        found.append(Start("困难职工档案", "查档、看认定说明，从档案受理救助", f"{here}/files", "folders"))
    if scope.may("case.read"):
        flows = sorted(newest_workflows().values(), key=lambda flow: flow.number_prefix)
        for flow in flows:
            if flow.plugin in scope.plugins and scope.may(flow.open_permission):
                why = "须先有档案：选定家庭后受理" if flow.needs_household else "登记当事人和事项"
                href = f"{here}/files" if flow.needs_household else f"{here}/cases/new?workflow={flow.name}"
                found.append(Start(f"受理{flow.zh}", why, href, "file-plus"))
        found.append(Start("全部个案", "查看各业务的个案", f"{here}/cases", "file-text"))
    if scope.may("funds.read"):
        found.append(Start("资金账", "余额、发放批次和日记账", f"{here}/funds", "coin"))
    if scope.may("audit.read"):
        found.append(Start("审计问题", "发现的问题和答复", f"{here}/audit/findings", "clipboard-check"))
    if (published := newest_announcement(session)) is not None:
        why = f"{published.published_on.isoformat()} 发布"
        found.append(Start(f"{published.year} 年度公告", why, f"/public/{scope.tenant}/annual/{published.year}", "world"))
    if not found:
        # An administrator or a leader handles nothing here: what their post may open is all there is to begin with.
        items = [item for item in navigation(scope, "") if item.href != f"{here}/"]
        found = [Start(item.label, item.group, item.href, item.icon) for item in items]
    return found


def _board(session: Session, scope: Scope, until: date) -> dict[str, Any]:
    reads_cases = scope.may("case.read")
    due = due_page(session, until) if reads_cases else DuePage((), 0, 0, None)
    cases = waiting_cases(session, scope) if reads_cases else []
    money = waiting_money(session, scope) if scope.may("funds.prepare") else []
    batches = waiting_batches(session, scope) if scope.may("funds.read") else []
    changes = waiting_handlers(session, scope)
    files = waiting_files(session, scope) if scope.may("people.read") and scope.level is Level.COUNTY else []
    households = waiting_households(session, scope) if scope.level is Level.COUNTY else []
    rights = waiting_rights(session, scope)
    review = waiting_review(session, scope) if scope.may(SEE_REVIEW) else []
    plugins = waiting_plugins(session, scope) if scope.may(READ_FAULTS) and scope.level is Level.PROVINCE else []
    received = envelopes(session, "in", kind=MATTER) if scope.may("exchange.take") else []
    matters = [matter for matter in received if matter.state == "delivered"]
    return {
        "due": due,
        "waiting": [*changes, *cases, *files, *households, *money, *rights, *review, *plugins],
        "batches": batches,
        "findings": list_findings(session, state="open", limit=6) if scope.may("audit.read") else [],
        "matters": matters,
        "starts": []
        if due.total or changes or cases or files or households or money or batches or matters or rights or review or plugins
        else starts(session, scope),
    }


@router.get("/", dependencies=[Depends(requires("home.read"))])
def home(request: Request) -> HTMLResponse:
    """What is due in a fortnight, and what waits for this post."""
    scope = current_scope()
    with unit_of_work() as session:
        board = _board(session, scope, scope.business_date + timedelta(days=_SOON_DAYS))
    return show(request, "home.html", line_title=line_title, scope=scope, **board)


@router.get("/deadlines", dependencies=[Depends(requires("case.read"))])
def deadlines(request: Request, after: DueAfter = None) -> HTMLResponse:
    """All deadlines that run and fall due in a quarter of a year."""
    with unit_of_work() as session:
        due = due_page(session, current_scope().business_date + timedelta(days=_FAR_DAYS), after)
    return show(request, "deadlines.html", due=due, line_title=line_title, days=_FAR_DAYS)
