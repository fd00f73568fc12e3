"""Rows that tell of a tenant: forged at every level, in every table that holds such rows, and refused by the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table, insert, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from core.db.base import new_id, rule_of
from core.db.rules import ReferenceTable
from core.db.session import unit_of_work
from core.models import metadata
from core.scope import Level, Scope, entered
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of

FOREIGN, FOREIGN_PREFECTURE, FOREIGN_COUNTY = "440000", "440100", "440103"
NEW = "510199"
GOVERNED: list[tuple[Table, ReferenceTable]] = [
    (table, rule)
    for table in metadata.sorted_tables
    if isinstance(rule := rule_of(table), ReferenceTable) and rule.governed is not None
]
Claim = tuple[str, str, str, str | None]
"""In whose scope, of which tenant, and which province and prefecture the row gives it."""
FORGED: list[Claim] = [
    (COUNTY, OTHER_COUNTY, COUNTY, None),
    (COUNTY, OTHER_COUNTY, COUNTY, PREFECTURE),
    (COUNTY, OTHER_COUNTY, PROVINCE, COUNTY),
    (COUNTY, COUNTY, PROVINCE, PREFECTURE),
    (PREFECTURE, OTHER_COUNTY, PREFECTURE, None),
    (PREFECTURE, OTHER_COUNTY, PREFECTURE, PREFECTURE),
    (PREFECTURE, FOREIGN_COUNTY, FOREIGN, PREFECTURE),
    (PREFECTURE, PREFECTURE, PROVINCE, PREFECTURE),
    (PROVINCE, FOREIGN_COUNTY, FOREIGN, PROVINCE),
    (PROVINCE, FOREIGN_COUNTY, PROVINCE, FOREIGN_PREFECTURE),
    (PROVINCE, PROVINCE, PROVINCE, None),
]
OF_ANOTHER: list[Claim] = [
    (PREFECTURE, OTHER_COUNTY, PROVINCE, PREFECTURE),
    (PROVINCE, FOREIGN_COUNTY, PROVINCE, PREFECTURE),
    (PROVINCE, FOREIGN_COUNTY, PROVINCE, None),
]
"""Claims that would be right of a tenant that is not there yet."""
RIGHT: list[Claim] = [(PREFECTURE, COUNTY, PROVINCE, PREFECTURE), (PROVINCE, COUNTY, PROVINCE, PREFECTURE)]


@pytest.fixture(autouse=True)
def another_province(db: Database) -> None:
    with db.owner.begin() as connection:
        for code, level, prefecture, parent in (
            (FOREIGN, "province", None, None),
            (FOREIGN_PREFECTURE, "prefecture", FOREIGN_PREFECTURE, FOREIGN),
            (FOREIGN_COUNTY, "county", FOREIGN_PREFECTURE, FOREIGN_PREFECTURE),
        ):
            connection.execute(
                text(
                    "insert into tenant (code, name, union_name, level, province, prefecture, parent, state)"
                    " values (:code, '某地', '某地总工会', :level, :province, :prefecture, :parent, 'planned')"
                ),
                {"code": code, "level": level, "province": FOREIGN, "prefecture": prefecture, "parent": parent},
            )


def _filled(table: Table) -> Iterator[tuple[str, Any]]:
    """Something that fits for each column that must have a value."""
    for column in table.columns:
        if column.nullable or column.server_default is not None:
            continue
        if isinstance(column.type, JSONB):
            yield column.name, {}
            continue
        kind = column.type.python_type.__name__
        yield column.name, {"UUID": new_id(), "date": TODAY, "str": PROVINCE}[kind]


def _row(table: Table, rule: ReferenceTable, claim: Claim) -> dict[str, Any]:
    _, of, province, prefecture = claim
    code = NEW if table.name == "tenant" and of not in claim[:1] else of
    told = {rule.governed or "": code, "province": province, "prefecture": prefecture}
    place = {"level": "county", "parent": prefecture or province} if table.name == "tenant" else {}
    return {**dict(_filled(table)), **dict([rule.begins] if rule.begins else []), **place, **told}


def _tried(scope: Scope, table: Table, row: dict[str, Any]) -> None:
    """Write the row in the scope, and take it back."""
    with entered(scope), unit_of_work() as session, session.begin_nested() as tried:
        session.connection().execute(insert(table).values(row))
        tried.rollback()


@pytest.mark.parametrize(("table", "rule"), GOVERNED, ids=[table.name for table, _ in GOVERNED])
def test_nobody_writes_of_a_tenant_but_a_level_that_is_above_it(table: Table, rule: ReferenceTable) -> None:
    for claim in RIGHT:
        _tried(scope_of(claim[0]), table, _row(table, rule, claim))
    passed = []
    for claim in [*FORGED, *(OF_ANOTHER if table.name != "tenant" else [])]:
        try:
            _tried(scope_of(claim[0]), table, _row(table, rule, claim))
        except DBAPIError:
            continue
        passed.append(claim)
    assert passed == []


@pytest.mark.parametrize(("table", "rule"), GOVERNED, ids=[table.name for table, _ in GOVERNED])
def test_the_code_of_a_level_is_nothing_without_the_level(table: Table, rule: ReferenceTable) -> None:
    """A scope that has the right code, and says of itself that it is of another level, writes nothing."""
    for claim in RIGHT:
        for level in set(Level) - {scope_of(claim[0]).level}:
            with pytest.raises(DBAPIError, match="row-level security"):
                _tried(replace(scope_of(claim[0]), level=level), table, _row(table, rule, claim))


def test_a_tenant_begins_planned_and_in_its_place() -> None:
    (table, rule) = next(one for one in GOVERNED if one[0].name == "tenant")
    row = _row(table, rule, RIGHT[0])
    assert rule.begins == ("state", "planned")
    for state in ("preparing", "open", "suspended"):
        with pytest.raises(DBAPIError, match="row-level security"):
            _tried(scope_of(PROVINCE), table, row | {"state": state})
    for wrong in (
        {"level": "province"},
        {"level": "prefecture"},
        {"prefecture": FOREIGN_PREFECTURE, "parent": FOREIGN_PREFECTURE},
        {"prefecture": NEW, "parent": PROVINCE},
    ):
        with pytest.raises(DBAPIError, match=r"check constraint|foreign key"):
            _tried(scope_of(PROVINCE), table, row | wrong)
