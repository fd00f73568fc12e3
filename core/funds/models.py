"""Money: a double-entry ledger in fen, grants, instalments and payments (domain 6, 7.1)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Fen, Instant, JsonList, Ref, Str

SOURCES = ("donation", "appropriation", "union")


class FundAccount(TenantRow):
    """A ledger account of one year: source x purpose (earmark) x state (会计科目). ``balance_fen`` is the row that a posting
    locks; only the income account, the world outside, may be negative."""

    __tablename__ = "fund_account"
    __table_args__ = (
        UniqueConstraint("tenant", "year", "source", "purpose", "state"),
        CheckConstraint("source in ('donation', 'appropriation', 'union')", name="source"),
        CheckConstraint("state in ('income', 'available', 'reserved', 'paid')", name="state"),
        CheckConstraint("state = 'income' or balance_fen >= 0", name="no_overdraft"),
        CheckConstraint("state <> 'income' or balance_fen <= 0", name="income_is_a_source"),
    )

    year: Mapped[int]
    source: Mapped[Str]
    purpose: Mapped[Str]
    state: Mapped[Str]
    balance_fen: Mapped[Fen] = mapped_column(default=0)


class LedgerEntry(TenantRow):
    """One balanced entry; the row holds its legs ``[{"account": id, "fen": n}, …]`` whose sum is zero (会计分录)."""

    __tablename__ = "ledger_entry"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "idempotency_key"),
        UniqueConstraint("tenant", "year", "voucher"),
        CheckConstraint("legs_sum(legs) = 0 and jsonb_array_length(legs) >= 2", name="balanced"),
        Index("ix_ledger_entry_grant", "tenant", "grant_id"),
    )

    year: Mapped[int]
    voucher: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[Str]
    """receipt, reserve, release, pay, reverse."""
    legs: Mapped[JsonList] = mapped_column(JSONB)
    amount_fen: Mapped[Fen]
    business_date: Mapped[Day]
    idempotency_key: Mapped[Str]
    grant_id: Mapped[uuid.UUID | None]
    attempt_id: Mapped[uuid.UUID | None]
    note: Mapped[Str]
    actor: Mapped[Str]
    at: Mapped[Instant]


class Grant(TenantRow):
    """Decision to give an amount for one occurrence (救助决定)."""

    __tablename__ = "relief_grant"
    __table_args__ = (
        UniqueConstraint("tenant", "case_id"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("approved_by <> clerk", name="approver_is_not_the_clerk"),
        CheckConstraint("state in ('reserved', 'paid', 'released')", name="state"),
        Index("ix_relief_grant_household", "tenant", "household_id"),
        Index("ix_relief_grant_year", "tenant", "year", "programme", "state"),
        tenant_fk(("case_id", "clerk"), "case_record", ("id", "clerk")),
        tenant_fk("household_id", "household"),
    )

    case_id: Mapped[Ref]
    clerk: Mapped[Str]
    approved_by: Mapped[Str]
    programme: Mapped[Str]
    occurrence: Mapped[Str]
    year: Mapped[int]
    household_id: Mapped[Ref]
    source: Mapped[Str]
    purpose: Mapped[Str]
    amount_fen: Mapped[Fen]
    state: Mapped[Str] = mapped_column(default="reserved")
    approved_on: Mapped[Day]
    at: Mapped[Instant]


class GrantBeneficiary(TenantRow):
    """For whom a grant is, and how much of it (受益人)."""

    __tablename__ = "grant_beneficiary"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "grant_id", "person_id"),
        CheckConstraint("amount_fen > 0", name="amount"),
        tenant_fk("grant_id", "relief_grant"),
        tenant_fk("person_id", "person"),
    )

    grant_id: Mapped[Ref]
    person_id: Mapped[Ref]
    amount_fen: Mapped[Fen]


class Occurrence(TenantRow):
    """That a household or a beneficiary has had a programme's occurrence: unique, so that nobody is aided twice and
    splitting a household dodges nothing (发放周期). A released grant frees its occurrences."""

    __tablename__ = "grant_occurrence"
    __rule__: ClassVar[TableRule] = TenantTable(deletable=True)
    __table_args__ = (
        UniqueConstraint("tenant", "programme", "occurrence", "subject_id", name="uq_grant_occurrence_once"),
        CheckConstraint("subject_kind in ('household', 'beneficiary')", name="subject_kind"),
        tenant_fk("grant_id", "relief_grant"),
    )

    programme: Mapped[Str]
    occurrence: Mapped[Str]
    subject_kind: Mapped[Str]
    subject_id: Mapped[Ref]
    grant_id: Mapped[Ref]


class Instalment(TenantRow):
    """A part of a grant that is due on a date (分期)."""

    __tablename__ = "instalment"
    __table_args__ = (
        UniqueConstraint("tenant", "grant_id", "no"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("state in ('due', 'paid', 'cancelled')", name="state"),
        tenant_fk("grant_id", "relief_grant"),
    )

    grant_id: Mapped[Ref]
    no: Mapped[int]
    due_on: Mapped[Day]
    amount_fen: Mapped[Fen]
    state: Mapped[Str] = mapped_column(default="due")


class PaymentBatch(TenantRow):
    """A run of payments sent to the bank together. Fund manager, payment approver and payer are three people (domain 7.1)."""

    __tablename__ = "payment_batch"
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        UniqueConstraint("tenant", "idempotency_key"),
        CheckConstraint("state in ('draft', 'approved', 'sent', 'returned', 'cancelled')", name="state"),
        CheckConstraint("approved_by is null or approved_by <> prepared_by", name="approver_is_not_the_manager"),
        CheckConstraint(
            "paid_by is null or (paid_by <> prepared_by and paid_by <> approved_by)", name="payer_is_a_third_person"
        ),
        CheckConstraint("state = 'draft' or state = 'cancelled' or approved_by is not null", name="approved_first"),
    )

    number: Mapped[Str]
    idempotency_key: Mapped[Str]
    state: Mapped[Str] = mapped_column(default="draft")
    year: Mapped[int]
    total_fen: Mapped[Fen]
    items: Mapped[int]
    prepared_by: Mapped[Str]
    prepared_on: Mapped[Day]
    approved_by: Mapped[str | None]
    approved_on: Mapped[date | None]
    paid_by: Mapped[str | None]
    sent_on: Mapped[date | None]
    returned_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    at: Mapped[Instant]


class PaymentAttempt(TenantRow):
    """One attempt to pay one instalment to one payee. An instalment has at most one that is open or succeeded (支付)."""

    __tablename__ = "payment_attempt"
    __table_args__ = (
        Index(
            "uq_payment_attempt_one_live",
            "tenant",
            "instalment_id",
            unique=True,
            postgresql_where=text("state in ('open', 'succeeded')"),
        ),
        Index("ix_payment_attempt_batch", "tenant", "batch_id"),
        Index("ix_payment_attempt_account", "tenant", "account_token"),
        CheckConstraint("state in ('open', 'succeeded', 'failed', 'cancelled')", name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        tenant_fk("instalment_id", "instalment"),
        tenant_fk("grant_id", "relief_grant"),
        tenant_fk("batch_id", "payment_batch"),
        tenant_fk("payee_id", "person"),
    )

    instalment_id: Mapped[Ref]
    grant_id: Mapped[Ref]
    batch_id: Mapped[Ref]
    payee_id: Mapped[Ref]
    amount_fen: Mapped[Fen]
    state: Mapped[Str] = mapped_column(default="open")
    bank_reason: Mapped[str | None]
    """A code of the list bank_return_reason."""
    account_cipher: Mapped[bytes | None]
    account_masked: Mapped[str | None]
    account_token: Mapped[bytes | None]
    settled_on: Mapped[date | None]
    at: Mapped[Instant]
