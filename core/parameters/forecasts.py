"""What a proposed figure of policy would bring about (测算): who gains, who loses, what each programme would cost.

Counted by the rules' own definition from the facts as known now, once as it is and once as it would be. A county keeps which
households change; to a level above go figures alone, county by county.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import tenant_sql
from core.errors import Conflict, NotFound
from core.host.manager import host
from core.jobs.models import Job
from core.jobs.service import start_job
from core.parameters.models import ForecastHousehold, ParameterForecast, ParameterProposal
from core.parameters.names import FORECAST, FORECAST_BELOW, FORECAST_RIGHT
from core.parameters.service import Word, declared_parameter, resolve
from core.people.models import WorkerFile
from core.people.repository import fact_rows
from core.rules.compare import Comparison, Cost, compare
from core.rules.declarations import RuleSet
from core.rules.engine import snapshots_of
from core.rules.errors import OutOfBounds
from core.scope import Level, current_scope
from core.trail.service import record

AT_ONCE = 2_000
"""Households on file that are counted within a request; more of them are background work."""
START = Demand(FORECAST_RIGHT)
_SUMS = ("households", "gain", "lose", "other", "stay", "newly_eligible", "no_longer_eligible")
_MARK = """
select concat_ws('/',
    (select count(*) || ':' || coalesce(sum(version), 0) from worker_file where tenant = :tenant and status = 'on_file'),
    (select max(recorded_at) from membership where tenant = :tenant),
    (select count(*) || ':' || count(undone_on) from record_merge where tenant = :tenant),
    (select max(recorded_at) from person where tenant = :tenant),
    (select max(recorded_at) from person_fact where tenant = :tenant),
    (select max(recorded_at) from household_fact where tenant = :tenant))
"""


def readers(name: str) -> list[RuleSet]:
    """The rule sets that read a figure, each in its newest version: those that are on here, at a level above all that are
    installed."""
    above = current_scope().level is not Level.COUNTY
    known: list[RuleSet] = host().collected("bangfu_rule_sets") if above else host().collected_here("bangfu_rule_sets")
    return [rules for rules in {rules.name: rules for rules in known}.values() if name in rules.parameters]


def newest(session: Session, proposal_id: uuid.UUID) -> ParameterForecast | None:
    """The proposal's newest forecast that is counted to its end."""
    asked = select(ParameterForecast).where(
        ParameterForecast.proposal_id == proposal_id, ParameterForecast.figures.is_not(None)
    )
    return session.scalar(asked.order_by(ParameterForecast.id.desc()).limit(1))


def under_way(session: Session, proposal_id: uuid.UUID) -> ParameterForecast | None:
    """The proposal's newest forecast where that is not counted to its end."""
    asked = select(ParameterForecast).where(ParameterForecast.proposal_id == proposal_id)
    row = session.scalar(asked.order_by(ParameterForecast.id.desc()).limit(1))
    return row if row is not None and row.figures is None else None


def is_stale(session: Session, row: ParameterForecast, proposal: ParameterProposal) -> bool:
    """Whether facts, figures or rules are others than those that a forecast of the tenant in scope rests on. A level above
    sees no facts: there, figures and rules alone are compared, and the day."""
    return row.mark != _mark(session, proposal.name, _day_of(proposal))


def _day_of(proposal: ParameterProposal) -> date:
    return max(proposal.valid_from, current_scope().business_date)


def _mark(session: Session, name: str, on: date) -> str:
    sets, held = readers(name), resolve(session, on)
    values = {one: held[one].value for rules in sets for one in rules.parameters if one in held}
    facts = session.scalar(tenant_sql(_MARK)) if current_scope().level is Level.COUNTY else None
    told = [on.isoformat(), sorted(f"{rules.name} {rules.version}" for rules in sets), values, facts]
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def forecast(session: Session, proposal_id: uuid.UUID) -> ParameterForecast:
    """Count what a proposal would bring about: at once in a county of few households, else by a job, which the row names.

    Needs ``parameters.forecast``. Raises ``NotFound``, ``Conflict`` where the proposal is decided or no rule reads the figure.
    """
    if not current_scope().is_system:
        require(START)
    proposal = session.scalar(select(ParameterProposal).where(ParameterProposal.id == proposal_id))
    if proposal is None:
        raise NotFound("没有这项调整", "no such proposal", where=str(proposal_id))
    if proposal.state != "open":
        raise Conflict("该项调整已办结，不再测算", "cannot make the step: the proposal is decided", where=proposal.name)
    if not readers(proposal.name):
        raise Conflict("困难认定和救助金额不使用该参数，无须测算", "no rule reads this figure", where=proposal.name)
    if (running := under_way(session, proposal_id)) is not None and running.job_id is not None and _is_open(session, running):
        return running
    if current_scope().level is Level.COUNTY and _on_file(session) <= AT_ONCE:
        row = begin(session, proposal)
        settle(session, row, [count(session, asked_of(proposal, row))])
        return row
    return _by_job(session, proposal)


def _is_open(session: Session, running: ParameterForecast) -> bool:
    return session.scalar(select(Job.state).where(Job.id == running.job_id)) in {"queued", "running"}


def _on_file(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(WorkerFile).where(WorkerFile.status == "on_file")) or 0


