"""What the database itself refuses, should a program ever try."""

from __future__ import annotations

import json
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.funds.service import approve_grants, prepare_batch
from tests.conftest import Database
from tests.core.funds_story import DECIDER, MANAGER, Acting, Office, draft
from tests.kept import kept


@pytest.fixture
def planted(acting: Acting, db: Database) -> Database:
    """A granted case in a draft batch."""
    kept(db, __name__, lambda: _plant(acting))
    return db


def _plant(acting: Acting) -> None:
    office = Office(acting)
    office.receive(5000_00, "a")
    found = office.needs(1)
    with office.work(DECIDER), unit_of_work() as session:
        approve_grants(session, [draft(need) for need in found])
    with office.work(MANAGER, "funds.prepare"), unit_of_work() as session:
        prepare_batch(session, year=2025, key="p")


_ENTRY = (
    "insert into ledger_entry (tenant, id, year, voucher, kind, legs, amount_fen, business_date, idempotency_key, note, actor)"
    " values ('510104', gen_random_uuid(), :year, 99, :kind, cast(:legs as jsonb), :fen, '2025-09-01', 'x', '', 'x')"
)
_COPY_ATTEMPT = (
    "insert into payment_attempt (tenant, id, instalment_id, grant_id, batch_id, payee_id, amount_fen, state)"
    " select tenant, gen_random_uuid(), instalment_id, grant_id, batch_id, payee_id, amount_fen, state from payment_attempt"
)
_RETURNED = "update payment_batch set state = 'returned', approved_by = 'a',"
_COPY_OCCURRENCE = (
    "insert into grant_occurrence (tenant, id, programme, occurrence, subject_kind, subject_id, grant_id, released)"
    " select tenant, gen_random_uuid(), programme, occurrence, subject_kind, subject_id, grant_id, {} from grant_occurrence"
)
_REVERSAL = (
    "insert into payment_reversal (tenant, id, attempt_id, reason, slip, state, told_by, told_on, decided_by)"
    " select tenant, gen_random_uuid(), id, 'other', '1', 'approved', 'p', '2025-09-01', {} from payment_attempt"
)


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("update fund_account set balance_fen = -1 where state = 'available'", "no_overdraft"),
        ("update fund_account set balance_fen = 1 where state = 'income'", "income_is_a_source"),
        ("update relief_grant set approved_by = clerk", "approver_is_not_the_clerk"),
        ("update relief_grant set clerk = 'somebody'", "fk_relief_grant_tenant_case_id_clerk"),
        ("update payment_batch set state = 'approved', approved_by = prepared_by", "approver_is_not_the_manager"),
        ("update payment_batch set state = 'sent', approved_by = 'a', paid_by = 'a'", "payer_is_a_third_person"),
        ("update payment_batch set state = 'sent', approved_by = 'a', paid_by = prepared_by", "payer_is_a_third_person"),
        ("update payment_batch set state = 'sent', paid_by = 'p'", "approved_first"),
        ("update payment_batch set state = 'sent', approved_by = 'a'", "sent_by_somebody"),
        (f"{_RETURNED} returned_by = 'r', paid_by = null", "sent_by_somebody"),
        (f"{_RETURNED} returned_by = null, paid_by = 'p'", "returned_by_somebody"),
        (f"{_RETURNED} returned_by = 'a', paid_by = 'p'", "return_by_a_third_person"),
        (f"{_RETURNED} returned_by = prepared_by, paid_by = 'p'", "return_by_a_third_person"),
        ("update payment_attempt set amount_fen = amount_fen * 10", "fk_payment_attempt_tenant_instalment_id"),
        ("update payment_attempt set state = 'failed'", "failed_with_a_reason"),
        ("update instalment set amount_fen = 1", "fk_payment_attempt_tenant_instalment_id"),
        ("update instalment set state = 'paid'; update relief_grant set state = 'released'", "paid_is_not_released"),
        ("update grant_occurrence set released = true", "fk_grant_occurrence_tenant_grant_id_released"),
        (_COPY_ATTEMPT, "uq_payment_attempt_one_live"),
        (_COPY_OCCURRENCE.format("false"), "uq_grant_occurrence_once"),
        (_COPY_OCCURRENCE.format("true"), "fk_grant_occurrence_tenant_grant_id_released"),
        (_REVERSAL.format("'p'"), "two_people"),
        (_REVERSAL.format("null"), "decided_by_somebody"),
    ],
)
def test_even_the_owner_is_refused(planted: Database, statement: str, refusal: str) -> None:
    with planted.owner.connect() as connection, pytest.raises(DBAPIError, match=refusal):
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("fens", "fen", "more", "refusal"),
    [
        ((-5, 4), 5, {}, "balanced"),
        ((-5, 5), 77, {}, "balanced"),
        ((5, -5), -5, {}, "amount"),
        ((0, 0), 0, {}, "amount"),
        ((-5, 2, 3), 5, {}, "balanced"),
        ((-5, None), 5, {}, "balanced"),
        ((5,), 5, {}, "target_id"),
        ((), 5, {}, "origin_id"),
        ((-5, 5), 5, {"year": 2024}, "fk_ledger_entry_tenant_origin_id_year"),
        ((-5, 5), 5, {"target": str(uuid.UUID(int=7))}, "fk_ledger_entry_tenant_target_id_year"),
        ((-5, 5), 5, {"target": "nobody"}, "uuid"),
        ((-5, 5), 5, {"target": None}, "two_accounts"),
        ((-5, 5), 5, {"kind": "pay"}, "of_a_"),
        ((-5, 5), 5, {"kind": "gift"}, "kind"),
    ],
)
def test_an_entry_that_moves_nothing_between_two_accounts_is_refused(
    planted: Database, fens: tuple[int | None, ...], fen: int, more: dict[str, object], refusal: str
) -> None:
    with planted.owner.connect() as connection:
        states = "select state, id::text from fund_account where state in ('income', 'available')"
        accounts: dict[str, str] = dict(connection.execute(text(states)).all())
        origin = accounts["income"]
        target = more.get("target", accounts["available"]) or origin
        legs = json.dumps([{"account": account, "fen": part} for account, part in zip((origin, target, target), fens)])  # noqa: B905 - as many legs as the case has
        values = {"year": 2025, "kind": "receipt", "legs": legs, "fen": fen} | {
            name: value for name, value in more.items() if name != "target"
        }
        with pytest.raises(DBAPIError, match=refusal):
            connection.execute(text(_ENTRY), values)


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_entry set note = 'x' where tenant = :tenant",
        "delete from ledger_entry where tenant = :tenant",
        "delete from relief_grant where tenant = :tenant",
        "delete from payment_attempt where tenant = :tenant",
        "update grant_beneficiary set amount_fen = 1 where tenant = :tenant",
        "update relief_grant set amount_fen = 1 where tenant = :tenant",
        "update instalment set amount_fen = 1 where tenant = :tenant",
        "update payment_attempt set amount_fen = 1 where tenant = :tenant",
        "update payment_attempt set payee_id = id where tenant = :tenant",
        "update payment_batch set prepared_by = 'x' where tenant = :tenant",
        "update grant_occurrence set released = true where tenant = :tenant",
        "delete from grant_occurrence where tenant = :tenant",
        "delete from fund_account where tenant = :tenant",
    ],
)
def test_the_program_cannot_change_what_is_written(planted: Database, acting: Acting, statement: str) -> None:
    with acting(), unit_of_work() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(tenant_sql(statement))
