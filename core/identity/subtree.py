"""Looking after the staff of a tenant below (上级代管): the level above enters as a guest, on record, with few rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.authorisation import looks_after
from core.db.session import ScopedSession, reference_work, unit_of_work
from core.errors import NotFound
from core.exchange.models import Opening
from core.identity.names import GRANT_ADMINISTRATORS, READ_LOG, REVIEW_ACCESS, SEE_REVIEW, WRITE_PROGRAMS, WRITE_STAFF
from core.scope import Level, Scope, Standing, current_scope, entered
from core.tenancy.life import is_there, narrowed
from core.tenancy.models import Tenant
from core.tenancy.service import scope_of, tenant_named, with_plugins

_TAKEN_ALONG = frozenset({WRITE_STAFF, WRITE_PROGRAMS, GRANT_ADMINISTRATORS, SEE_REVIEW, REVIEW_ACCESS, READ_LOG})


def tenants_below() -> list[tuple[str, str]]:
    """The tenants below the one in scope, as (code, name of the union), in the order of their codes."""
    scope = current_scope()
    if scope.level is Level.COUNTY:
        return []
    with reference_work() as session:
        below = or_(Tenant.province == scope.tenant, Tenant.prefecture == scope.tenant)
        found = select(Tenant.code, Tenant.union_name).where(below, Tenant.code != scope.tenant, is_there())
        return [(code, name) for code, name in session.execute(found.order_by(Tenant.code))]


@contextmanager
def administering(tenant: str | None, why: str) -> Iterator[ScopedSession]:
    """One transaction in the scope of the own tenant (None), or as a guest in that of a tenant below.

    A guest brings his rights over staff and log, and nothing else; a tenant administrator may also confirm posts there, since
    he is the one above the tenant's own. The opening is on record even if the act fails. Raises ``NotFound`` for a tenant
    that is not below.
    """
    scope = current_scope()
    if tenant is None or tenant == scope.tenant:
        with unit_of_work() as session:
            yield session
        return
    with entered(_guest(scope, tenant, why)):
        with unit_of_work() as session:
            session.add(Opening(guest=scope.actor, guest_tenant=scope.tenant, reason=why, until=scope.business_date))
        with unit_of_work() as session:
            yield session


def _guest(scope: Scope, tenant: str, why: str) -> Scope:
    with reference_work() as session:
        found = tenant_named(session, tenant)
    if not looks_after(scope, found.code, [code for code in (found.prefecture, found.province) if code]):
        raise NotFound(f"没有代码为 {tenant} 的单位", f"no tenant has the code {tenant}", where=tenant)
    rights = scope.permissions & _TAKEN_ALONG
    guest = with_plugins(
        replace(
            scope_of(found, scope.actor, scope.business_date, scope.actor_name),
            permissions=rights | {REVIEW_ACCESS} if WRITE_STAFF in rights else rights,
            guest_reason=why,
            guest_from=scope.tenant,
            principals=scope.principals,
        )
    )
    return narrowed(guest) if guest.standing is Standing.READ_ONLY else guest


def outside(session: Session, codes: Iterable[str]) -> bool:
    """Whether one of the tenants lies outside the subtree of the actor's own tenant."""
    wanted = set(codes)
    home = current_scope().guest_from or current_scope().tenant
    inside = select(Tenant.code).where(
        Tenant.code.in_(wanted), or_(Tenant.code == home, Tenant.prefecture == home, Tenant.province == home)
    )
    return bool(wanted - set(session.scalars(inside)))
