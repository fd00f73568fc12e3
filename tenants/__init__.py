"""The tree of tenants, onboarding, plugins per tenant, and the views of the levels above (domain 1.3).

Registered with the host as the always-on plugin ``tenants``.
"""

from __future__ import annotations

from tenants.plugin import plugin

__all__ = ["plugin"]
