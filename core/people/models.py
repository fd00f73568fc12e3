"""People, households, the worker's file, and the facts that rules read (domain 3, 10, 11).

Facts are bitemporal: ``valid_from`` is the day from which the fact holds, ``recorded_at`` the instant from which it was
known. A fact ends where the next one begins; of several with one ``valid_from`` the one recorded last counts.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import CHAR, CheckConstraint, DateTime, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Handled, TenantRow, TenantTable, tenant_fk
from core.db.rules import Policy, TableRule, Token
from core.db.types import Day, Fen, Instant, Json, JsonList, Ref, Str, Texts


class Person(TenantRow):
    """A person known to one tenant (人员). Identity number, phone and account are ciphertexts under the person's own key,
    beside a masked form and a keyed token for equality."""

    __tablename__ = "person"
    __rule__: ClassVar[TableRule] = TenantTable(
        tokens=(Token("identity_token", "identity", "identity_cipher"), Token("phone_token", "phone", "phone_cipher"))
    )
    __table_args__ = (
        UniqueConstraint("tenant", "identity_token"),
        Index("ix_person_phone_token", "tenant", "phone_token"),
        CheckConstraint("gender in ('0', '1', '2', '9')", name="gender"),
    )

    name: Mapped[Str]
    pinyin: Mapped[Str]
    gender: Mapped[Str]
    """Code of GB/T 2261.1: 1 male, 2 female."""
    birth_date: Mapped[date | None]
    ethnic_group: Mapped[str | None]
    political_status: Mapped[str | None]
    marital_status: Mapped[str | None]
    registration_kind: Mapped[str | None]
    registration_division: Mapped[str | None] = mapped_column(CHAR(6))
    wrapped_key: Mapped[bytes | None]
    """The person's data key under the tenant's key; absent after erasure."""
    identity_cipher: Mapped[bytes | None]
    identity_masked: Mapped[str | None]
    identity_token: Mapped[bytes | None]
    phone_cipher: Mapped[bytes | None]
    phone_masked: Mapped[str | None]
    phone_token: Mapped[bytes | None]
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[Instant]


class Household(TenantRow):
    """People living together on shared means; one household, one file (家庭, domain 10)."""

    __tablename__ = "household"

    address: Mapped[Str]
    """Down to the community or village; the house number is in ``house_number_cipher``."""
    house_number_cipher: Mapped[bytes | None]
    postcode: Mapped[str | None]
    housing_kind: Mapped[str | None]
    floor_area_dm2: Mapped[int | None]
    """Floor area (建筑面积) in square decimetres, hundredths of a square metre."""
    recorded_at: Mapped[Instant]


class Membership(TenantRow):
    """That a person belongs, or no longer belongs, to a household from a day on (家庭成员)."""

    __tablename__ = "membership"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "household_id", "person_id", "valid_from", "recorded_at"),
        Index("ix_membership_person", "tenant", "person_id"),
        tenant_fk("household_id", "household"),
        tenant_fk("person_id", "person"),
    )

    household_id: Mapped[Ref]
    person_id: Mapped[Ref]
    relation: Mapped[Str]
    """Code of the list relationship_form; head is the worker or head of household."""
    present: Mapped[bool] = mapped_column(default=True)
    """False ends the membership from ``valid_from`` on."""
    valid_from: Mapped[Day]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


class WorkerFile(TenantRow):
    """The file of one worker's household (困难职工档案, domain 11)."""

    __tablename__ = "worker_file"
    __rule__: ClassVar[TableRule] = TenantTable(tokens=(Token("account_token", "account", "account_cipher", "worker_id"),))
    __table_args__ = (
        UniqueConstraint("tenant", "household_id"),
        UniqueConstraint("tenant", "file_number"),
        Index("ix_worker_file_worker", "tenant", "worker_id"),
        Index("ix_worker_file_account", "tenant", "account_token"),
        Index("ix_worker_file_list", "tenant", "status", "kind", "id"),
        CheckConstraint("status in ('draft', 'on_file', 'out_of_difficulty', 'cancelled', 'moved')", name="status"),
        CheckConstraint("kind is null or kind in ('deep', 'relative', 'accident')", name="kind"),
        CheckConstraint("cardinality(secondary_causes) <= 3", name="secondary_causes"),
        tenant_fk("household_id", "household"),
        tenant_fk("worker_id", "person"),
    )

    household_id: Mapped[Ref]
    worker_id: Mapped[Ref]
    file_number: Mapped[Str]
    status: Mapped[Str]
    kind: Mapped[str | None]
    """Kind of difficulty that the last determination found (困难类别)."""
    categories: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Categories of domain 3, codes of the list worker_category."""
    opened_on: Mapped[Day]
    updated_on: Mapped[Day]
    """Day of the last change of substance; a file unchanged for a year is stale."""
    employer_name: Mapped[str | None]
    employer_nature: Mapped[str | None]
    employer_condition: Mapped[str | None]
    industry: Mapped[str | None]
    work_started_on: Mapped[date | None]
    model_worker_rank: Mapped[str | None]
    single_parent: Mapped[bool | None]
    self_help_ability: Mapped[bool | None]
    zero_employment: Mapped[bool | None]
    main_cause: Mapped[str | None]
    secondary_causes: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    applied_programmes: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Programmes that the household asked for in the survey."""
    bank_name: Mapped[str | None]
    bank_branch: Mapped[str | None]
    account_cipher: Mapped[bytes | None]
    account_masked: Mapped[str | None]
    account_token: Mapped[bytes | None]
    other_contact: Mapped[str | None]
    attachments_note: Mapped[str | None]
    remark: Mapped[str | None]
    file_opener: Mapped[str | None]
    reviewer: Mapped[str | None]
    data_entry_clerk: Mapped[str | None]
    opinions: Mapped[JsonList] = mapped_column(JSONB, default=list)
    """The three opinions: ``{"union": unit|county|upper, "text": …, "on": date}``."""
    import_id: Mapped[uuid.UUID | None]
    import_key: Mapped[str | None]
    """Number of the household in the imported workbook."""
    version: Mapped[int] = mapped_column(default=1)
    recorded_at: Mapped[Instant]


