"""The core's own pages. Modules with pages of a tenant stand in ``ROUTERS`` and state addresses below ``/{tenant}``."""

from __future__ import annotations

from fastapi import APIRouter

from core.web.pages import (
    access_review,
    account,
    audit,
    case_mass,
    case_opening,
    cases,
    delegations,
    desks,
    duplicates,
    employers,
    file_life,
    file_papers,
    file_printing,
    files,
    funds,
    handlers,
    home,
    household_changes,
    household_facts,
    household_new,
    household_persons,
    households,
    identity_queries,
    imports,
    jobs,
    log,
    login,
    matters,
    notices,
    oidc,
    opening_balances,
    payments,
    person_rights,
    plugin_faults,
    programs,
    public,
    role_permissions,
    second_factor,
    staff,
    system,
    transfers,
    views_log,
)

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    files.router,
    # Before the households: ``/households/new`` is no household's address.
    household_new.router,
    household_changes.router,
    household_facts.router,
    household_persons.router,
    employers.router,
    duplicates.router,
    identity_queries.router,
    households.router,
    imports.router,
    file_papers.router,
    file_printing.router,
    file_life.router,
    # Before the cases: ``/cases/new``, ``/cases/mass`` and ``/cases/handlers`` are no case's addresses.
    case_opening.router,
    case_mass.router,
    handlers.router,
    cases.router,
    notices.router,
    funds.router,
    payments.router,
    opening_balances.router,
    jobs.router,
    audit.router,
    matters.router,
    transfers.router,
    views_log.router,
    person_rights.router,
    delegations.router,
    # Before the staff: these are no person's addresses.
    access_review.router,
    role_permissions.router,
    staff.router,
    programs.router,
    log.router,
    system.router,
    plugin_faults.router,
)
"""Pages of a tenant, for its posts."""

OPEN_ROUTERS: tuple[APIRouter, ...] = (login.router, oidc.router)
"""Pages for whoever is about to sign in."""

PUBLIC_ROUTERS: tuple[APIRouter, ...] = (public.router,)
"""Pages below ``/public/{tenant}`` that anybody may read."""

SESSION_ROUTERS: tuple[APIRouter, ...] = (desks.router, account.router, second_factor.router, oidc.session_router)
"""Pages of no tenant, for whoever is signed in."""

__all__ = ["OPEN_ROUTERS", "PUBLIC_ROUTERS", "ROUTERS", "SESSION_ROUTERS", "desks", "login"]
