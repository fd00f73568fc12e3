"""Who is signed in, where that account may act, and the token that changes must carry (当前登录)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from core.identity.service import desks
from core.identity.sessions import SignedIn

router = APIRouter(tags=["session"])


class DeskOut(BaseModel):
    """A tenant in which the account has posts."""

    tenant: str
    union_name: str
    level: str
    titles: list[str]


class SessionOut(BaseModel):
    """The session of the cookie; ``csrf_token`` goes into the header ``X-CSRF-Token`` of every change."""

    login: str
    name: str
    csrf_token: str
    desks: list[DeskOut]


@router.get("/session")
def current(request: Request) -> SessionOut:
    """The session that the request's cookie opens."""
    signed_in: SignedIn = request.state.signed_in
    found = [
        DeskOut(tenant=desk.tenant, union_name=desk.union_name, level=desk.level.value, titles=list(desk.titles))
        for desk in desks(signed_in.account_id)
    ]
    return SessionOut(login=signed_in.login, name=signed_in.display_name, csrf_token=signed_in.csrf_token, desks=found)
