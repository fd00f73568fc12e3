"""The line's first tables, as ``python -m core.db.freeze plugins.warm_visits.models warm_visits`` writes them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from core.db.freeze import split_ddl

revision = "wv001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in split_ddl(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        op.execute(statement)


def downgrade() -> None:
    for table in ("signed_list", "handed", "visit", "stop", "route", "goods", "season"):
        op.execute(f"drop table warm_visits.{table}")
