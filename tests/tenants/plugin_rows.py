"""A plugin switched on or off as the administrator's act would leave it."""

from __future__ import annotations

from sqlalchemy import text

from tests.conftest import Database


def switch(db: Database, tenant: str, plugin: str, *, enabled: bool = True) -> None:
    """Write the tenant's word on a plugin."""
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into tenant_plugin (tenant, plugin, enabled, version) values (:tenant, :plugin, :on, 1)"
                " on conflict (tenant, plugin) do update set enabled = excluded.enabled"
            ),
            {"tenant": tenant, "plugin": plugin, "on": enabled},
        )
