"""The line's first tables, as ``python -m core.db.freeze plugins.mutual_aid.models mutual_aid`` writes them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from core.db.freeze import split_ddl

revision = "ma001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in split_ddl(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        op.execute(statement)


def downgrade() -> None:
    for table in ("claim", "member", "batch"):
        op.execute(f"drop table mutual_aid.{table}")
