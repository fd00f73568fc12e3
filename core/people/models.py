"""People, households, the worker's file, and the facts that rules read (domain 3, 10, 11).

Facts are bitemporal: ``valid_from`` is the day from which the fact holds, ``recorded_at`` the instant from which it was
known. A fact ends where the next one begins; of several with one ``valid_from`` the one recorded last counts.

A monthly income is never typed: ``PersonFact.monthly_income_fen`` is a column that the database makes of the lines named in
``INCOME_LINES``, and it refuses a writer that gives it.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import CHAR, CheckConstraint, Computed, DateTime, FetchedValue, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, Tenanted, TenantRow, TenantTable, tenant_fk
from core.db.rules import Kept, Policy, TableRule, Token
from core.db.types import Day, Fen, Instant, JsonList, Ref, Str, Texts
from core.people.life.steps import STATES
from core.scope import current_scope

INCOME_LINES: Final = (
    "income_wage_fen",
    "income_business_fen",
    "income_property_fen",
    "income_pension_fen",
    "residents_pension_fen",
    "income_transfer_fen",
    "income_union_grant_fen",
    "income_other_fen",
    "income_unsorted_fen",
)
"""Lines of a person's monthly income (收入明细, domain 10). Each amount stands in one of them; their sum is the income."""
CIRCUMSTANCES: Final = (
    "identity_status",
    "employment_status",
    "employment_since",
    "education",
    "able_to_work",
    "aided_elsewhere",
    "medical_insurance",
    "health_status",
    "disability_kind",
    "disability_grade",
    "unit_or_school",
)
"""What else is recorded of a person from a day on: columns of ``PersonFact`` that a correction of the income carries over."""


_PINYIN_OF_WORKER: Final = (
    "select p.pinyin into new.pinyin from public.person p where p.tenant = new.tenant and p.id = new.worker_id"
)


def actor_of_scope() -> str:
    """Who writes: the default of columns that say so."""
    return current_scope().actor


FOUND_BY: Final = ("spelling", "sounds", "initials", "given_name", "last_four", "phone_last_four")
"""Columns by which the search box finds a person; what each is, ``core.people.search.words`` says."""


class Person(TenantRow):
    """A person known to one tenant (人员). Identity number, phone and account are ciphertexts under the person's own key,
    beside a masked form and a keyed token for equality."""

    __tablename__ = "person"
    __rule__: ClassVar[TableRule] = TenantTable(
        tokens=(Token("identity_token", "identity", "identity_cipher"), Token("phone_token", "phone", "phone_cipher")),
        personal=(
            *("name", "pinyin", "birth_date", "died_on", "ethnic_group", "political_status", "marital_status"),
            *("registration_kind", "registration_division", "wrapped_key"),
            *("identity_cipher", "identity_masked", "identity_token", "phone_cipher", "phone_masked", "phone_token"),
            *FOUND_BY,
        ),
        triggers=(
            Kept(
                "after update of pinyin",
                "when (new.pinyin <> old.pinyin)",
                "update public.worker_file set pinyin = new.pinyin where tenant = new.tenant and worker_id = new.id",
            ),
        ),
    )
    __table_args__ = (
        UniqueConstraint("tenant", "identity_token"),
        # Half of the people on file have no telephone of their own.
        *(
            Index(f"ix_person_{name}", "tenant", name, postgresql_where=text(f"{name} is not null"))
            for name in ("phone_token", "phone_last_four")
        ),
        Index("ix_person_pinyin", "tenant", "pinyin", "id"),
        # The spelling lies in the index of the sounds, so that a beginning of the one is told without looking at rows.
        Index("ix_person_sounds", "tenant", "sounds", "spelling"),
        *(Index(f"ix_person_{name}", "tenant", name) for name in ("initials", "given_name", "last_four")),
        CheckConstraint("gender in ('0', '1', '2', '9')", name="gender"),
        # whoever knew the person before the erasure, an import under way, cannot write him anew
        CheckConstraint(
            "erased_at is null or num_nonnulls(wrapped_key, identity_cipher, identity_token, phone_cipher, phone_token,"
            f" birth_date, {', '.join(FOUND_BY)}) = 0",
            name="erased",
        ),
    )

    name: Mapped[Str]
    pinyin: Mapped[str] = mapped_column(Text(collation="C"))
    """Sort key of the name (core/text/pinyin.py), compared bytewise."""
    gender: Mapped[Str]
    """Code of GB/T 2261.1: 1 male, 2 female."""
    birth_date: Mapped[date | None]
    died_on: Mapped[date | None]
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
    # What the search box compares with = and ranges alone, bytewise: that keeps an index under row-level security.
    spelling: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)
    sounds: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)
    initials: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)
    given_name: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)
    last_four: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)
    phone_last_four: Mapped[str | None] = mapped_column(Text(collation="C"), deferred=True)


