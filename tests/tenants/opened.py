"""What the tests of a tenant's life share: a third county that nobody has opened, keepers, and a county that is ready."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from dataclasses import replace

from sqlalchemy import select, text

from core.db.session import reference_work, unit_of_work
from core.funds.opening import decide_opening, tell_opening
from core.host.declarations import ParameterDecl
from core.host.manager import host
from core.identity.models import Account, Post
from core.identity.service import give_post
from core.parameters.service import NewParameter, set_parameters
from core.scope import Scope, entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from tenants.checklist import checklists
from tenants.configuring import change_settings
from tenants.opening import add, prepare_all
from tenants.plugin import KEEP
from tests.conftest import PREFECTURE, PROVINCE, TODAY, Database, scope_of

NEW = "510105"
"""青羊区: in the tests' first prefecture, and in no test's tree."""
WHY = "川工发〔2025〕12号"
NEEDED = ("tenant_admin", "caseworker", "case_approver", "fund_manager", "payment_approver", "payer")


def keeper(tenant: str = PROVINCE, actor: str = "keeper") -> AbstractContextManager[Scope]:
    """Whoever steers the tenants below."""
    return entered(scope_of(tenant, actor=actor, permissions=frozenset({KEEP})))


def opened(code: str = NEW, profile: str = "relief", tenant: str = PROVINCE) -> None:
    """A county in preparation, equipped."""
    with keeper(tenant):
        with unit_of_work() as session:
            changes = add(session, [code], WHY, profile=profile)
        prepare_all([change.tenant_code for change in changes])


def staffed(code: str = NEW) -> dict[str, uuid.UUID]:
    """People in all posts that a county needs."""
    people = {}
    with reference_work() as session:
        for role in NEEDED:
            account = Account(login=f"{code}-{role}", display_name="某人")
            session.add(account)
            session.flush()
            give_post(session, account.id, code, role, valid_from=TODAY)
            people[role] = account.id
    return people


def figures(tenant: str = PREFECTURE) -> None:
    """Values of the prefecture for whatever figure of relief has none in the nation."""
    with entered(system_scope(tenant, "test", on=TODAY)), unit_of_work() as session:
        missing = [declared for declared in _of_relief() if not declared.defaults and declared.unit not in ("codes",)]
        values = {"flag": True}
        set_parameters(
            session,
            [
                NewParameter(one.name, TODAY, values.get(one.unit, max(one.least, 1)), "成工发〔2025〕3号", one.clause)
                for one in missing
            ],
        )


def _of_relief() -> list[ParameterDecl]:
    return [one for plugin, all_of in host().installed("bangfu_parameters") if plugin == "living_relief" for one in all_of]


def at(code: str, actor: str, *permissions: str) -> AbstractContextManager[Scope]:
    """Somebody in the county, by its standing of this moment."""
    return entered(
        replace(system_scope(code, "test", on=TODAY), actor=actor, actor_name="某人", permissions=frozenset(permissions))
    )


def stated(code: str = NEW) -> None:
    """The county says how its centre is called and reached, and who leads it."""
    leaders = [{"order": 1, "name": "周某", "office": "主席", "duty": "全面"}]
    values = {"centre_name": "青羊区困难职工援助中心", "phone": "028-8412 3456", "leaders": leaders}
    with entered(system_scope(code, "test", on=TODAY)), unit_of_work() as session:
        change_settings(session, "core", values=values, reason=WHY)


def no_balances(code: str = NEW) -> None:
    """The county states, by two people, that it brings no money along."""
    with at(code, "teller", "funds.receive"), unit_of_work() as session:
        told = tell_opening(
            session, year=TODAY.year, source="", purpose="", amount_fen=0, document="无余额说明", reason="新设单位"
        )
    with at(code, "second", "funds.approve_payment"), unit_of_work() as session:
        decide_opening(session, told.id, confirmed=True)


def ready(code: str = NEW) -> dict[str, uuid.UUID]:
    """A county in preparation with nothing left to do; its people."""
    opened(code)
    people = staffed(code)
    figures()
    stated(code)
    no_balances(code)
    return people


def open_points(code: str = NEW) -> list[str]:
    """What the checklist still asks for."""
    with keeper(), unit_of_work() as session:
        return [point.code for point in checklists(session, [code])[code] if not point.done]


def state_of(code: str = NEW) -> str:
    """The state as the row has it."""
    with reference_work() as session:
        return session.scalars(select(Tenant.state).where(Tenant.code == code)).one()


def posts_held(code: str = NEW) -> set[str]:
    """The roles that somebody holds there today."""
    with reference_work() as session:
        goes_on = (Post.valid_to.is_(None)) | (Post.valid_to > TODAY)
        return set(session.scalars(select(Post.role).where(Post.tenant_code == code, goes_on)))


def plant_division(db: Database, code: str, name: str) -> None:
    """A county of the tests' first prefecture under a code of its own, planned."""
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into tenant (code, name, union_name, level, province, prefecture, parent, state)"
                " values (:c, :n, :n || '总工会', 'county', :p, :f, :f, 'planned')"
            ),
            {"c": code, "n": name, "p": PROVINCE, "f": PREFECTURE},
        )
        connection.execute(
            text(
                "insert into tenant_division (tenant_code, division_code, valid_from, name, union_name, province, prefecture)"
                " values (:c, :c, '2015-01-01', :n, :n || '总工会', :p, :f)"
            ),
            {"c": code, "n": name, "p": PROVINCE, "f": PREFECTURE},
        )
