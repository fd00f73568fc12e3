"""Other systems that act here: which ones, with which posts, and letting one in (外部系统接入)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.errors import BangfuError
from core.identity.names import WRITE_PROGRAMS
from core.identity.programs import list_programs, register_program, roles_for_programs
from core.identity.subtree import administering
from core.scope import current_scope
from core.settings import settings
from core.web.context import go, requires, show, visit_of
from core.web.pages.staff_common import Of, day_of, day_or_none, kept, tail, unions
from core.web.paging import After, cut, next_url
from core.web.step_up import fresh_proof

router = APIRouter(dependencies=[Depends(requires(WRITE_PROGRAMS))])

_PAGE = 30
WHY = "管理外部系统接入"
Text = Annotated[str, Form(max_length=120)]
Day = Annotated[str, Form(max_length=20)]
Reason = Annotated[str, Form(max_length=500)]


@router.get("/programs")
def programs(request: Request, of: Of = None, after: After = None) -> HTMLResponse:
    """The programs with a post here, or in a tenant below; and a form to let one in."""
    return _page(request, of, after)


@router.post("/programs", dependencies=[Depends(fresh_proof())])
def register(
    request: Request,
    of: Of = None,
    client: Text = "",
    name: Text = "",
    subject: Text = "",
    role: Text = "",
    valid_from: Day = "",
    valid_to: Day = "",
    reason: Reason = "",
) -> Response:
    """Let a program in with a post."""
    typed = {"client": client, "name": name, "subject": subject, "role": role}
    typed |= {"valid_from": valid_from, "valid_to": valid_to, "reason": reason}
    try:
        with administering(of, WHY) as session:
            register_program(
                session,
                client,
                name,
                subject,
                role,
                reason=reason,
                valid_from=day_of(valid_from, "valid_from", otherwise=current_scope().business_date),
                valid_to=day_or_none(valid_to, "valid_to"),
            )
    except BangfuError as error:
        if error.status not in {409, 422}:
            raise
        return _page(request, of, None, error, typed)
    return go(f"/{visit_of(request).scope.tenant}/programs{tail(of)}", "已登记外部系统，即时生效")


def _page(
    request: Request,
    of: str | None,
    after: uuid.UUID | None = None,
    refused: BangfuError | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    with administering(of, WHY) as session:
        found = list_programs(session, after=after, limit=_PAGE + 1)
        roles = [(role.code, role.zh) for role in roles_for_programs()]
    page = cut(found, _PAGE, lambda row: row.account.id)
    scope = visit_of(request).scope
    return show(
        request,
        "programs.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        roles=roles,
        of=of or "",
        tail=tail(of),
        unions=unions(scope.union_name),
        today=scope.business_date,
        typed=kept(typed),
        where=refused.where if refused else None,
        by_keycloak=settings().identity == "keycloak",
    )