class Household(TenantRow):
    """People living together on shared means; one household, one file (家庭, domain 10)."""

    __tablename__ = "household"
    __rule__: ClassVar[TableRule] = TenantTable(personal=("address", "house_number_cipher", "postcode"))

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
    reason: Mapped[str | None]
    """Why it began or ended, a code of the list membership_reason: birth, marriage, death …"""
    valid_from: Mapped[Day]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


class WorkerFile(TenantRow):
    """The file of one worker's household (困难职工档案, domain 11)."""

    __tablename__ = "worker_file"
    __rule__: ClassVar[TableRule] = TenantTable(
        tokens=(Token("account_token", "account", "account_cipher", "worker_id"),),
        personal=(
            *("employer_name", "bank_name", "bank_branch", "account_cipher", "account_masked", "account_token"),
            *("other_contact", "attachments_note", "remark", "opinions", "import_key", "township"),
        ),
        triggers=(
            # the importer, which writes very many, says it by itself
            Kept("before insert", "when (new.pinyin is null)", _PINYIN_OF_WORKER),
            Kept("before update of worker_id, pinyin", "", _PINYIN_OF_WORKER),
        ),
    )
    __table_args__ = (
        UniqueConstraint("tenant", "household_id"),
        UniqueConstraint("tenant", "file_number"),
        Index("ix_worker_file_worker", "tenant", "worker_id"),
        Index("ix_worker_file_account", "tenant", "account_token"),
        # one for each filter of the list, in the list's order
        Index("ix_worker_file_pinyin", "tenant", "pinyin", "id", postgresql_include=["household_id", "categories"]),
        Index("ix_worker_file_status", "tenant", "status", "pinyin", "id", postgresql_include=["updated_on"]),
        Index("ix_worker_file_kind", "tenant", "kind", "pinyin", "id"),
        Index(
            "ix_worker_file_reassess",
            *("tenant", "pinyin", "id"),
            postgresql_where=text("former_kind is not null and kind is null"),
        ),
        Index("ix_worker_file_township", "tenant", "township", "pinyin", "id"),
        # Most files name an employer in words alone.
        Index(
            "ix_worker_file_employer",
            *("tenant", "employer_id", "pinyin", "id"),
            postgresql_where=text("employer_id is not null"),
        ),
        Index("ix_worker_file_updated", "tenant", "status", "updated_on"),
        Index("ix_worker_file_counts", "tenant", "status", "kind"),
        CheckConstraint(f"status in ({', '.join(repr(state.code) for state in STATES)})", name="status"),
        CheckConstraint("kind is null or kind in ('deep', 'relative', 'accident')", name="kind"),
        CheckConstraint(
            "former_kind is null or former_kind in ('low_income', 'low_income_edge', 'accident', 'above_line', 'receiving',"
            " 'not_receiving')",
            name="former_kind",
        ),
        CheckConstraint("cardinality(secondary_causes) <= 3", name="secondary_causes"),
        tenant_fk("household_id", "household"),
        tenant_fk("worker_id", "person"),
        tenant_fk("employer_id", "employer"),
    )

    household_id: Mapped[Ref]
    worker_id: Mapped[Ref]
    pinyin: Mapped[str] = mapped_column(Text(collation="C"), FetchedValue())
    """The worker's sort key, kept by the database: the list pages in its order by an index of its own."""
    file_number: Mapped[Str]
    township: Mapped[str | None]
    """The township, town or sub-district (乡镇、街道) that the household lives in, as core/people/townships.py writes it."""
    status: Mapped[Str]
    """State of the file's life (core/people/life/steps.py)."""
    kind: Mapped[str | None]
    """Kind of difficulty that the last determination found (困难类别)."""
    former_kind: Mapped[str | None]
    """Kind of an older scheme as the office's spreadsheet states it (list difficulty_category_former or
    difficulty_category_oldest): kept, never mapped; with no ``kind`` beside it the file waits to be reassessed."""
    categories: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Categories of domain 3, codes of the list worker_category."""
    opened_on: Mapped[Day]
    updated_on: Mapped[Day]
    """Day of the last change of substance; a file unchanged for a year is stale."""
    employer_id: Mapped[uuid.UUID | None]
    """The employer in the county's list of employers, where it is in it."""
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
    import_version: Mapped[int | None]
    """The version that the last import left: a later one tells that somebody here has changed the file since."""
    version: Mapped[int] = mapped_column(default=1)
    recorded_at: Mapped[Instant]