def _by_job(session: Session, proposal: ParameterProposal) -> ParameterForecast:
    kind = FORECAST if current_scope().level is Level.COUNTY else FORECAST_BELOW
    row = begin(session, proposal)
    title = f"测算：{declared_parameter(proposal.name).zh}"
    row.job_id = start_job(session, kind, str(row.id), {"forecast": str(row.id)}, title).id
    return row


def begin(session: Session, proposal: ParameterProposal) -> ParameterForecast:
    """A forecast of which nothing is counted yet, with the state that it rests on."""
    scope, on = current_scope(), _day_of(proposal)
    row = ParameterForecast(
        id=new_id(),
        proposal_id=proposal.id,
        on=on,
        rules=[f"{rules.name} {rules.version}" for rules in readers(proposal.name)],
        mark=_mark(session, proposal.name, on),
        actor=scope.actor,
        business_date=scope.business_date,
    )
    session.add(row)
    session.flush()
    record(session, "parameter.forecast", "parameter_proposal", proposal.id, {"name": proposal.name, "forecast": row.id})
    return row


def asked_of(proposal: ParameterProposal, row: ParameterForecast) -> dict[str, Any]:
    """What a chunk of the work needs to know; a county's chunk cannot read the proposal of a level above."""
    return {
        "forecast": str(row.id),
        "on": row.on.isoformat(),
        "tenant": proposal.tenant,
        "name": proposal.name,
        "valid_from": proposal.valid_from.isoformat(),
        "value": proposal.value,
    }


def count(session: Session, asked: Mapping[str, Any], households: Sequence[uuid.UUID] | None = None) -> dict[str, Any]:
    """Count households of the county in scope, all or those named: five statements, however many there are. Which change is
    kept where the forecast is the county's own. Safe to run twice."""
    on = date.fromisoformat(asked["on"])
    word = Word(asked["tenant"], asked["name"], date.fromisoformat(asked["valid_from"]), asked["value"], "", "")
    sets = readers(word.name)
    if not sets:
        return _figures(Comparison(), {})
    before, after = resolve(session, on), resolve(session, on, supposing=word)
    facts = fact_rows(session, on, households)
    found, costs = Comparison(households=len(facts.households)), dict[str, Cost]()
    for rules in sets:
        snapshots = snapshots_of(rules, facts)
        try:
            one = compare(rules, on, before.values_of(rules.parameters), after.values_of(rules.parameters), snapshots)
        except OutOfBounds as error:
            raise _named(session, error) from None
        found.newly_eligible += one.newly_eligible
        found.no_longer_eligible += one.no_longer_eligible
        # of a household that two rule sets change, the first says in which way
        found.changed = list({each.household_id: each for each in [*one.changed, *found.changed]}.values())
        costs |= one.costs
    if asked["tenant"] == current_scope().tenant:
        _keep(session, uuid.UUID(asked["forecast"]), found)
    return _figures(found, costs)


def _named(session: Session, error: OutOfBounds) -> OutOfBounds:
    """The household that stops the count, by its file's number, which a clerk can look up."""
    if error.household is not None:
        number = session.scalar(select(WorkerFile.file_number).where(WorkerFile.household_id == error.household))
        error.where = f"{number} / {error.column}"
    return error


def _keep(session: Session, forecast_id: uuid.UUID, found: Comparison) -> None:
    rows = [asdict(one) | {"id": new_id(), "forecast_id": forecast_id} for one in found.changed]
    insert_rows(session, ForecastHousehold, rows, keep_former=True)


def _figures(found: Comparison, costs: Mapping[str, Cost]) -> dict[str, Any]:
    ways = Counter(one.way for one in found.changed)
    return {
        "households": found.households,
        "gain": ways["gain"],
        "lose": ways["lose"],
        "other": ways["other"],
        "stay": found.households - len(found.changed),
        "newly_eligible": found.newly_eligible,
        "no_longer_eligible": found.no_longer_eligible,
        "programmes": {code: asdict(cost) for code, cost in costs.items()},
    }


def summed(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures added up."""
    programmes: dict[str, Counter[str]] = {}
    for part in parts:
        for code, cost in part["programmes"].items():
            programmes.setdefault(code, Counter()).update(cost)
    total: dict[str, Any] = {name: sum(part[name] for part in parts) for name in _SUMS}
    return total | {"programmes": {code: dict(cost) for code, cost in programmes.items()}}


def settle(
    session: Session,
    row: ParameterForecast,
    parts: Sequence[Mapping[str, Any]],
    counties: Sequence[tuple[str, Mapping[str, Any]]] = (),
) -> None:
    """Keep the sum of what was counted, at a level above also each county's part."""
    by_county = [{"tenant": tenant, **{name: part[name] for name in (*_SUMS, "programmes")}} for tenant, part in counties]
    row.figures = summed(parts) | ({"counties": by_county} if counties else {})
    session.flush()


def households(
    session: Session, forecast_id: uuid.UUID, way: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[ForecastHousehold]:
    """The next ``limit`` households of a forecast that would change, behind the household ``after``."""
    asked = select(ForecastHousehold).where(ForecastHousehold.forecast_id == forecast_id)
    if way is not None:
        asked = asked.where(ForecastHousehold.way == way)
    if after is not None:
        asked = asked.where(ForecastHousehold.household_id > after)
    return session.scalars(asked.order_by(ForecastHousehold.household_id).limit(limit)).all()
