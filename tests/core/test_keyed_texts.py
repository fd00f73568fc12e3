"""Nothing that hangs on the installation's key is copied into a text: a county would carry it to an installation where it names
nobody, and what was known by it would be found a second time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, LargeBinary, Table, text

import core.models
from core.audit.elsewhere import tell_both
from core.db.base import rule_of
from core.db.rules import TenantTable
from core.db.session import unit_of_work
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.audit_story import YEAR, orderly, relay, same_account
from tests.core.lines import Acting, install

SHORTEST = 16
"""Digits of a value that would still tell it from all others."""


def _tables() -> Iterator[tuple[Table, TenantTable]]:
    for table in core.models.metadata.sorted_tables:
        rule = rule_of(table)
        if isinstance(rule, TenantTable) and table.schema is None and not rule.stays:
            yield table, rule


def _keyed(connection: Connection) -> set[str]:
    """The first digits of all tokens and hashes that the county holds."""
    found = set()
    for table, rule in _tables():
        for name in [*(token.column for token in rule.tokens), *rule.passed_on]:
            if isinstance(table.columns[name].type, LargeBinary):
                query = f"select distinct encode({name}, 'hex') from {table.name} where tenant = :t and {name} is not null"
                found |= {value[:SHORTEST] for value in connection.scalars(text(query), {"t": COUNTY})}
    return found


def _texts(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every row of the county as one text without its binary columns, with the table."""
    for table, _ in _tables():
        plain = [f'"{name}"' for name, column in table.columns.items() if not isinstance(column.type, LargeBinary)]
        query = f"select to_jsonb(t)::text from (select {', '.join(plain)} from {table.name} where tenant = :t) t"
        for row in connection.scalars(text(query), {"t": COUNTY}):
            yield table.name, row


def test_no_text_holds_what_hangs_on_the_installations_key(db: Database, acting: Acting) -> None:
    install(db)
    with orderly(db, acting, (1, 2)) as county, orderly(db, acting, (2, 3), OTHER_COUNTY):
        with acting(PROVINCE), unit_of_work() as session:
            assert tell_both(session, YEAR) == 2
        relay(acting, PROVINCE)
        same_account(county)
        assert county.audit() == {"one_account_several_households": 1}
        with db.owner.connect() as connection:
            keyed = _keyed(connection)
            assert len(keyed) > 5
            rows = list(_texts(connection))
            assert {"audit_finding", "trail_entry"} <= {table for table, _ in rows}
            assert {table for table, row in rows if any(value in row for value in keyed)} == set()