class PersonFact(TenantRow):
    """What rules read of one person from a day on: income, status, insurance, health (bitemporal)."""

    __tablename__ = "person_fact"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "person_id", "valid_from", "recorded_at"),
        tenant_fk("person_id", "person"),
    )

    person_id: Mapped[Ref]
    valid_from: Mapped[Day]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    monthly_income_fen: Mapped[Fen]
    residents_pension_fen: Mapped[Fen] = mapped_column(default=0)
    """Monthly basic pension of residents, a part of the monthly income (其中居民养老金)."""
    identity_status: Mapped[str | None]
    """Standing: a work status or a stage of schooling (list identity_status or employment_status)."""
    able_to_work: Mapped[bool | None]
    aided_elsewhere: Mapped[bool | None]
    """Whether the student already receives other schooling aid (domain 10)."""
    medical_insurance: Mapped[str | None]
    health_status: Mapped[str | None]
    disability_kind: Mapped[str | None]
    unit_or_school: Mapped[str | None]
    source: Mapped[Str]
    """Where the figures come from: ``import:<id>``, ``survey:<year>``, ``correction``."""


class HouseholdFact(TenantRow):
    """What rules read of one household from a day on: other income, rigid costs, property, loss (bitemporal)."""

    __tablename__ = "household_fact"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "household_id", "valid_from", "recorded_at"),
        tenant_fk("household_id", "household"),
    )

    household_id: Mapped[Ref]
    valid_from: Mapped[Day]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    other_yearly_income_fen: Mapped[Fen] = mapped_column(default=0)
    cost_illness_fen: Mapped[Fen] = mapped_column(default=0)
    cost_disability_fen: Mapped[Fen] = mapped_column(default=0)
    cost_schooling_fen: Mapped[Fen] = mapped_column(default=0)
    cost_housing_fen: Mapped[Fen] = mapped_column(default=0)
    cost_long_term_care_fen: Mapped[Fen] = mapped_column(default=0)
    cost_work_cost_fen: Mapped[Fen] = mapped_column(default=0)
    cost_other_fen: Mapped[Fen] = mapped_column(default=0)
    """Yearly rigid costs by kind (list rigid_expense_kind)."""
    property_flags: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Possessions of the list property_exclusion."""
    loss_fen: Mapped[Fen] = mapped_column(default=0)
    compensation_fen: Mapped[Fen] = mapped_column(default=0)
    source: Mapped[Str]


class SearchToken(Handled, TenantRow):
    """A token by which the search box finds a person or a case: name, pinyin, initials, last four (equality and prefix)."""

    __tablename__ = "search_token"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, opened_by="subject_id", deletable=True)
    __table_args__ = (
        Index("ix_search_token_token", "tenant", "token", postgresql_ops={"token": "text_pattern_ops"}),
        Index("ix_search_token_subject", "tenant", "subject_id"),
    )

    token: Mapped[Str]
    subject_kind: Mapped[Str]
    subject_id: Mapped[Ref]


class RosterImport(TenantRow):
    """One imported spreadsheet: its digest, what was understood, what was refused (导入批次)."""

    __tablename__ = "roster_import"
    __table_args__ = (UniqueConstraint("tenant", "digest"),)

    digest: Mapped[Str]
    file_name: Mapped[Str]
    business_date: Mapped[Day]
    actor: Mapped[Str]
    households: Mapped[int]
    persons: Mapped[int]
    held_back: Mapped[int] = mapped_column(default=0)
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    counts: Mapped[Json] = mapped_column(JSONB, default=dict)
    at: Mapped[Instant]
