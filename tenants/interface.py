"""All resources of the tenants part under ``/api/v1/{tenant}/``."""

from __future__ import annotations

from fastapi import APIRouter

from tenants import api, keeping_api, merging_api, parameter_api

router = APIRouter()
router.include_router(api.router)
router.include_router(keeping_api.router)
router.include_router(parameter_api.router)
router.include_router(merging_api.router)
