"""The JSON interface under ``/api/v1/{tenant}/``: one resource a module, each a thin door to one service (接口)."""

from __future__ import annotations

from fastapi import APIRouter

from core.web.api import access, case_mass, cases, funds, handlers, households, jobs, opening_balances, session, staff

ROUTERS: tuple[APIRouter, ...] = (
    households.router,
    # before the cases: these are no case's addresses
    case_mass.router,
    cases.router,
    handlers.router,
    funds.router,
    opening_balances.router,
    jobs.router,
    staff.router,
    access.router,
)
"""Resources of a tenant, for its posts."""

__all__ = [
    "ROUTERS",
    "access",
    "case_mass",
    "cases",
    "funds",
    "handlers",
    "households",
    "jobs",
    "opening_balances",
    "session",
    "staff",
]
