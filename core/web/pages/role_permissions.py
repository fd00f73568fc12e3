"""Which role holds which permission of the service lines here (岗位权限)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, NotFound
from core.host.manager import host
from core.identity.mapping import MAP, BreaksDuty, breaks, map_permission, mapping_table
from core.web.context import go, requires, show
from core.web.pages import words
from core.web.pages.staff_common import kept

router = APIRouter(dependencies=[Depends(requires(MAP))])

Code = Annotated[str, Form(max_length=80)]


@router.get("/staff/permissions")
def table(request: Request) -> HTMLResponse:
    """The permissions of the lines that are on, with the roles that hold them."""
    return _page(request)


@router.post("/staff/permissions")
def change(
    request: Request,
    tenant: str,
    permission: Code = "",
    role: Code = "",
    granted: Annotated[str, Form(max_length=5)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Give a permission to a role, or take it away."""
    try:
        if granted not in ("yes", "no"):
            raise InvalidInput("请选择变更为由该岗位行使还是不再行使", "say whether the role holds it", where="granted")
        with unit_of_work() as session:
            map_permission(session, permission, role, granted=granted == "yes", reason=reason)
    except BangfuError as error:
        if error.status in {409, 422} or isinstance(error, BreaksDuty | NotFound):
            return _page(request, error, {"permission": permission, "role": role, "granted": granted, "reason": reason})
        raise
    return go(f"/{tenant}/staff/permissions", "已变更岗位权限，自下一次操作起生效")


def _page(request: Request, refused: BangfuError | None = None, typed: dict[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = mapping_table(session)
    roles = [role for role in host().collected_here("bangfu_roles") if not all(breaks(row.permission, role) for row in rows)]
    return show(
        request,
        "role_permissions.html",
        refusal=refused,
        where=refused.where if refused else "",
        rows=rows,
        line_title=words.line_title,
        permissions=[(row.permission.code, f"{words.line_title(row.plugin)} · {row.permission.zh}") for row in rows],
        roles=[(role.code, role.zh) for role in roles],
        typed=kept(typed),
    )
