"""Money: a double-entry ledger in fen, grants, instalments and payments (domain 6, 7.1)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CHAR, BigInteger, CheckConstraint, Computed, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule, Token
from core.db.types import Day, Fen, Instant, JsonList, Ref, Str

SOURCES = ("donation", "appropriation", "union")


class FundAccount(TenantRow):
    """A ledger account of one year: source x purpose (earmark) x state (会计科目). ``balance_fen`` is the row that a posting
    locks; only the income account, the world outside, may be negative, and ``carried`` (划转), what went over to another county
    or, negative, came from one that closed."""

    __tablename__ = "fund_account"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("balance_fen",))
    __table_args__ = (
        UniqueConstraint("tenant", "id", "year"),
        UniqueConstraint("tenant", "year", "source", "purpose", "state"),
        CheckConstraint("source ~ '^[a-z][a-z0-9_]*$'", name="source"),
        CheckConstraint("state in ('income', 'available', 'reserved', 'paid', 'carried')", name="state"),
        CheckConstraint("state in ('income', 'carried') or balance_fen >= 0", name="no_overdraft"),
        CheckConstraint("state <> 'income' or balance_fen <= 0", name="income_is_a_source"),
    )

    year: Mapped[int]
    source: Mapped[Str]
    """One of ``SOURCES``, or what a plugin declares (``core.funds.sources``)."""
    purpose: Mapped[Str]
    state: Mapped[Str]
    balance_fen: Mapped[Fen] = mapped_column(default=0)


class LedgerEntry(TenantRow):
    """One balanced entry (会计分录): its two legs ``[{"account": id, "fen": -n}, {"account": id, "fen": n}]`` move
    ``amount_fen`` between two accounts of its year. A payment is booked once, and reversed once at most."""

    __tablename__ = "ledger_entry"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "idempotency_key"),
        UniqueConstraint("tenant", "year", "voucher"),
        CheckConstraint("kind in ('receipt', 'reserve', 'release', 'pay', 'reverse', 'carry')", name="kind"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint(
            "(jsonb_array_length(legs) = 2 and (legs -> 0 ->> 'fen')::bigint = -amount_fen"
            " and (legs -> 1 ->> 'fen')::bigint = amount_fen) is true",
            name="balanced",
        ),
        CheckConstraint("origin_id <> target_id", name="two_accounts"),
        CheckConstraint("(kind in ('receipt', 'carry')) = (grant_id is null)", name="of_a_grant"),
        CheckConstraint("(kind in ('pay', 'reverse')) = (attempt_id is not null)", name="of_a_payment"),
        Index("ix_ledger_entry_grant", "tenant", "grant_id"),
        Index(
            "uq_ledger_entry_payment_once",
            "tenant",
            "attempt_id",
            "kind",
            unique=True,
            postgresql_where=text("attempt_id is not null"),
        ),
        tenant_fk(("origin_id", "year"), "fund_account", ("id", "year")),
        tenant_fk(("target_id", "year"), "fund_account", ("id", "year")),
        tenant_fk("grant_id", "relief_grant"),
        tenant_fk(("attempt_id", "grant_id", "amount_fen"), "payment_attempt", ("id", "grant_id", "amount_fen")),
    )

    year: Mapped[int]
    voucher: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[Str]
    """receipt, reserve, release, pay, reverse, carry."""
    legs: Mapped[JsonList] = mapped_column(JSONB)
    origin_id: Mapped[Ref] = mapped_column(Computed("((legs -> 0) ->> 'account'::text)::uuid", persisted=True))
    """The account of the first leg, drawn from it by the database, which so knows that it exists."""
    target_id: Mapped[Ref] = mapped_column(Computed("((legs -> 1) ->> 'account'::text)::uuid", persisted=True))
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
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("state",))
    __table_args__ = (
        UniqueConstraint("tenant", "case_id"),
        UniqueConstraint("tenant", "id", "released"),
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
    released: Mapped[bool] = mapped_column(Computed("state = 'released'::text", persisted=True))
    """Said by the database; occurrences and instalments follow it."""
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
    splitting a household dodges nothing (发放周期). ``released`` follows the grant: that alone frees an occurrence."""

    __tablename__ = "grant_occurrence"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        Index(
            "uq_grant_occurrence_once",
            "tenant",
            "programme",
            "occurrence",
            "subject_id",
            unique=True,
            postgresql_where=text("not released"),
        ),
        Index("ix_grant_occurrence_grant", "tenant", "grant_id"),
        CheckConstraint("subject_kind in ('household', 'beneficiary')", name="subject_kind"),
        CheckConstraint("(grant_id is null) = (former_tenant is not null)", name="granted_somewhere"),
        CheckConstraint("grant_id is not null or not released", name="had_elsewhere"),
        tenant_fk(("grant_id", "released"), "relief_grant", ("id", "released"), follows=True),
    )

    programme: Mapped[Str]
    occurrence: Mapped[Str]
    subject_kind: Mapped[Str]
    subject_id: Mapped[Ref]
    grant_id: Mapped[uuid.UUID | None]
    """None for what a household had before it came here: then ``former_tenant`` says where."""
    former_tenant: Mapped[str | None] = mapped_column(CHAR(6))
    released: Mapped[bool] = mapped_column(default=False)


