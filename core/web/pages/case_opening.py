"""Opening a case of any line, by the form that its workflow declares (受理申请)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.cases.forms import can_be_confidential
from core.cases.handlers import Candidate, Office
from core.cases.service import NewCase, NewParty, open_cases, openable
from core.codes import code_list
from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, NotFound
from core.host.declarations import FormField, ProgrammeDecl, WorkflowDecl
from core.host.manager import host
from core.money import parse_yuan
from core.people.repository import HouseholdView, household_view
from core.scope import current_scope
from core.vault.unsaid import masked
from core.web.context import changed, go, requires, show
from core.web.pages import queries, words

router = APIRouter()

READ = Depends(requires("case.read"))
_PREFIX = "field."
_HANDLER = "handler."
_NAME_LENGTH = 100


async def filled_form(request: Request) -> dict[str, str]:
    """The fields of the posted form that are texts, whole; which there are and how long, the workflow says."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form as the page draws it."""

    name: str
    decl: FormField
    options: tuple[tuple[str, str], ...]


def fields_of(flow: WorkflowDecl) -> list[Field]:
    """The fields of a workflow's form; values that stand only on older forms are not offered."""
    found = []
    for decl in flow.form.fields:
        options = decl.choices
        if decl.code_list is not None:
            options = tuple((item.code, item.zh) for item in code_list(decl.code_list).items if not item.old)
        if decl.kind == "yes_no":
            options = (("yes", "是"), ("no", "否"))
        found.append(Field(_PREFIX + decl.name, decl, options))
    return found


@router.get("/cases/new", dependencies=[READ])
def new_case(
    request: Request,
    workflow: Annotated[str, Query(max_length=60)],
    household: Annotated[uuid.UUID | None, Query()] = None,
) -> HTMLResponse:
    """The empty form; for a household where one is named."""
    return _form(request, workflow, household, {"opening_key": str(uuid.uuid4())})


@router.post("/cases/new", dependencies=[READ])
def open_one(request: Request, tenant: str, filled: Annotated[Mapping[str, str], Depends(filled_form)]) -> Response:
    """Open the case; the account becomes its clerk. Sent twice, the form opens it once."""
    name, household = filled.get("workflow", ""), _household_id(filled)
    return changed(
        lambda session: open_cases(session, [_draft(session, name, household, filled)])[0],
        lambda case: go(f"/{tenant}/cases/{case.id}", f"已登记 {case.number}"),
        lambda error: _form(request, name, household, filled, error),
    )


def _household_id(filled: Mapping[str, str]) -> uuid.UUID | None:
    try:
        return uuid.UUID(filled["household"]) if filled.get("household") else None
    except ValueError:
        raise NotFound("没有这户家庭", "no such household", where="household") from None


def _draft(session: Session, name: str, household: uuid.UUID | None, filled: Mapping[str, str]) -> NewCase:
    flow = openable(name)
    determination = queries.latest_determination(session, household) if household else None
    programme = filled.get("programme") or None
    handlers = [name.removeprefix(_HANDLER) for name in filled if name.startswith(_HANDLER)]
    return NewCase(
        plugin=flow.plugin,
        workflow=flow.name,
        parties=_parties(session, household, filled),
        programme=programme,
        form={key.removeprefix(_PREFIX): value for key, value in filled.items() if key.startswith(_PREFIX)},
        determination_id=determination.id if determination else None,
        requested_fen=parse_yuan(filled["requested"], where="requested") if filled.get("requested") else None,
        opening_key=filled.get("opening_key") or None,
        handlers=handlers or None,
    )


def _on_file(session: Session, household: uuid.UUID | None) -> HouseholdView | None:
    """The household's file, for whoever may read files; raises ``Forbidden``."""
    if household is None:
        return None
    current_scope().require("people.read")
    return household_view(session, household)


def _parties(session: Session, household: uuid.UUID | None, filled: Mapping[str, str]) -> tuple[NewParty, ...]:
    view = _on_file(session, household)
    if view is not None and view.members:
        head = view.members[0].person
        return (
            NewParty("applicant", person_id=head.id, label=head.name),
            NewParty("household", household_id=view.household.id, label=head.name),
        )
    label = filled.get("applicant", "").strip()
    if not label:
        raise InvalidInput("请填写申请人姓名", "the applicant's name is missing", where="applicant")
    if len(label) > _NAME_LENGTH:
        raise InvalidInput(
            f"申请人姓名不能超过 {_NAME_LENGTH} 字", f"a name has at most {_NAME_LENGTH} characters", where="applicant"
        )
    return (NewParty("applicant", label=label),)


def _form(
    request: Request, name: str, household: uuid.UUID | None, filled: Mapping[str, str], refused: BangfuError | None = None
) -> HTMLResponse:
    flow = openable(name)
    with unit_of_work() as session:
        view = _on_file(session, household)
        determination = queries.latest_determination(session, household) if household else None
        candidates = _candidates(session, flow)
    return show(
        request,
        "case_new.html",
        status=refused.status if refused else 200,
        flow=flow,
        fields=fields_of(flow),
        filled=dict(filled),
        household=view,
        head=_head(view),
        programmes=_programmes(flow, determination.amounts if determination else {}),
        determined=determination is not None,
        candidates=candidates,
        line=words.line_title(flow.plugin),
        refused=masked(refused) if refused else None,
        wrong=refused.where if refused else "",
    )


def _candidates(session: Session, flow: WorkflowDecl) -> list[tuple[str, Candidate]] | None:
    """Whom a confidential case may be given to, by the name of the box; None where the form makes none confidential."""
    if not can_be_confidential(flow.form):
        return None
    own = current_scope().actor
    return [(_HANDLER + one.actor, one) for one in Office(session).candidates(flow) if one.actor != own]


def _head(view: HouseholdView | None) -> str:
    return view.members[0].person.name if view and view.members else ""


def _programmes(flow: WorkflowDecl, amounts: Mapping[str, Any]) -> list[tuple[ProgrammeDecl, int]]:
    """Programmes of the line, with what the determination found for each in fen."""
    return [(found, int(amounts.get(found.code, 0))) for found in host().collected("bangfu_programmes")
            if found.plugin == flow.plugin]  # fmt: skip
