"""Registers the lines of ``tests.tenants.steered`` in a worker (``celery worker --include tests.tenants.plugged``)."""

from __future__ import annotations

from core.host.manager import host
from tests.tenants.steered import LINES

for name, plugin in LINES.items():
    host().register(plugin, name)
