"""Figures of policy as pages, interface and command line show them (政策参数): what holds, who says so, what comes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.host.declarations import ParameterDecl
from core.host.manager import host
from core.parameters import forecasts, repository
from core.parameters.models import ForecastHousehold, ParameterForecast, ParameterProposal, TenantParameter
from core.parameters.proposals import proposal_named, proposals
from core.parameters.service import NATION, Resolved, declared_parameter, line_of, resolved
from core.parameters.typed import said
from core.people.models import Person, WorkerFile
from core.scope import Level, current_scope
from core.vault.masking import public_name
from tenants.words import union_names

LEVELS = {"nation": "全国", "province": "省级", "prefecture": "市级", "county": "县级"}
TIGHTENS = {
    "common": "下级只能在上级范围内收窄，各级规定同时有效。",
    "longest": "下级只能延长，不能缩短，以各级规定中最长的为准。",
}
"""What a page says of figures that a lower level may tighten but not loosen."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure in the tenant in scope on a day."""

    declared: ParameterDecl
    held: Resolved | None
    words: str
    origin: str
    coming: Sequence[tuple[date, str]]
    """Days on which another value will begin to hold, with it in words."""
    waiting: uuid.UUID | None
    """The proposal that waits for a decision here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of one level in the history of a figure. ``state`` is ``now``, ``coming``, ``past``, or ``under``: spoken by a
    level whose word does not hold here, or replaced."""

    id: uuid.UUID | None
    valid_from: date
    words: str
    level: str
    union: str
    source: str
    clause: str
    state: str
    actor: str | None
    proposal_id: uuid.UUID | None
    own: bool


def groups() -> list[tuple[str, str, list[ParameterDecl]]]:
    """The figures by what they belong to: code, Chinese title and declarations, of the platform and of lines that are on."""
    here = current_scope().plugins | host().always_on
    known = [(host().info(name), list(found)) for name, found in host().installed("bangfu_parameters") if name in here]
    return [(info.name, info.title_zh, found) for info, found in sorted(known, key=lambda one: one[0].order) if found]


def lines(session: Session, names: Sequence[str] | None = None) -> dict[str, Line]:
    """Each figure that is known here, or of ``names``: five statements, however many there are."""
    scope = current_scope()
    day = scope.business_date
    wanted = [one for _, _, found in groups() for one in found] if names is None else [declared_parameter(n) for n in names]
    national, words = repository.national_until(session, date.max), repository.all_words(session, scope)
    held = resolved(national, words, scope, day)
    unions = union_names(session, [code for code, _ in line_of(scope)])
    waiting = {row.name: row.id for row in proposals(session, state="open", limit=1000)}
    days = {row.valid_from for row in national} | {row.valid_from for row in words}
    later = {on for on in days if on > day}
    then = [(on, resolved(national, words, scope, on)) for on in sorted(later)]
    found = {}
    for declared in wanted:
        here = held.get(declared.name)
        coming: list[tuple[date, str]] = []
        last = here
        for on, values in then:
            value = values.get(declared.name)
            if (value and value.value) != (last and last.value):
                coming.append((on, said(declared, value.value) if value else "不再设定"))
            last = value
        words_ = said(declared, here.value) if here else "尚未设定"
        found[declared.name] = Line(declared, here, words_, _origin(here, unions), coming, waiting.get(declared.name))
    return found


def _origin(here: Resolved | None, unions: dict[str, str]) -> str:
    if here is None:
        return "各级均未设定"
    since = f"{here.valid_from.isoformat()} 起"
    if here.tenant == current_scope().tenant:
        return f"本单位设定，{since}"
    return f"沿用{'全国规定' if here.level == NATION else unions.get(here.tenant or '', '上级')}，{since}"