class PersonFact(TenantRow):
    """What rules read of one person from a day on: income, status, insurance, health (bitemporal).

    Amounts are monthly, in fen. Each stands in one line; ``monthly_income_fen`` is the sum that the database makes of them.
    """

    __tablename__ = "person_fact"
    __rule__: ClassVar[TableRule] = TenantTable(
        append_only=True, personal=("health_status", "disability_kind", "disability_grade", "unit_or_school")
    )
    __table_args__ = (
        UniqueConstraint("tenant", "person_id", "valid_from", "recorded_at"),
        CheckConstraint(f"least({', '.join(INCOME_LINES)}) >= 0", name="income_lines"),
        tenant_fk("person_id", "person"),
    )

    person_id: Mapped[Ref]
    valid_from: Mapped[Day]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    income_wage_fen: Mapped[Fen] = mapped_column(default=0)
    """Wages (工资性收入)."""
    income_business_fen: Mapped[Fen] = mapped_column(default=0)
    """Net income from business (经营净收入); a loss counts as nothing."""
    income_property_fen: Mapped[Fen] = mapped_column(default=0)
    """Net income from property (财产净收入)."""
    income_pension_fen: Mapped[Fen] = mapped_column(default=0)
    """Pension of employees (职工养老金、离退休金)."""
    residents_pension_fen: Mapped[Fen] = mapped_column(default=0)
    """Basic pension of residents (居民养老金), apart from the other lines: not every county counts it."""
    income_transfer_fen: Mapped[Fen] = mapped_column(default=0)
    """Other net transfers (转移净收入)."""
    income_union_grant_fen: Mapped[Fen] = mapped_column(default=0)
    """Grants of unions (工会帮扶金), which count as income; small festival gifts are none (domain 10)."""
    income_other_fen: Mapped[Fen] = mapped_column(default=0)
    """What else counts as income (其他应计入的收入)."""
    income_unsorted_fen: Mapped[Fen] = mapped_column(default=0)
    """What a form or roster states as one sum, without the residents' pension where that is told apart (未分项收入)."""
    monthly_income_fen: Mapped[Fen] = mapped_column(Computed(" + ".join(INCOME_LINES), persisted=True))
    """The sum of the lines above (月收入合计)."""
    identity_status: Mapped[str | None]
    """Standing: a work status or a stage of schooling (list identity_status or employment_status)."""
    employment_status: Mapped[str | None]
    """Employment (就业状况, list employment_status) and the day since when it is so."""
    employment_since: Mapped[date | None]
    education: Mapped[str | None]
    """Schooling completed (学历, list education)."""
    able_to_work: Mapped[bool | None]
    aided_elsewhere: Mapped[bool | None]
    """Whether the student already receives other schooling aid (domain 10)."""
    medical_insurance: Mapped[str | None]
    health_status: Mapped[str | None]
    disability_kind: Mapped[str | None]
    disability_grade: Mapped[str | None]
    unit_or_school: Mapped[str | None]
    source: Mapped[Str]
    """Where the figures come from: ``import:<id>``, ``survey:<year>``, ``correction``."""
    recorded_by: Mapped[str | None] = mapped_column(default=actor_of_scope)


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
    recorded_by: Mapped[str | None] = mapped_column(default=actor_of_scope)


class SearchToken(Handled, Tenanted, Base):
    """A token by which the search box finds a case (number, parties' names, pinyin, initials), or a person by what only some
    have beside the columns of their own row: a file number, a second reading (core/people/search/words.py).

    Compared bytewise with = and ranges alone: what is not leakproof keeps no index under row-level security. A token is
    known by whom it finds.
    """

    __tablename__ = "search_token"
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL, opened_by="subject_id", deletable=True, subject="subject_id"
    )
    __table_args__ = (
        CheckConstraint("subject_kind in ('person', 'case')", name="subject_kind"),
        # One for each kind, so that no comparison on the way down has to look at the kind as well.
        *(
            Index(f"ix_search_token_{kind}", "tenant", "token", postgresql_where=text(f"subject_kind = '{kind}'"))
            for kind in ("person", "case")
        ),
    )

    subject_id: Mapped[Ref] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    subject_kind: Mapped[Str]
