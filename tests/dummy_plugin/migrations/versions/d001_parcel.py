"""First version: a table of parcels, under row-level security like every tenant's table."""

from __future__ import annotations

from alembic import op

revision = "d001"
down_revision = None
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')::char(6)"


def upgrade() -> None:
    for statement in (
        "create table dummy_plugin.parcel (tenant char(6) not null, id uuid not null, what text not null,"
        " constraint pk_parcel primary key (tenant, id))",
        "alter table dummy_plugin.parcel enable row level security",
        "alter table dummy_plugin.parcel force row level security",
        f"create policy seen on dummy_plugin.parcel for select using ({_OWN})",
        f"create policy written on dummy_plugin.parcel for insert with check ({_OWN})",
        "grant select, insert on dummy_plugin.parcel to bangfu_app",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table dummy_plugin.parcel")
