"""What tells of persons lies sealed wherever it is stored as bytes: every binary column and every file, by catalogue."""

from __future__ import annotations

from sqlalchemy import Connection, LargeBinary, Table, select, text

import core.models
from core.db.base import rule_of
from core.db.rules import TenantTable
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.sealing import PaperKeys
from core.settings import settings
from core.vault.ciphers import CIPHERS
from tests.conftest import COUNTY, Database
from tests.core.lines import PDF
from tests.core.rights_story import WIFE, WORKER, Acting, aid, county, everybody, family, no_list

__all__ = ["county", "no_list"]

NOT_SEALED = {
    "document.sealed_sha256": "a digest of what is sealed",
    "document.sha256": "a digest",
    "identity_mark.hash": "made with a key of its own",
    "payment_attempt.account_token": "made with a key of its own",
    "person.identity_token": "made with a key of its own",
    "person.phone_token": "made with a key of its own",
    "person_correction.former_identity_token": "made with a key of its own",
    "recovery_code.code_hash": "made with a key of its own",
    "staff_session.token_hash": "a digest of a random value",
    "trail_entry.content": "ids and codes, hashed as they stand",
    "trail_head.hash": "a digest",
    "trail_link.content_hash": "a digest",
    "trail_link.hash": "a digest",
    "worker_file.account_token": "made with a key of its own",
}
"""Binary columns of the core that are no sealed value, and why that tells nobody anything. All others are asked below."""


def _binary() -> dict[str, tuple[Table, str]]:
    return {
        f"{table.name}.{column.name}": (table, column.name)
        for table in core.models.metadata.sorted_tables
        if table.schema is None
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }


def _stored(connection: Connection) -> dict[str, set[int]]:
    """The first byte of all values of each binary column that has any."""
    return {
        name: set(
            connection.scalars(text(f"select distinct get_byte({column}, 0) from {table.name} where length({column}) > 0"))
        )
        for name, (table, column) in _binary().items()
        if name not in NOT_SEALED
    }


def test_all_bytes_of_persons_are_sealed_in_the_database_and_in_the_file_store(county: Acting, db: Database) -> None:
    assert NOT_SEALED.keys() <= _binary().keys()
    theirs = family(county, WORKER, WIFE)
    aid(county, theirs)
    with everybody(county, "clerk"), unit_of_work() as session:
        papers = session.scalars(select(Document)).all()
        assert {PaperKeys(session).stored(paper).read()[: len(PDF)] for paper in papers} == {PDF}
    with db.owner.connect() as connection:
        found = {name: first for name, first in _stored(connection).items() if first}
    assert {"document.wrapped_key", "person.identity_cipher", "worker_file.account_cipher"} <= found.keys()
    assert {name: first for name, first in found.items() if not first <= CIPHERS.keys()} == {}
    files = [path.read_bytes() for path in (settings().files_dir / COUNTY).rglob("*") if path.is_file()]
    assert len(files) == len(papers) > 0
    for lies in files:
        assert lies[0] in CIPHERS
        assert PDF not in lies


def test_every_table_that_names_a_file_holds_the_key_that_an_erasure_destroys() -> None:
    naming = [table for table in core.models.metadata.sorted_tables if "storage_name" in table.columns]
    assert [table.name for table in naming] == ["document"]
    for table in naming:
        rule = rule_of(table)
        assert isinstance(rule, TenantTable)
        assert "wrapped_key" in rule.personal
        assert table.columns["wrapped_key"].nullable
