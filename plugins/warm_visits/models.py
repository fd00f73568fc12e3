"""What the line keeps beside cases and money: seasons, goods, routes with their stops, visits and signed lists."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str, Texts
from plugins.warm_visits.names import NAME


class Season(TenantRow):
    """The visits around New Year and the Spring Festival of ``year`` (元旦春节送温暖)."""

    __tablename__ = "season"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("closed_on",))
    __table_args__ = (
        UniqueConstraint("tenant", "year"),
        CheckConstraint("ends_on > starts_on", name="days"),
        {"schema": NAME},
    )

    year: Mapped[int]
    starts_on: Mapped[Day]
    ends_on: Mapped[Day]
    opened_by: Mapped[Str]
    closed_on: Mapped[date | None]
    at: Mapped[Instant]


class Goods(TenantRow):
    """A kind of goods that is handed over, counted in ``unit`` (慰问品)."""

    __tablename__ = "goods"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("stocked",))
    __table_args__ = (
        UniqueConstraint("tenant", "season_id", "name"),
        CheckConstraint("stocked >= 0", name="stocked"),
        CheckConstraint("per_visit > 0", name="per_visit"),
        tenant_fk("season_id", f"{NAME}.season"),
        {"schema": NAME},
    )

    season_id: Mapped[Ref]
    name: Mapped[Str]
    unit: Mapped[Str]
    stocked: Mapped[int]
    """How many came in for the season, whether handed over since or not."""
    per_visit: Mapped[int]
    """How many a household is usually given."""


class Route(TenantRow):
    """One day's way of one group: its stops in order (慰问路线)."""

    __tablename__ = "route"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("visit_on", "visitors"))
    __table_args__ = (
        UniqueConstraint("tenant", "season_id", "number"),
        tenant_fk("season_id", f"{NAME}.season"),
        {"schema": NAME},
    )

    season_id: Mapped[Ref]
    number: Mapped[int]
    title: Mapped[Str]
    visit_on: Mapped[Day]
    visitors: Mapped[Texts]
    """Names of the group that is to go (慰问人员)."""
    made_by: Mapped[Str]
    at: Mapped[Instant]


class Stop(TenantRow):
    """A household that is to be visited in a season, and its case; later its place on a route (慰问对象)."""

    __tablename__ = "stop"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("route_id", "place"))
    __table_args__ = (
        UniqueConstraint("tenant", "case_id"),
        UniqueConstraint("tenant", "season_id", "household_id"),
        CheckConstraint("(route_id is null) = (place is null)", name="a_place_on_a_route"),
        Index("ix_warm_visits_stop_route_id", "tenant", "route_id"),
        tenant_fk("season_id", f"{NAME}.season"),
        tenant_fk("route_id", f"{NAME}.route"),
        tenant_fk("household_id", "household"),
        tenant_fk("case_id", "case_record"),
        {"schema": NAME},
    )

    season_id: Mapped[Ref]
    household_id: Mapped[Ref]
    case_id: Mapped[Ref]
    kind: Mapped[Str]
    route_id: Mapped[uuid.UUID | None]
    place: Mapped[int | None]


class Visit(TenantRow):
    """That a group went to a household: it was visited, or could not be and why (走访记录)."""

    __tablename__ = "visit"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, personal=("received_by", "note"))
    __table_args__ = (
        CheckConstraint("outcome in ('visited', 'missed')", name="outcome"),
        CheckConstraint("(outcome = 'visited') = (received_by is not null)", name="received_by_somebody"),
        Index("ix_warm_visits_visit_stop_id", "tenant", "stop_id"),
        tenant_fk("stop_id", f"{NAME}.stop"),
        tenant_fk("route_id", f"{NAME}.route"),
        {"schema": NAME},
    )

    stop_id: Mapped[Ref]
    route_id: Mapped[Ref]
    outcome: Mapped[Str]
    made_on: Mapped[Day]
    visitors: Mapped[Texts]
    received_by: Mapped[str | None]
    note: Mapped[Str]
    """What was seen or is needed; of a household that was not met, why."""
    actor: Mapped[Str]
    at: Mapped[Instant]


class Handed(TenantRow):
    """What of the goods a visit handed over (发放物品)."""

    __tablename__ = "handed"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "visit_id", "goods_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_warm_visits_handed_goods_id", "tenant", "goods_id"),
        tenant_fk("visit_id", f"{NAME}.visit"),
        tenant_fk("goods_id", f"{NAME}.goods"),
        {"schema": NAME},
    )

    visit_id: Mapped[Ref]
    goods_id: Mapped[Ref]
    quantity: Mapped[int] = mapped_column()


class SignedList(TenantRow):
    """The scan of a route's list that the households signed, kept among the core's documents (签收表)."""

    __tablename__ = "signed_list"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "document_id"),
        Index("ix_warm_visits_signed_list_route_id", "tenant", "route_id"),
        tenant_fk("route_id", f"{NAME}.route"),
        tenant_fk("document_id", "document"),
        {"schema": NAME},
    )

    route_id: Mapped[Ref]
    document_id: Mapped[Ref]
    actor: Mapped[Str]
    at: Mapped[Instant]
