"""Alembic's environment: runs on the connection that ``core.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    version_table="alembic_version",
    version_table_schema=context.config.attributes["schema"],
    include_schemas=context.config.attributes["schema"] is not None,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
