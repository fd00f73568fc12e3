"""What the database itself refuses, should a program ever try."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.funds.service import approve_grants, prepare_batch
from tests.conftest import Database
from tests.core.funds_story import DECIDER, MANAGER, Acting, Office, draft


@pytest.fixture
def planted(acting: Acting, db: Database) -> Database:
    """A granted case in a draft batch."""
    office = Office(acting)
    office.receive(5000_00, "a")
    found = office.needs(1)
    with office.work(DECIDER), unit_of_work() as session:
        approve_grants(session, [draft(need) for need in found])
    with office.work(MANAGER, "funds.prepare"), unit_of_work() as session:
        prepare_batch(session, year=2025, key="p")
    return db


_ENTRY = (
    "insert into ledger_entry (tenant, id, year, voucher, kind, legs, amount_fen, business_date, idempotency_key, note, actor)"
    " select tenant, gen_random_uuid(), 2025, 99, 'receipt', cast(:legs as jsonb), 1, '2025-09-01', 'x', '', 'x'"
    " from tenant where code = '510104'"
)
_COPY_ATTEMPT = (
    "insert into payment_attempt (tenant, id, instalment_id, grant_id, batch_id, payee_id, amount_fen, state)"
    " select tenant, gen_random_uuid(), instalment_id, grant_id, batch_id, payee_id, amount_fen, state from payment_attempt"
)
_COPY_OCCURRENCE = (
    "insert into grant_occurrence (tenant, id, programme, occurrence, subject_kind, subject_id, grant_id)"
    " select tenant, gen_random_uuid(), programme, occurrence, subject_kind, subject_id, grant_id from grant_occurrence"
)


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("update fund_account set balance_fen = -1 where state = 'available'", "no_overdraft"),
        ("update fund_account set balance_fen = 1 where state = 'income'", "income_is_a_source"),
        ("update relief_grant set approved_by = clerk", "approver_is_not_the_clerk"),
        ("update relief_grant set clerk = 'somebody'", "fk_relief_grant_tenant_case_id_clerk"),
        ("update payment_batch set approved_by = prepared_by", "approver_is_not_the_manager"),
        ("update payment_batch set approved_by = 'a', paid_by = 'a'", "payer_is_a_third_person"),
        ("update payment_batch set approved_by = 'a', paid_by = prepared_by", "payer_is_a_third_person"),
        ("update payment_batch set state = 'sent'", "approved_first"),
        (_COPY_ATTEMPT, "uq_payment_attempt_one_live"),
        (_COPY_OCCURRENCE, "uq_grant_occurrence_once"),
    ],
)
def test_even_the_owner_is_refused(planted: Database, statement: str, refusal: str) -> None:
    with planted.owner.connect() as connection, pytest.raises(DBAPIError, match=refusal):
        connection.execute(text(statement))


@pytest.mark.parametrize("fens", [(-5, 4), (5,), ()])
def test_an_unbalanced_entry_is_refused(planted: Database, fens: tuple[int, ...]) -> None:
    legs = json.dumps([{"account": "a", "fen": fen} for fen in fens])
    with planted.owner.connect() as connection, pytest.raises(DBAPIError, match="balanced"):
        connection.execute(text(_ENTRY.replace("select tenant,", "select code,")), {"legs": legs})


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_entry set note = 'x' where tenant = :tenant",
        "delete from ledger_entry where tenant = :tenant",
        "delete from relief_grant where tenant = :tenant",
        "delete from payment_attempt where tenant = :tenant",
        "update grant_beneficiary set amount_fen = 1 where tenant = :tenant",
        "delete from fund_account where tenant = :tenant",
    ],
)
def test_the_program_cannot_change_what_is_written(planted: Database, acting: Acting, statement: str) -> None:
    with acting(), unit_of_work() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(tenant_sql(statement))
