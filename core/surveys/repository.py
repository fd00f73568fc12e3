"""Queries of survey rounds and determinations."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from core.db.statements import among, tenant_core, tenant_sql
from core.scope import current_scope
from core.surveys.models import Determination, ParameterSet, SurveyRound


def round_of_year(session: Session, year: int) -> SurveyRound | None:
    """The survey round of ``year``, if it has been opened."""
    return session.scalar(select(SurveyRound).where(SurveyRound.year == year))


def open_round(session: Session, year: int, on: date) -> SurveyRound:
    """The round of ``year``, opened on ``on`` if it is not there yet."""
    values = {"year": year, "opened_on": on, "tenant": current_scope().tenant}
    statement = insert(SurveyRound).values(**values).on_conflict_do_nothing(index_elements=["tenant", "year"])
    session.execute(tenant_core(statement))
    return session.scalars(select(SurveyRound).where(SurveyRound.year == year)).one()


def settle_day(session: Session, round_id: uuid.UUID, on: date) -> date:
    """The day of decision of a round: what the first run laid down, or ``on`` if this is the first."""
    session.execute(
        tenant_sql(
            "update survey_round set decided_on = :on where tenant = :tenant and id = :id and decided_on is null"
        ).bindparams(on=on, id=round_id)
    )
    day = session.scalar(select(SurveyRound.decided_on).where(SurveyRound.id == round_id))
    return day or on


def chunks(session: Session, size: int) -> list[dict[str, Any]]:
    """Households on file cut into runs of ids: first and last id (as text) and number of households of each."""
    rows = session.execute(
        tenant_sql(
            """
            select min(id collate "C") as first, max(id collate "C") as last, count(*) as households
            from (
                select household_id::text as id, (row_number() over (order by household_id) - 1) / :size as no
                from worker_file where tenant = :tenant and status = 'on_file'
            ) numbered
            group by no order by no
            """
        ).bindparams(size=size)
    )
    return [dict(row) for row in rows.mappings()]


def households_between(session: Session, first: uuid.UUID, last: uuid.UUID) -> list[uuid.UUID]:
    """Households on file from one id to another, both included."""
    statement = tenant_sql(
        "select household_id from worker_file where tenant = :tenant and status = 'on_file'"
        " and household_id between :first and :last order by household_id"
    ).bindparams(first=first, last=last)
    return list(session.scalars(statement))


def undetermined(session: Session, round_id: uuid.UUID, households: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those of ``households`` that the round has not determined yet."""
    done = set(
        session.scalars(
            select(Determination.household_id).where(
                Determination.round_id == round_id, Determination.household_id.in_(households)
            )
        )
    )
    return [household for household in households if household not in done]


def parameter_set(session: Session, digest: str, on: date, entries: dict[str, Any]) -> uuid.UUID:
    """The id of the stored parameter set with this digest, stored now if it is new."""
    statement = (
        insert(ParameterSet)
        .values(tenant=current_scope().tenant, digest=digest, as_of=on, entries=entries)
        .on_conflict_do_nothing(index_elements=["tenant", "digest"])
    )
    session.execute(tenant_core(statement))
    return session.scalars(select(ParameterSet.id).where(ParameterSet.digest == digest)).one()


def parameter_sets(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ParameterSet]:
    """Stored parameter sets by id."""
    return {row.id: row for row in session.scalars(select(ParameterSet).where(ParameterSet.id.in_(ids)))}


def write_determinations(session: Session, rows: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
    """Insert determinations except where the round has one of the household already; the ids of the new ones."""
    if not rows:
        return []
    statement = insert(Determination).on_conflict_do_nothing(index_elements=["tenant", "round_id", "household_id"])
    return list(session.scalars(statement.returning(Determination.id), list(rows)))


def mark_files(session: Session, determinations: Sequence[uuid.UUID]) -> None:
    """Put the kind of difficulty that was found on the workers' files. An import does not take it for somebody's correction."""
    session.execute(
        tenant_sql(
            "update worker_file f set kind = d.kind, version = f.version + 1,"
            " import_version = f.import_version + cast(f.import_version = f.version as integer) from determination d"
            " where f.tenant = :tenant and d.tenant = :tenant and d.id = any (:ids)"
            " and f.household_id = d.household_id and f.kind is distinct from d.kind"
        ).bindparams(ids=list(determinations))
    )


def latest(session: Session, year: int) -> Sequence[Determination]:
    """The latest determination of each household decided in ``year``, in a round or outside one."""
    decided = Determination.decided_on.between(date(year, 1, 1), date(year, 12, 31))
    rounds = select(SurveyRound.id).where(SurveyRound.year == year).scalar_subquery()
    wanted = or_(Determination.round_id.in_(rounds), and_(Determination.round_id.is_(None), decided))
    return session.scalars(
        select(Determination)
        .where(wanted)
        .ext(distinct_on(Determination.household_id))
        .order_by(Determination.household_id, Determination.decided_on.desc(), Determination.at.desc())
    ).all()


@dataclass(frozen=True, slots=True)
class Newest:
    """A household's newest determination; ``year`` is its survey's, outside a survey that of the day."""

    id: uuid.UUID
    decided_on: date
    year: int


def newest(session: Session, households: Iterable[uuid.UUID]) -> dict[uuid.UUID, Newest]:
    """The newest determination of each of ``households``, of whatever year, in a round or outside one."""
    of_round = and_(SurveyRound.id == Determination.round_id, SurveyRound.tenant == Determination.tenant)
    rows = session.execute(
        select(Determination.household_id, Determination.id, Determination.decided_on, SurveyRound.year)
        .join(SurveyRound, of_round, isouter=True)
        .where(among(Determination.household_id, households))
        .ext(distinct_on(Determination.household_id))
        .order_by(Determination.household_id, Determination.decided_on.desc(), Determination.at.desc(), Determination.id.desc())
    )
    return {home: Newest(found, day, day.year if year is None else year) for home, found, day, year in rows}


def counted(session: Session, year: int) -> list[tuple[str | None, int]]:
    """(kind, number of households) of the round of ``year``."""
    rows = session.execute(
        select(Determination.kind, func.count())
        .join(SurveyRound, and_(SurveyRound.id == Determination.round_id, SurveyRound.tenant == Determination.tenant))
        .where(SurveyRound.year == year)
        .group_by(Determination.kind)
    )
    return [(kind, number) for kind, number in rows]
