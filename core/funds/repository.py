"""Queries of the fund. Lists of ids travel as one array, so that a command's size is not bounded by its parameters."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import any_, distinct, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.statements import among, tenant_sql
from core.funds.models import (
    FundAccount,
    Grant,
    LedgerEntry,
    Occurrence,
    PaymentAttempt,
    PaymentBatch,
)
from core.money import Fen
from core.people.models import Person, WorkerFile

# Ledger ------------------------------------------------------------------------------------------------------------


def lock_accounts(session: Session, keys: Sequence[tuple[int, str, str, str]]) -> Sequence[Any]:
    """The accounts of ``keys`` with their balances, locked in the order of their keys."""
    columns = (FundAccount.year, FundAccount.source, FundAccount.purpose, FundAccount.state)
    statement = (
        select(FundAccount.id, *columns, FundAccount.balance_fen)
        .where(tuple_(*columns).in_([tuple(key) for key in keys]))
        .order_by(*columns)
        .with_for_update()
    )
    return session.execute(statement).all()


def move_balances(session: Session, deltas: Mapping[uuid.UUID, Fen]) -> None:
    """Add to each account its delta in fen, all in one statement. The accounts are locked."""
    session.execute(
        tenant_sql(
            "update fund_account as account set balance_fen = account.balance_fen + delta.fen"
            " from unnest(cast(:ids as uuid[]), cast(:fens as bigint[])) as delta (id, fen)"
            " where account.tenant = :tenant and account.id = delta.id"
        ),
        {"ids": list(deltas), "fens": list(deltas.values())},
    )


def entries_by_key(session: Session, keys: Sequence[str]) -> dict[str, LedgerEntry]:
    """The entries that were posted under ``keys``."""
    wanted = LedgerEntry.idempotency_key == any_(literal(list(keys), ARRAY(LedgerEntry.idempotency_key.type)))
    return {entry.idempotency_key: entry for entry in session.scalars(select(LedgerEntry).where(wanted))}


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of one account of a year in fen. That of ``income`` is negative: what has come in."""

    source: str
    purpose: str
    state: str
    fen: Fen


