"""What the platform finds of files by itself (待核事项): above the line for months, unchanged for a year, the head dead.

A few statements for a whole county or chunk of it. Whether a household is above the line is asked of the rules by which it was
determined, by the facts and the figures of policy of each day (domain 10).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.bulk import insert_rows
from core.db.statements import among, tenant_sql
from core.host.declarations import ChunkPlan
from core.parameters.service import Parameters, resolve
from core.people.life.models import FileProposal
from core.people.life.service import apply, settle
from core.people.life.steps import STEP
from core.people.models import WorkerFile
from core.rules.engine import RuleSet
from core.rules.errors import OutOfBounds, ParameterMissing, RulesUnknown
from core.scope import current_scope

MONTHS: Final = "out_of_difficulty_months"
BY_ITSELF: Final = "out_of_difficulty_by_itself"
STALE_DAYS: Final = "stale_after_days"
CHUNK: Final = 2_000
"""Households of one chunk: a few seconds of work."""
KINDS: Final[Mapping[str, str]] = {
    "above_line": "连续高于标准，拟脱困退出",
    "stale": "一年未更新，待复核",
    "head_died": "户主已亡故，待办理",
}
_STEP_OF: Final[Mapping[str, str]] = {"above_line": "end_difficulty", "stale": "confirm_unchanged", "head_died": "record_death"}
_AUTOMATIC: Final = "连续 {months} 个月高于困难标准，按参数自动脱困退出"

_STALE: Final = """
insert into file_proposal (tenant, id, household_id, kind, since, found_on)
select :tenant, gen_random_uuid(), household_id, 'stale', updated_on, :today
from worker_file where tenant = :tenant and status = 'on_file' and updated_on < :limit
on conflict do nothing
"""
_NO_LONGER_STALE: Final = """
update file_proposal p set settled_on = :today, settled_as = 'passed', settled_by = :actor
from worker_file f
where p.tenant = :tenant and f.tenant = :tenant and f.household_id = p.household_id and p.kind = 'stale'
    and p.settled_on is null and (f.status <> 'on_file' or f.updated_on >= :limit)
"""
_DEAD_HEADS: Final = """
insert into file_proposal (tenant, id, household_id, kind, since, found_on)
select :tenant, gen_random_uuid(), f.household_id, 'head_died', p.died_on, :today
from worker_file f join person p on p.tenant = :tenant and p.id = f.worker_id
where f.tenant = :tenant and f.status = 'on_file' and p.died_on <= :today
on conflict do nothing
"""
_NO_LONGER_DEAD: Final = """
update file_proposal p set settled_on = :today, settled_as = 'passed', settled_by = :actor
from worker_file f join person w on w.tenant = :tenant and w.id = f.worker_id
where p.tenant = :tenant and f.tenant = :tenant and f.household_id = p.household_id and p.kind = 'head_died'
    and p.settled_on is null and (f.status <> 'on_file' or w.died_on is null or w.died_on > :today)