def history(session: Session, declared: ParameterDecl) -> list[Entry]:
    """All that any level has said of a figure, for the tenant in scope, the latest day first."""
    scope, name = current_scope(), declared.name
    national = [row for row in repository.national_until(session, date.max) if row.name == name]
    words = repository.all_words(session, scope, name)
    unions, levels = union_names(session, [code for code, _ in line_of(scope)]), dict(line_of(scope))
    held = resolved(national, words, scope, scope.business_date).get(name)
    entries = [
        Entry(
            None, row.valid_from, said(declared, row.value), NATION, "全国", row.source, row.clause, "", None, None, own=False
        )
        for row in national
    ]
    entries += [
        Entry(
            row.id,
            row.valid_from,
            said(declared, row.value),
            levels[row.tenant],
            unions.get(row.tenant, row.tenant),
            row.source,
            row.clause,
            "",
            row.actor,
            row.proposal_id if row.tenant == scope.tenant else None,
            own=row.tenant == scope.tenant,
        )
        for row in words
    ]
    entries.reverse()
    entries.sort(key=lambda one: one.valid_from, reverse=True)
    return _with_states(entries, held)


def _with_states(entries: Sequence[Entry], held: Resolved | None) -> list[Entry]:
    day, found, now = current_scope().business_date, [], False
    for one in entries:
        state = "coming" if one.valid_from > day else "past"
        if not now and held is not None and (one.level, one.valid_from) == (held.level, held.valid_from):
            state, now = "now", True
        found.append(replace(one, state=state))
    return found


def former(session: Session, declared: ParameterDecl, row_id: uuid.UUID) -> TenantParameter:
    """A value that the tenant in scope set itself before; raises ``NotFound``."""
    asked = select(TenantParameter).where(TenantParameter.id == row_id, TenantParameter.name == declared.name)
    row = session.scalar(asked)
    if row is None:
        raise NotFound("没有这一版取值", "there is no such former value", where=str(row_id))
    return row


@dataclass(frozen=True, slots=True)
class Weighed:
    """A proposal with what held when it was made, and what is known of what would follow."""

    row: ParameterProposal
    declared: ParameterDecl
    was: str
    now: str
    counted: bool
    """Whether rules read the figure, so that what would follow is counted before the decision."""
    forecast: ParameterForecast | None
    under_way: ParameterForecast | None
    stale: bool


def weighed(session: Session, proposal_id: uuid.UUID) -> Weighed:
    """A proposal of the tenant in scope as it is decided on; raises ``NotFound``."""
    scope, row = current_scope(), proposal_named(session, proposal_id)
    declared = declared_parameter(row.name)
    known = [word for word in repository.all_words(session, scope, row.name) if word.recorded_at <= row.at]
    day = max(row.valid_from, row.business_date)
    before = resolved(repository.national_until(session, day), known, scope, day).get(row.name)
    newest = forecasts.newest(session, row.id)
    return Weighed(
        row=row,
        declared=declared,
        was=said(declared, before.value) if before else "尚未设定",
        now=said(declared, row.value),
        counted=bool(forecasts.readers(row.name)),
        forecast=newest,
        under_way=forecasts.under_way(session, row.id),
        stale=newest is not None and row.state == "open" and forecasts.is_stale(session, newest, row),
    )


@dataclass(frozen=True, slots=True)
class Home:
    """A household that would change, as whoever may read files sees it: the worker's name masked."""

    change: ForecastHousehold
    file_number: str
    worker: str


def homes(session: Session, forecast_id: uuid.UUID, way: str | None, after: uuid.UUID | None, limit: int) -> list[Home]:
    """The next households that a forecast would change: two statements."""
    changes = forecasts.households(session, forecast_id, way, after, limit)
    asked = (
        select(WorkerFile.household_id, WorkerFile.file_number, Person.name)
        .join(Person, Person.id == WorkerFile.worker_id)
        .where(WorkerFile.household_id.in_([one.household_id for one in changes]))
    )
    known = {home: (number, public_name(name)) for home, number, name in session.execute(asked)}
    return [Home(one, *known[one.household_id]) for one in changes]


def is_above() -> bool:
    """Whether the tenant in scope is a prefecture or province, whose word holds for counties too."""
    return current_scope().level is not Level.COUNTY
