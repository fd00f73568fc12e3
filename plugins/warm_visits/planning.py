"""Who is visited: households on file by a stated rule, others named by a clerk with a reason (慰问计划, domain 3, 10)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.opening import NewCase, NewParty, open_cases
from core.db.statements import among
from core.errors import Conflict, InvalidInput
from core.money import format_yuan
from core.parameters.service import Parameters, resolve
from core.people.models import Person, WorkerFile
from core.scope import current_scope
from core.trail.service import record
from plugins.warm_visits.models import Season, Stop
from plugins.warm_visits.names import BY_HAND, CASH, KINDS, MODEL_RANKS, NAME, PLAN, cash_parameter
from plugins.warm_visits.policy import settings_here
from plugins.warm_visits.seasons import season_named, still_open

AT_ONCE = 200
"""Households that one act takes into the plan at most."""
_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A household on file that the rule names; ``kind`` says why."""

    file_id: uuid.UUID
    household_id: uuid.UUID
    worker_id: uuid.UUID
    file_number: str
    name: str
    kind: str


def _on_file(season_id: uuid.UUID) -> Select[WorkerFile, str]:
    """Files whose household is not in the season's plan yet, with the worker's name."""
    planned = select(Stop.household_id).where(Stop.season_id == season_id)
    return (
        select(WorkerFile, Person.name)
        .join(Person, (Person.tenant == WorkerFile.tenant) & (Person.id == WorkerFile.worker_id))
        .where(WorkerFile.status == "on_file", WorkerFile.household_id.not_in(planned))
    )


def _candidate(file: WorkerFile, name: str, kind: str) -> Candidate:
    return Candidate(file.id, file.household_id, file.worker_id, file.file_number, name, kind)


def candidates(
    session: Session, season_id: uuid.UUID, kind: str, after: uuid.UUID | None = None, limit: int = AT_ONCE
) -> list[Candidate]:
    """Households that the rule names for ``kind``: on file, not yet in the plan, the file's difficulty of that kind; for
    ``model_worker`` those of a model worker whose file shows no difficulty that is in the rule. ``after`` is the file of the
    last one seen.

    Raises ``InvalidInput`` where the tenant's rule (the setting ``kinds``) does not take the kind.
    """
    current_scope().require(PLAN)
    chosen: list[str] = [*settings_here(session).kinds]
    if kind not in chosen:
        raise InvalidInput(
            f"“{KINDS.get(kind, kind)}”不在本单位的慰问对象范围内",
            f"{kind} is not among the kinds that this tenant visits",
            where="kind",
            mend_zh="请在业务设置中调整“列入计划的对象”",
            mend_en="change the setting kinds",
        )
    asked = _on_file(season_id).order_by(WorkerFile.id).limit(limit)
    if kind == "model_worker":
        difficult = [one for one in chosen if one != "model_worker"]
        asked = asked.where(
            WorkerFile.model_worker_rank.in_(MODEL_RANKS),
            WorkerFile.kind.is_(None) | WorkerFile.kind.not_in(difficult),
        )
    else:
        asked = asked.where(WorkerFile.kind == kind)
    if after is not None:
        asked = asked.where(WorkerFile.id > after)
    return [_candidate(file, name, kind) for file, name in session.execute(asked)]


def plan_by_rule(session: Session, season_id: uuid.UUID, kind: str) -> list[Stop]:
    """Take up to ``AT_ONCE`` of the households that the rule names into the plan. Raises ``Conflict`` where there is none."""
    season = still_open(season_named(session, season_id, lock=True))
    found = candidates(session, season_id, kind)
    if not found:
        raise Conflict(
            f"没有可列入计划的“{KINDS[kind]}”家庭",
            "the rule names no further household",
            where="kind",
            mend_zh="请先完成调查认定，或逐户登记",
            mend_en="determine households first, or name them one by one",
        )
    return _planned(session, season, found, f"按规则列入：在档{KINDS[kind]}")


def plan_named(session: Session, season_id: uuid.UUID, file_number: str, kind: str, reason: str) -> Stop:
    """Take the household of one file into the plan for a ``reason`` that no file shows. Raises ``InvalidInput``, also for
    a number that no household on file has, or one in the plan already."""
    current_scope().require(PLAN)
    if kind not in BY_HAND:
        raise InvalidInput("请选择对象类别", "choose why the household is visited", where="kind")
    if not reason.strip() or len(reason) > _REASON_LENGTH:
        raise InvalidInput(f"请填写列入理由，不超过 {_REASON_LENGTH} 字", "say why the household is visited", where="reason")
    season = still_open(season_named(session, season_id, lock=True))
    found = session.execute(_on_file(season_id).where(WorkerFile.file_number == file_number.strip())).one_or_none()
    if found is None:
        raise InvalidInput(
            "没有编号相符的在档家庭，或该户已在计划中",
            "no household on file has this number, or it is in the plan already",
            where="file_number",
        )
    (stop,) = _planned(session, season, [_candidate(found[0], found[1], kind)], reason.strip())
    return stop


def _planned(session: Session, season: Season, chosen: Sequence[Candidate], reason: str) -> list[Stop]:
    """Open the cases and put the households into the plan; the season's row is locked, so nobody is taken twice."""
    figures = resolve(session, current_scope().business_date)
    cases = open_cases(session, [_draft(season, one, reason, figures) for one in chosen])
    stops = [
        Stop(season_id=season.id, household_id=one.household_id, case_id=case.id, kind=one.kind)
        for one, case in zip(chosen, cases, strict=True)
    ]
    session.add_all(stops)
    session.flush()
    record(session, "warm_visits.planned", "season", season.id, {"households": len(stops), "kinds": _kinds(chosen)})
    return stops


def _kinds(chosen: Iterable[Candidate]) -> list[str]:
    return sorted({one.kind for one in chosen})


def _draft(season: Season, one: Candidate, reason: str, figures: Parameters) -> NewCase:
    name = cash_parameter(one.kind)
    fen = int(figures.value(name))
    figure = figures[name]
    basis = f"{figure.zh} {format_yuan(fen)}，自 {figure.valid_from} 起执行，依据：{figure.source}"
    return NewCase(
        NAME,
        NAME,
        (
            NewParty("applicant", person_id=one.worker_id, label=one.name),
            NewParty("household", household_id=one.household_id, label=one.name),
        ),
        programme=CASH if fen else None,
        form={"kind": one.kind, "reason": reason, "basis": basis},
        requested_fen=fen or None,
        opening_key=f"{NAME}:{season.year}:{one.household_id}",
    )


def stops_of_cases(session: Session, cases: Sequence[Case]) -> dict[uuid.UUID, tuple[Stop, Season]]:
    """Place in the plan and season of each case, by case; a case that is in no plan is absent."""
    asked = (
        select(Stop, Season)
        .join(Season, (Season.tenant == Stop.tenant) & (Season.id == Stop.season_id))
        .where(among(Stop.case_id, [case.id for case in cases]))
    )
    return {stop.case_id: (stop, season) for stop, season in session.execute(asked)}
