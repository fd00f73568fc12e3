"""What tests of staff, delegation and review share: people with posts, and acting at their desks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import select, text

from core.db.session import ScopedSession, reference_work, unit_of_work
from core.identity.models import Account, Post
from core.identity.names import COUNTY_GRANTS
from core.identity.service import give_post, scope_for
from core.identity.staff import invite
from core.parameters.service import set_parameter
from core.scope import entered
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, PROVINCE, TODAY, Database
from tests.conftest import scope_of as bare_scope

SINCE = date(2025, 1, 2)
WHY = "会议纪要〔2025〕7号"


def stand_at(db: Database, day: date = TODAY) -> None:
    """Set the business date."""
    with db.owner.begin() as connection:
        connection.execute(text("delete from business_clock"))
        connection.execute(text('insert into business_clock (id, "on", set_at) values (1, :on, now())'), {"on": day})


def close_into(db: Database, county: str, heir: str | None) -> None:
    """Close a county; its division goes to ``heir``, or to nobody."""
    with db.owner.begin() as connection:
        closes = text("update tenant set state = 'closed', closed_on = :on where code = :code")
        connection.execute(closes, {"on": TODAY, "code": county})
        if heir is not None:
            takes = (
                "insert into tenant_division (tenant_code, division_code, valid_from, name, union_name, province, prefecture,"
                " former_tenant) select h.code, c.code, :on, c.name, c.union_name, h.province, h.prefecture, c.code"
                " from tenant c, tenant h where c.code = :code and h.code = :heir"
            )
            connection.execute(text(takes), {"heir": heir, "on": TODAY, "code": county})


def hire(login: str, *posts: tuple[str, str]) -> uuid.UUID:
    """An account with posts, as the platform gives them: (tenant, role)."""
    with reference_work() as session:
        account = Account(login=login, display_name=f"员工{login}")
        session.add(account)
        session.flush()
        for tenant, role in posts:
            give_post(session, account.id, tenant, role, valid_from=SINCE)
        return account.id


def admin(tenant: str = COUNTY) -> uuid.UUID:
    """The tenant's administrator."""
    return hire(f"admin-{tenant}", (tenant, "tenant_admin"))


def security(tenant: str = PROVINCE) -> uuid.UUID:
    """The security administrator."""
    return hire(f"security-{tenant}", (tenant, "security_administrator"))


@contextmanager
def at_desk(account: uuid.UUID, tenant: str = COUNTY) -> Iterator[ScopedSession]:
    """One transaction of an account in a tenant, with the rights that its posts give today."""
    with entered(scope_for(account, tenant)), unit_of_work() as session:
        yield session


def trail_of(tenant: str, action: str) -> list[dict[str, object]]:
    """What the tenant's trail says of one kind of act, oldest first."""
    with entered(bare_scope(tenant)), unit_of_work() as session:
        rows = session.scalars(select(TrailEntry.content).where(TrailEntry.action == action).order_by(TrailEntry.seq))
        return [json.loads(row) for row in rows]


def posts_of(account: uuid.UUID) -> list[Post]:
    """All posts of an account, in the order in which they were given."""
    with reference_work() as session:
        return list(session.scalars(select(Post).where(Post.account_id == account).order_by(Post.id)))


def allow(tenant: str, codes: list[str], since: date = SINCE) -> None:
    """Have a level say which roles counties may give themselves."""
    with entered(bare_scope(tenant)), unit_of_work() as session:
        set_parameter(session, COUNTY_GRANTS, since, codes, "省总工会规定", "domain 1.2")


def let_in(by: uuid.UUID, login: str, role: str, tenant: str = COUNTY) -> tuple[uuid.UUID, str]:
    """A new account, let in by somebody; its id and first password."""
    with at_desk(by, tenant) as session:
        new = invite(session, login, "新人", role, reason=WHY, valid_from=TODAY)
        assert new.first_password is not None
        return new.account.id, new.first_password
