"""What is declared of a county's way to another installation: whoever adds a table or column learns here what to say of it."""

from __future__ import annotations

from sqlalchemy import LargeBinary

import core.models
from core.db.base import rule_of
from core.db.rules import ReferenceTable, TenantTable
from core.identity.models import Account
from core.vault.tokens import TokenKind
from deploy.county_archive.passing import HASHES, VALUES
from deploy.county_archive.reference import ACCOUNT_COLUMNS, ACCOUNT_LEFT, governed_tables

AS_IT_STANDS = {
    "case_record.form_cipher": "under a key of the row, which the tenant's key wraps",
    "document.sealed_sha256": "a digest of the file as it lies in the store",
    "document.sha256": "a digest of what was taken in",
    "document.wrapped_key": "wrapped by the tenant's key",
    "household.house_number_cipher": "under the worker's key",
    "household_change.former_account_cipher": "under the former worker's key",
    "payment_attempt.account_cipher": "under the payee's key",
    "person.identity_cipher": "under the person's key",
    "person.phone_cipher": "under the person's key",
    "person_correction.former_identity_cipher": "under the person's key",
    "person_correction.former_name_cipher": "under the person's key",
    "person.wrapped_key": "wrapped by the tenant's key",
    "trail_entry.content": "plain, and hashed",
    "trail_head.hash": "an unkeyed hash",
    "trail_link.content_hash": "an unkeyed hash",
    "trail_link.hash": "an unkeyed hash",
    "worker_file.account_cipher": "under the worker's key",
}
"""Binary columns that mean the same at every installation, and why. A new one is added here, or, where it hangs on the
installation's key, its table declares it (``tokens``, ``passed_on``): otherwise it would arrive unreadable."""


def tenant_tables() -> dict[str, tuple[TenantTable, list[str]]]:
    """The core's tables of tenants with their rules and binary columns."""
    found = {}
    for table in core.models.metadata.sorted_tables:
        rule = rule_of(table)
        if isinstance(rule, TenantTable) and table.schema is None:
            binary = [column.name for column in table.columns if isinstance(column.type, LargeBinary)]
            found[table.name] = (rule, binary)
    return found


def test_a_table_that_stays_says_why() -> None:
    staying = {name: rule.stays for name, (rule, _) in tenant_tables().items() if rule.stays}
    assert staying.keys() == {"outbox", "printed_file", "roster_part"}
    assert all(len(reason) > 20 for reason in staying.values())


def test_every_binary_column_says_whether_it_hangs_on_the_installations_key() -> None:
    hung, plain = set(), set()
    for name, (rule, binary) in tenant_tables().items():
        if rule.stays:
            continue
        declared = {token.column for token in rule.tokens} | set(rule.passed_on)
        hung |= {f"{name}.{column}" for column in declared}
        plain |= {f"{name}.{column}" for column in binary if column not in declared}
    assert plain == AS_IT_STANDS.keys()
    assert not hung & AS_IT_STANDS.keys()


def test_what_is_passed_on_has_a_way() -> None:
    declared = {(f"public.{name}", column) for name, (rule, _) in tenant_tables().items() for column in rule.passed_on}
    assert declared == VALUES.keys() | HASHES


def test_tokens_name_columns_that_are_there() -> None:
    found = 0
    for name, (rule, _) in tenant_tables().items():
        columns = set(core.models.metadata.tables[name].columns.keys())
        assert len({token.person for token in rule.tokens}) <= 1, name
        assert not (rule.tokens and rule.passed_on), name
        assert len(rule.passed_on) <= 1, name
        for token in rule.tokens:
            assert {token.column, token.sealed, token.person} <= columns, name
            assert token.kind in set(TokenKind), name
            assert core.models.metadata.tables[name].columns[token.column].nullable, "an erased person has no token"
            found += 1
    assert found >= 4


def test_reference_tables_that_go_along_are_those_that_are_written() -> None:
    rules = {table.name: rule_of(table) for table in core.models.metadata.sorted_tables if table.schema is None}
    along = {name for name, rule in rules.items() if isinstance(rule, ReferenceTable) and rule.goes_along}
    assert along == {"account", "post", "workflow_version"}
    governed = {name for name, rule in rules.items() if isinstance(rule, ReferenceTable) and rule.governed}
    assert governed == {"tenant", *(name for name, _ in governed_tables())}


def test_of_an_account_goes_what_names_the_person_and_no_secret() -> None:
    assert set(ACCOUNT_COLUMNS) | ACCOUNT_LEFT == set(Account.__table__.columns.keys())
    assert not set(ACCOUNT_COLUMNS) & ACCOUNT_LEFT
