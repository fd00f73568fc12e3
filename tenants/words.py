"""Names of unions, as refusals and pages cite them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tenancy.models import Tenant


def union_names(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Names of unions by tenant code: one statement, none for no code."""
    wanted = {code for code in codes if code}
    if not wanted:
        return {}
    return dict(session.execute(select(Tenant.code, Tenant.union_name).where(Tenant.code.in_(wanted))).all())


def union_name(session: Session, code: str) -> str:
    """The name of one union; its code where it is not there."""
    return union_names(session, [code]).get(code, code)
