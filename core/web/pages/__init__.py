"""The core's own pages. Modules with pages of a tenant stand in ``ROUTERS`` and state addresses below ``/{tenant}``."""

from __future__ import annotations

from fastapi import APIRouter

from core.web.pages import desks, login

ROUTERS: tuple[APIRouter, ...] = ()
"""Pages of a tenant, for its posts."""

PUBLIC_ROUTERS: tuple[APIRouter, ...] = ()
"""Pages below ``/public/{tenant}`` that anybody may read."""

SESSION_ROUTERS: tuple[APIRouter, ...] = (desks.router,)
"""Pages of no tenant, for whoever is signed in."""

__all__ = ["PUBLIC_ROUTERS", "ROUTERS", "SESSION_ROUTERS", "desks", "login"]