def balances(session: Session, year: int) -> list[Balance]:
    """All accounts of ``year`` by source, purpose and state (科目余额)."""
    columns = (FundAccount.source, FundAccount.purpose, FundAccount.state)
    statement = select(*columns, FundAccount.balance_fen).where(FundAccount.year == year).order_by(*columns)
    return [Balance(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class Difference:
    """An account whose balance is not the sum of its legs."""

    account_id: uuid.UUID
    source: str
    purpose: str
    state: str
    balance_fen: Fen
    legs_fen: Fen


def differences(session: Session, year: int) -> list[Difference]:
    """Accounts of ``year`` whose balance differs from the sum of all legs that name them; none in a sound ledger."""
    statement = tenant_sql(
        "with leg as (select (part ->> 'account')::uuid as account, sum((part ->> 'fen')::bigint)::bigint as fen"
        " from ledger_entry as entry, jsonb_array_elements(entry.legs) as part"
        " where entry.tenant = :tenant and entry.year = :year group by 1)"
        " select account.id, account.source, account.purpose, account.state, account.balance_fen, coalesce(leg.fen, 0)"
        " from fund_account as account left join leg on leg.account = account.id"
        " where account.tenant = :tenant and account.year = :year and account.balance_fen <> coalesce(leg.fen, 0)"
        " order by account.source, account.purpose, account.state"
    )
    return [Difference(*row) for row in session.execute(statement, {"year": year})]


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an entry: an account and what it gained, in fen."""

    source: str
    purpose: str
    state: str
    fen: Fen


@dataclass(frozen=True, slots=True)
class EntryView:
    """A ledger entry with its accounts' names, as the journal (日记账) shows it."""

    entry: LedgerEntry
    legs: tuple[Leg, ...]


def entries(
    session: Session,
    year: int,
    *,
    before: int | None = None,
    limit: int = 50,
    kind: str | None = None,
    grant_id: uuid.UUID | None = None,
) -> list[EntryView]:
    """Entries of ``year``, the latest voucher first. The next page begins ``before`` the last voucher of this one."""
    statement = select(LedgerEntry).where(LedgerEntry.year == year).order_by(LedgerEntry.voucher.desc()).limit(limit)
    if before is not None:
        statement = statement.where(LedgerEntry.voucher < before)
    if kind is not None:
        statement = statement.where(LedgerEntry.kind == kind)
    if grant_id is not None:
        statement = statement.where(LedgerEntry.grant_id == grant_id)
    columns = (FundAccount.source, FundAccount.purpose, FundAccount.state)
    accounts = {
        str(row.id): (row.source, row.purpose, row.state)
        for row in session.execute(select(FundAccount.id, *columns).where(FundAccount.year == year))
    }
    return [
        EntryView(entry, tuple(Leg(*accounts[leg["account"]], leg["fen"]) for leg in entry.legs))
        for entry in session.scalars(statement)
    ]


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What was paid from one source for one purpose in a year: fen, grants paid in full, and households aided by them."""

    source: str
    purpose: str
    fen: Fen
    grants: int
    households: int


def latest_year(session: Session) -> int | None:
    """The newest year in which the fund has accounts; None before any money came in."""
    return session.scalar(select(func.max(FundAccount.year)))


def paid_by_source_and_purpose(session: Session, year: int) -> list[PaidOut]:
    """What went out by source and purpose, and to how many (domain 7.3); sources and purposes with a payment only."""
    counted = select(Grant.source, Grant.purpose, func.count(Grant.id), func.count(distinct(Grant.household_id))).where(
        Grant.year == year, Grant.state == "paid"
    )
    counts = {
        (source, purpose): (grants, households)
        for source, purpose, grants, households in session.execute(counted.group_by(Grant.source, Grant.purpose))
    }
    return [
        PaidOut(row.source, row.purpose, row.fen, *counts.get((row.source, row.purpose), (0, 0)))
        for row in balances(session, year)
        if row.state == "paid" and row.fen
    ]


def grants_by_programme(session: Session, year: int) -> list[tuple[str, int]]:
    """How many grants of ``year`` stand (reserved or paid), by programme."""
    statement = (
        select(Grant.programme, func.count(Grant.id))
        .where(Grant.year == year, Grant.state != "released")
        .group_by(Grant.programme)
        .order_by(Grant.programme)
    )
    return [(programme, count) for programme, count in session.execute(statement)]


# Grants ------------------------------------------------------------------------------------------------------------


def grants_of_cases(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Grant]:
    """The grants of ``case_ids`` by case, as they are now."""
    statement = select(Grant).where(among(Grant.case_id, case_ids)).execution_options(populate_existing=True)
    return {grant.case_id: grant for grant in session.scalars(statement)}


def years_of_grants(session: Session, grant_ids: Iterable[uuid.UUID]) -> set[int]:
    """The years whose money the grants hold."""
    return set(session.scalars(select(Grant.year).where(among(Grant.id, grant_ids)).distinct()))


def lock_grants(session: Session, grant_ids: Iterable[uuid.UUID]) -> list[Grant]:
    """The grants, locked in the order of their ids, as they are now."""
    statement = select(Grant).where(among(Grant.id, grant_ids)).order_by(Grant.id).with_for_update()
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def aided(
    session: Session, occurrences: Iterable[tuple[str, str]], subjects: Iterable[uuid.UUID]
) -> set[tuple[str, str, uuid.UUID]]:
    """Which (programme, occurrence, household or person) have been granted, and stand."""
    columns = (Occurrence.programme, Occurrence.occurrence, Occurrence.subject_id)
    statement = select(*columns).where(
        tuple_(Occurrence.programme, Occurrence.occurrence).in_(sorted(set(occurrences))),
        among(Occurrence.subject_id, subjects),
        ~Occurrence.released,
    )
    return {(programme, occurrence, subject) for programme, occurrence, subject in session.execute(statement)}


def case_numbers(session: Session, case_ids: Sequence[uuid.UUID]) -> list[str]:
    """Numbers of the cases, in order."""
    return list(session.scalars(select(Case.number).where(among(Case.id, case_ids)).order_by(Case.number)))


def grants_in_payment(session: Session, grant_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the grants that have a payment open or succeeded."""
    live = PaymentAttempt.state.in_(("open", "succeeded"))
    statement = select(PaymentAttempt.grant_id).where(among(PaymentAttempt.grant_id, grant_ids), live).distinct()
    return set(session.scalars(statement))


# Payments ----------------------------------------------------------------------------------------------------------


def lock_batch(session: Session, batch_id: uuid.UUID) -> PaymentBatch | None:
    """The batch, locked, as it is now."""
    statement = select(PaymentBatch).where(PaymentBatch.id == batch_id).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def batch_of_key(session: Session, key: str) -> PaymentBatch | None:
    """The batch that was prepared under an idempotency key."""
    return session.scalar(select(PaymentBatch).where(PaymentBatch.idempotency_key == key))


def batches(session: Session, year: int) -> list[PaymentBatch]:
    """The batches of ``year``, the latest first."""
    statement = select(PaymentBatch).where(PaymentBatch.year == year).order_by(PaymentBatch.number.desc())
    return list(session.scalars(statement))


def open_batches(session: Session) -> list[PaymentBatch]:
    """The batches of any year that still have a step before them, the oldest first."""
    ended = PaymentBatch.state.in_(("returned", "cancelled"))
    return list(session.scalars(select(PaymentBatch).where(~ended).order_by(PaymentBatch.year, PaymentBatch.number)))


def attempts(session: Session, batch_id: uuid.UUID) -> list[PaymentAttempt]:
    """The payments of a batch in the order of the bank file, as they are now."""
    statement = select(PaymentAttempt).where(PaymentAttempt.batch_id == batch_id).order_by(PaymentAttempt.id)
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def bank_lines(session: Session, batch_id: uuid.UUID) -> Sequence[Any]:
    """What the bank file is written from: attempt, payee with key, bank, sealed account, in the order of the attempts."""
    statement = (
        select(
            PaymentAttempt.id,
            PaymentAttempt.payee_id,
            PaymentAttempt.amount_fen,
            PaymentAttempt.account_cipher,
            WorkerFile.file_number,
            Person.name,
            Person.wrapped_key,
            WorkerFile.bank_name,
            WorkerFile.bank_branch,
        )
        .join(Grant, (Grant.tenant == PaymentAttempt.tenant) & (Grant.id == PaymentAttempt.grant_id))
        .join(Person, (Person.tenant == PaymentAttempt.tenant) & (Person.id == PaymentAttempt.payee_id))
        .join(WorkerFile, (WorkerFile.tenant == Grant.tenant) & (WorkerFile.household_id == Grant.household_id))
        .where(PaymentAttempt.batch_id == batch_id)
        .order_by(PaymentAttempt.id)
    )
    return session.execute(statement).all()


def unclosed_cases(session: Session, case_ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    """Those of the cases that are not closed, in the order of their ids."""
    return list(session.scalars(select(Case.id).where(among(Case.id, case_ids), Case.closed_on.is_(None)).order_by(Case.id)))


def lock_cases_of_batch(session: Session, batch_id: uuid.UUID) -> None:
    """Lock the cases whose grants the batch pays: cases come before money in the order of locks."""
    paid_for = select(Grant.case_id).join(
        PaymentAttempt, (PaymentAttempt.tenant == Grant.tenant) & (PaymentAttempt.grant_id == Grant.id)
    )
    wanted = paid_for.where(PaymentAttempt.batch_id == batch_id)
    session.execute(select(Case.id).where(Case.id.in_(wanted)).order_by(Case.id).with_for_update()).all()


def fail_attempts(session: Session, batch_id: uuid.UUID, reasons: Mapping[uuid.UUID, str], on: date) -> None:
    """Mark open attempts of the batch failed, each with the bank's reason."""
    session.execute(
        tenant_sql(
            "update payment_attempt as attempt set state = 'failed', bank_reason = told.reason, settled_on = :on"
            " from unnest(cast(:ids as uuid[]), cast(:reasons as text[])) as told (id, reason)"
            " where attempt.tenant = :tenant and attempt.id = told.id and attempt.batch_id = :batch"
            " and attempt.state = 'open'"
        ),
        {"ids": list(reasons), "reasons": list(reasons.values()), "on": on, "batch": batch_id},
    )
