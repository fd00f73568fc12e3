"""The first version of the line's tables, as ``python -m core.db.freeze bangfu_kit_sample.models kit_sample`` writes them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from core.db.freeze import split_ddl

revision = "k001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in split_ddl(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table kit_sample.visit")