class Instalment(TenantRow):
    """A part of a grant that is due on a date (分期). A grant of which a part is paid cannot become released."""

    __tablename__ = "instalment"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("state",))
    __table_args__ = (
        UniqueConstraint("tenant", "grant_id", "no"),
        UniqueConstraint("tenant", "id", "grant_id", "amount_fen"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("state in ('due', 'paid', 'cancelled')", name="state"),
        CheckConstraint("not (released and state = 'paid')", name="paid_is_not_released"),
        tenant_fk(("grant_id", "released"), "relief_grant", ("id", "released"), follows=True),
    )

    grant_id: Mapped[Ref]
    released: Mapped[bool] = mapped_column(default=False)
    """As of the grant, which it follows."""
    no: Mapped[int]
    due_on: Mapped[Day]
    amount_fen: Mapped[Fen]
    state: Mapped[Str] = mapped_column(default="due")


class PaymentBatch(TenantRow):
    """A run of payments sent to the bank together. Fund manager, payment approver and payer are three people (domain 7.1);
    a payer, the same or another, takes the bank's return."""

    __tablename__ = "payment_batch"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("state", "approved_by", "approved_on", "paid_by", "sent_on", "returned_by", "returned_on")
    )
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        UniqueConstraint("tenant", "idempotency_key"),
        CheckConstraint("state in ('draft', 'approved', 'sent', 'returned', 'cancelled')", name="state"),
        CheckConstraint("approved_by is null or approved_by <> prepared_by", name="approver_is_not_the_manager"),
        CheckConstraint(
            "paid_by is null or (paid_by <> prepared_by and paid_by <> approved_by)", name="payer_is_a_third_person"
        ),
        CheckConstraint(
            "returned_by is null or (returned_by <> prepared_by and returned_by <> approved_by)",
            name="return_by_a_third_person",
        ),
        CheckConstraint("state = 'cancelled' or (state = 'draft') = (approved_by is null)", name="approved_first"),
        CheckConstraint("(state in ('sent', 'returned')) = (paid_by is not null)", name="sent_by_somebody"),
        CheckConstraint("(state = 'returned') = (returned_by is not null)", name="returned_by_somebody"),
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
    returned_by: Mapped[str | None]
    returned_on: Mapped[date | None]
    at: Mapped[Instant]


class PaymentAttempt(TenantRow):
    """One attempt to pay one instalment to one payee. An instalment has at most one that is open or succeeded (支付)."""

    __tablename__ = "payment_attempt"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("state", "bank_reason", "settled_on"),
        tokens=(Token("account_token", "account", "account_cipher", "payee_id"),),
        personal=("account_cipher", "account_masked", "account_token"),
    )
    __table_args__ = (
        UniqueConstraint("tenant", "id", "grant_id", "amount_fen"),
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
        CheckConstraint("(state = 'failed') = (bank_reason is not null)", name="failed_with_a_reason"),
        CheckConstraint("amount_fen > 0", name="amount"),
        tenant_fk(("instalment_id", "grant_id", "amount_fen"), "instalment", ("id", "grant_id", "amount_fen")),
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


class PaymentReversal(TenantRow):
    """That the bank sent money back which had been booked as paid (退汇). The payer tells it, the payment approver decides;
    once approved, the payment has failed and its instalment is due again."""

    __tablename__ = "payment_reversal"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("state", "decided_by", "decided_on"))
    __table_args__ = (
        Index(
            "uq_payment_reversal_one",
            "tenant",
            "attempt_id",
            unique=True,
            postgresql_where=text("state <> 'declined'"),
        ),
        CheckConstraint("state in ('told', 'approved', 'declined')", name="state"),
        CheckConstraint("(state = 'told') = (decided_by is null)", name="decided_by_somebody"),
        CheckConstraint("decided_by <> told_by", name="two_people"),
        tenant_fk("attempt_id", "payment_attempt"),
    )

    attempt_id: Mapped[Ref]
    reason: Mapped[Str]
    """A code of the list bank_return_reason."""
    slip: Mapped[Str]
    """Number of the bank's slip (退汇回单号)."""
    state: Mapped[Str] = mapped_column(default="told")
    told_by: Mapped[Str]
    told_on: Mapped[Day]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    at: Mapped[Instant]
