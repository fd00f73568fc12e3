"""First schema: all tables of the core with policies and grants, frozen in the file beside this one."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from core.db.freeze import split_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    frozen = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in split_ddl(frozen):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    raise RuntimeError("the first schema is not undone: drop the database instead")
