"""Second version: parcels have a weight in grams."""

from __future__ import annotations

from alembic import op

revision = "d002"
down_revision = "d001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table dummy_plugin.parcel add column grams integer")


def downgrade() -> None:
    op.execute("alter table dummy_plugin.parcel drop column grams")
