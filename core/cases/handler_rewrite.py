"""Handing a confidential case to its new handlers: what two people agreed is written on every row of it (承办人变更)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from functools import cached_property

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.cases.handlers import Office
from core.cases.models import Case, HandlerChange, HandlerNews
from core.cases.workflows import workflows_pinned
from core.db.base import Base, Handled
from core.db.bulk import insert_rows
from core.db.rules import Policy, TenantTable
from core.db.session import opening
from core.errors import Conflict
from core.host.declarations import WorkflowDecl
from core.scope import current_scope
from core.trail.service import record

Moving = tuple[type[Handled], InstrumentedAttribute[uuid.UUID], InstrumentedAttribute[list[str] | None]]
"""A table whose rows go over to new handlers: its model, the column that names the case, and the handlers."""


class Team:
    """Who handles a case, and who of the tenant can work on it."""

    def __init__(self, session: Session, flow: WorkflowDecl, former: Sequence[str]) -> None:
        self.office, self.flow, self.former = Office(session), flow, former

    @cached_property
    def able(self) -> set[str]:
        """Whose account is on and whose posts today make a step of the case's workflow."""
        return {candidate.actor for candidate in self.office.candidates(self.flow)}

    def after(self, added: Iterable[str], removed: Iterable[str]) -> set[str]:
        """Who handles it once some were added and others have left."""
        return (set(self.former) - set(removed)) | set(added)


def moving_models() -> list[Moving]:
    """All tables whose rows go over to new handlers. What states that its handlers never change (the trail, what a person was
    told) stays with those for whom it was written."""
    found = []
    for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__):
        model, rule = mapper.class_, getattr(mapper.class_, "__rule__", None)
        if not issubclass(model, Handled) or not isinstance(rule, TenantTable) or rule.policy is not Policy.CONFIDENTIAL:
            continue
        if not rule.append_only and (rule.mutable is None or "handlers" in rule.mutable):
            found.append((model, getattr(model, rule.opened_by), model.handlers))
    return found


def carry_out(session: Session, change: HandlerChange, number: str) -> None:
    """Give the case to those whom ``change`` names, which was agreed in this transaction, and tell everybody concerned. Raises
    ``Conflict`` where it does not fit the case any more."""
    with opening(session, change.case_id, change.id):
        row = session.execute(
            select(Case.handlers, Case.workflow, Case.workflow_version, Case.assigned_to)
            .where(Case.id == change.case_id)
            .with_for_update()
        ).one()
        pin = (row.workflow, row.workflow_version)
        team = Team(session, workflows_pinned(session, [pin])[pin], list(row.handlers))
        _refuse_unfit(change, team)
        kept = [] if change.clears else [actor for actor in team.former if actor not in change.removed]
        new = [*kept, *(actor for actor in change.added if actor not in kept)]
        for model, names_case, handlers in moving_models():
            session.execute(
                update(model).where(names_case == change.case_id, handlers.is_not(None)).values({handlers: new}),
                execution_options={"synchronize_session": False},
            )
        assigned = row.assigned_to if row.assigned_to in new else None
        session.execute(
            update(Case).where(Case.id == change.case_id).values(assigned_to=assigned, version=Case.version + 1),
            execution_options={"synchronize_session": False},
        )
        lapse(session, change.case_id)
    record(session, "case.handlers", "case", change.case_id, {"change": change.id, "handlers": new}, handlers=new)
    _tell(session, change, number, set(team.former), set(new))


def _refuse_unfit(change: HandlerChange, team: Team) -> None:
    """Raise ``Conflict`` where what was asked does not fit the case as it is now."""
    scope = current_scope()
    if change.ground == "nobody_left" and team.able & set(team.former):
        raise _unfit("该件仍有能够办理的承办人，不能紧急变更", "a handler still can act", "请由承办人提出变更")
    gone = change.decides != "leader" and change.asked_by not in team.former
    if gone or (change.decides == "handler" and scope.actor not in team.former):
        raise _unfit("提出人或您已不是该件承办人", "one of the two does not handle the case any more", "请由现承办人重新提出")
    if not set(change.added) <= team.able:
        raise _unfit("所指定的人员已不能办理该业务", "somebody named cannot work on it any more", "请重新提出，指定其他人员")
    left = set(change.added) if change.clears else team.after(change.added, change.removed)
    if not left & team.able:
        raise _unfit("变更后该件将没有能够办理的承办人", "nobody who is left could act", "请重新提出，同时指定承办人")


def _unfit(zh: str, en: str, mend_zh: str) -> Conflict:
    return Conflict(zh, en, where="state", mend_zh=mend_zh, mend_en="have another change asked")


def lapse(session: Session, case_id: uuid.UUID, *which: ColumnElement[bool]) -> None:
    """End asks of the case that can be agreed no more."""
    session.execute(
        update(HandlerChange)
        .where(HandlerChange.case_id == case_id, HandlerChange.state == "asked", *which)
        .values(state="lapsed"),
        execution_options={"synchronize_session": False},
    )


def _tell(session: Session, change: HandlerChange, number: str, former: set[str], new: set[str]) -> None:
    """Tell everybody concerned but the one who decided just now."""
    rows = []
    for actor in sorted((former | new) - {current_scope().actor}):
        part = "stays" if actor in former & new else "joined" if actor in new else "left"
        told = {"change_id": change.id, "number": number, "part": part, "told_on": current_scope().business_date}
        rows.append(told | {"handlers": [actor]})
    insert_rows(session, HandlerNews, rows)
