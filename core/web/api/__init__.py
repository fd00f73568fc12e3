"""The JSON interface under ``/api/v1/{tenant}/``: one resource a module, each a thin door to one service (接口)."""

from __future__ import annotations

from fastapi import APIRouter

from core.web.api import (
    access,
    case_mass,
    cases,
    duplicates,
    employers,
    file_life,
    file_papers,
    funds,
    handlers,
    household_changes,
    households,
    imports,
    jobs,
    opening_balances,
    rights,
    session,
    staff,
)

ROUTERS: tuple[APIRouter, ...] = (
    households.router,
    imports.router,
    duplicates.router,
    household_changes.router,
    employers.router,
    file_life.router,
    file_papers.router,
    # before the cases: these are no case's addresses
    case_mass.router,
    cases.router,
    handlers.router,
    funds.router,
    opening_balances.router,
    jobs.router,
    rights.router,
    staff.router,
    access.router,
)
"""Resources of a tenant, for its posts."""

__all__ = [
    "ROUTERS",
    "access",
    "case_mass",
    "cases",
    "duplicates",
    "employers",
    "file_life",
    "file_papers",
    "funds",
    "handlers",
    "household_changes",
    "households",
    "imports",
    "jobs",
    "opening_balances",
    "rights",
    "session",
    "staff",
]
