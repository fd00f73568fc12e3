"""Tests of this folder share one running Keycloak; all of them need it, but for those that say otherwise."""

from __future__ import annotations

from tests.keycloak.running import keycloak

__all__ = ["keycloak"]