"""


def stale_before(parameters: Parameters) -> date:
    """A file last changed before this day is stale (一年未更新); where no level has set how long that takes, none is."""
    days = parameters.get(STALE_DAYS)
    return parameters.on - timedelta(days=int(days.value)) if days else date.min


def is_stale(file: WorkerFile | None, parameters: Parameters) -> bool:
    """Whether a file is on file and was not changed for longer than the parameter allows."""
    return file is not None and file.status == "on_file" and file.updated_on < stale_before(parameters)


def propose_by_date(session: Session) -> None:
    """Propose what follows from a date alone: stale files and those whose head died; take back what is not so any more."""
    scope = current_scope()
    limit = {"today": scope.business_date, "limit": stale_before(resolve(session, scope.business_date))}
    for statement in (_STALE, _NO_LONGER_STALE, _DEAD_HEADS, _NO_LONGER_DEAD):
        wanted = {name: value for name, value in (limit | {"actor": scope.actor}).items() if f":{name}" in statement}
        session.execute(tenant_sql(statement), wanted)


def months_before(today: date, months: int) -> list[date]:
    """The first days of the last ``months`` full months, the newest first: by what held on it, a month counts."""
    found, first = [], today.replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
        found.append(first)
    return found


def propose_above_line(session: Session, households: Sequence[uuid.UUID]) -> int:
    """Propose to end the difficulty of those of ``households`` that are above the line today and were on the first of each of
    the last months (parameter ``out_of_difficulty_months``); how many are new. Where the county says so
    (``out_of_difficulty_by_itself``) the step is made at once. Proposals of households that are below again are taken back.
    """
    from core.surveys.service import survey_rules

    scope = current_scope()
    parameters = resolve(session, scope.business_date)
    months = int(parameters.value(MONTHS))
    try:
        rules = survey_rules()
    except RulesUnknown:
        return 0
    standing = list(households)
    days = months_before(scope.business_date, months)
    try:
        for day in (scope.business_date, *days):
            standing = _above(session, rules, day, standing)
    except ParameterMissing:
        return 0  # the figures of that day are not known: nothing is proposed, and nothing taken back
    since = days[-1] if days else scope.business_date
    standing = _on_file_since(session, standing, since)
    settle(session, set(households) - set(standing), ("above_line",), "passed")
    known = select(FileProposal.household_id).where(
        among(FileProposal.household_id, standing), FileProposal.kind == "above_line"
    )
    # What a clerk declined is not proposed again before as many months have passed.
    declined = (FileProposal.settled_as == "declined") & (FileProposal.settled_on >= since)
    known = known.where(FileProposal.settled_on.is_(None) | declined)
    new = sorted(set(standing) - set(session.scalars(known)))
    if parameters.value(BY_ITSELF):
        wanted = select(WorkerFile).where(among(WorkerFile.household_id, new), WorkerFile.status == "on_file")
        asked = wanted.order_by(WorkerFile.id).with_for_update().execution_options(populate_existing=True)
        files = session.scalars(asked).all()
        apply(session, STEP["end_difficulty"], files, note=_AUTOMATIC.format(months=months))
        return len(files)
    rows = [{"household_id": one, "kind": "above_line", "since": since, "found_on": scope.business_date} for one in new]
    insert_rows(session, FileProposal, rows, keep_former=True)
    return len(new)


def _above(session: Session, rules: RuleSet, day: date, households: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those of ``households`` that are above the line on a day. Of one whose figures cannot be reckoned with it is not known,
    and it does not keep the others from being looked at."""
    from core.surveys.service import evaluate

    left = list(households)
    while left:
        try:
            outcomes = evaluate(session, rules.name, day, left)
        except OutOfBounds as error:
            if error.household not in left:
                raise
            left.remove(error.household)
            continue
        return [found.household_id for found in outcomes if not rules.difficulty.intersection(found.reasons)]
    return []


def _on_file_since(session: Session, households: Sequence[uuid.UUID], day: date) -> list[uuid.UUID]:
    """Those that were put on file no later than ``day``: months before that do not count."""
    asked = select(WorkerFile.household_id).where(
        among(WorkerFile.household_id, households), WorkerFile.status == "on_file", WorkerFile.opened_on <= day
    )
    return list(session.scalars(asked))


def waiting(session: Session) -> dict[str, int]:
    """How many proposals wait for a clerk, by kind."""
    asked = select(FileProposal.kind, func.count()).where(FileProposal.settled_on.is_(None)).group_by(FileProposal.kind)
    return dict(session.execute(asked).all())


def step_for(kind: str) -> str:
    """The step that a proposal of this kind asks for."""
    return _STEP_OF[kind]


def plan(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    """Cut the households on file into chunks; what follows from dates comes first."""
    from core.surveys.repository import chunks

    parts = [
        ChunkPlan(f"第 {number} 批（{chunk['households']} 户）", chunk)
        for number, chunk in enumerate(chunks(session, CHUNK), start=1)
    ]
    return [ChunkPlan("按日期核查", {}), *parts]


def run(session: Session, _params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Look at one chunk; twice does no harm."""
    from core.surveys.repository import households_between

    if not payload:
        propose_by_date(session)
        return {"proposed": 0}
    households = households_between(session, uuid.UUID(payload["first"]), uuid.UUID(payload["last"]))
    return {"proposed": propose_above_line(session, households)}


def finish(session: Session, _params: Mapping[str, Any], _results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """How many proposals wait now."""
    return waiting(session)
