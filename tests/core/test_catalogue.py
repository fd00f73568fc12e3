"""Every relation and function of the database obeys the rules of isolation; what breaks them fails by name."""

from __future__ import annotations

import re
from collections.abc import Container

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Connection, Table, text

import core.models
from core.db.base import rule_of
from core.db.freeze import FOUNDATIONS, frozen_ddl
from core.db.migrate import CORE_MIGRATIONS, migrate_core
from core.db.rules import Policy, ReferenceTable, TenantTable
from core.errors import Misconfigured
from tests.conftest import Database

# Tables without a tenant, by name: a new one must be added here with its reason stated on the model.
REFERENCE_TABLES = {
    "account",
    "business_clock",
    "directory_difference",
    "directory_entry",
    "installation",
    "national_parameter",
    "plugin_fault",
    "plugin_quarantine",
    "post",
    "pulse",
    "recovery_code",
    "recurring_start",
    "seen_token",
    "sign_in_event",
    "staff_session",
    "tenant",
    "tenant_change",
    "tenant_division",
    "workflow_version",
    "working_day_exception",
}
ALEMBIC = "alembic_version"
POLICIES_BESIDE_OWN = {Policy.CONFIDENTIAL, Policy.UPWARD, Policy.DOWNWARD, Policy.IDENTITY}


def core_tables() -> list[Table]:
    """The core's mapped tables; a plugin's, which some other test may have loaded, lie in a schema of their own."""
    return [table for table in core.models.metadata.sorted_tables if table.schema is None]


def _is_core(found: object, _name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return kind != "table" or getattr(found, "schema", None) is None


def breaches(connection: Connection, schemas: tuple[str, ...] = ("public",)) -> list[str]:
    """All breaches of the isolation rules among the relations and functions of ``schemas``, each with its name."""
    found: list[str] = []
    declared = {table.fullname: table for table in core.models.metadata.sorted_tables}
    relations = connection.execute(
        text(
            "select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,"
            " pg_get_userbyid(c.relowner) as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = any (:schemas) and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 2, 3"
        ),
        {"schemas": list(schemas)},
    )
    for relation in relations.mappings():
        name = relation["relname"]
        if name == ALEMBIC:
            continue
        if relation["owner"] != "bangfu_owner":
            found.append(f"{name}: owned by {relation['owner']}")
        if relation["relkind"] == "v":
            if "security_invoker=true" not in (relation["reloptions"] or []):
                found.append(f"{name}: view without security_invoker")
            continue
        if relation["relkind"] in ("m", "f"):
            found.append(f"{name}: materialised and foreign relations have no row-level security")
            continue
        if name in REFERENCE_TABLES:
            continue
        found.extend(_tenant_table_breaches(connection, relation["oid"], name, dict(relation), declared))
    found.extend(
        f"{name}: SECURITY DEFINER function"
        for (name,) in connection.execute(
            text(
                "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
                " where n.nspname = any (:schemas) and p.prosecdef"
            ),
            {"schemas": list(schemas)},
        )
    )
    return found


def _tenant_table_breaches(
    connection: Connection, oid: int, name: str, relation: dict[str, object], declared: Container[str]
) -> list[str]:
    found: list[str] = []
    if name not in declared:
        found.append(f"{name}: no model declares whose rows it holds")
    if not (relation["relrowsecurity"] and relation["relforcerowsecurity"]):
        found.append(f"{name}: row-level security is not forced")
    columns = connection.execute(
        text(
            "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a"
            " where a.attrelid = :oid and a.attnum > 0 and not a.attisdropped"
        ),
        {"oid": oid},
    ).all()
    if ("tenant", "character(6)") not in {tuple(column) for column in columns}:
        found.append(f"{name}: no column tenant char(6)")
    policies = connection.execute(
        text(
            "select polname, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), polroles"
            " from pg_policy where polrelid = :oid"
        ),
        {"oid": oid},
    ).all()
    if not policies:
        found.append(f"{name}: no policy")
    for policy in policies:
        for expression in (policy[2], policy[3]):
            if expression is None:
                continue
            if "select" in expression.lower():
                found.append(f"{name}: policy {policy[0]} holds a subquery")
            if re.search(r"\(tenant\)::|tenant::", expression):
                found.append(f"{name}: policy {policy[0]} casts the column")
            if "tenant = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::character(6)" not in expression:
                found.append(f"{name}: policy {policy[0]} does not compare tenant with the scope")
    keys = connection.execute(
        text(
            "select conname, contype, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = :oid and contype in ('p', 'u', 'f', 'x')"
        ),
        {"oid": oid},
    ).all()
    for key, kind, definition in keys:
        first = re.search(r"\((\w+)", definition)
        if first is None or first.group(1) != "tenant":
            found.append(f"{name}: key {key} does not start with tenant")
        if kind == "f" and "tenant" not in definition.split("REFERENCES")[1]:
            found.append(f"{name}: foreign key {key} leaves the tenant")
    unique = connection.execute(
        text(
            "select i.indexrelid::regclass::text, a.attname from pg_index i"
            " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
            " where i.indrelid = :oid and i.indisunique"
        ),
        {"oid": oid},
    ).all()
    found.extend(f"{name}: unique index {index} does not start with tenant" for index, column in unique if column != "tenant")
    return found


def test_every_relation_obeys(db: Database) -> None:
    with db.owner.connect() as connection:
        assert breaches(connection) == []


@pytest.mark.parametrize(
    ("ddl", "breach"),
    [
        ("create table loose (id int)", "loose: row-level security is not forced"),
        ("create view peek as select * from person", "peek: view without security_invoker"),
        ("create materialized view frozen as select 1", "frozen: materialised and foreign relations"),
        ("create function leak() returns int language sql security definer as 'select 1'", "leak: SECURITY DEFINER"),
        ("alter table person no force row level security", "person: row-level security is not forced"),
        ("create policy all_open on person for select using (true)", "person: policy all_open does not compare"),
        ("create unique index across on person (name)", "person: unique index across does not start with tenant"),
        (
            "alter table household add constraint far foreign key (id) references account (id)",
            "household: key far does not start",
        ),
    ],
)
def test_a_breach_is_named(db: Database, ddl: str, breach: str) -> None:
    with db.owner.connect() as connection:
        connection.execute(text(ddl))
        assert any(line.startswith(breach) for line in breaches(connection)), breaches(connection)
        connection.rollback()


def test_reference_tables_are_the_listed_ones() -> None:
    declared = {table.name: rule for table in core_tables() if isinstance(rule := rule_of(table), ReferenceTable)}
    assert set(declared) == REFERENCE_TABLES
    assert all(rule.reason for rule in declared.values())


def test_what_is_said_of_tenants_is_written_by_the_levels_above_alone(db: Database) -> None:
    """Each governed table is under forced security; its policies ask for the province or the prefecture, and never let a tenant
    write of itself. What a row claims of the levels above is held against the tenant's own row by keys."""
    governed = {
        table.name: rule for table in core_tables() if isinstance(rule := rule_of(table), ReferenceTable) and rule.governed
    }
    assert set(governed) == {"tenant", "tenant_change", "tenant_division"}
    scope = "(NULLIF(current_setting('app.tenant'::text, true), ''::text))::character(6)"
    with db.owner.connect() as connection:
        forced = set(connection.scalars(text("select relname from pg_class where relrowsecurity and relforcerowsecurity")))
        rows = connection.execute(
            text(
                "select polrelid::regclass::text as relation, polcmd::text as command, pg_get_expr(polqual, polrelid) as seen,"
                " pg_get_expr(polwithcheck, polrelid) as written from pg_policy"
            )
        ).all()
        keys = set(
            connection.scalars(
                text(
                    "select pg_get_constraintdef(oid) from pg_constraint where contype = 'f' and confrelid = 'tenant'::regclass"
                )
            )
        )
    assert set(governed) <= forced
    for name, rule in governed.items():
        mine = {row.command: row for row in rows if row.relation == name}
        assert set(mine) == {"r", "a"} | ({"w"} if "update" in rule.grants else set()), name
        for command in set(mine) - {"r"}:
            for expression in filter(None, (mine[command].written, mine[command].seen)):
                for part in (f"province = {scope}", f"prefecture = {scope}", f"{rule.governed} <> {scope}"):
                    assert part in expression, (name, command, part)
        assert (mine["r"].seen == "true") is not rule.in_line, name
        if name != "tenant":
            for above in ("province", "prefecture"):
                assert f"FOREIGN KEY ({rule.governed}, {above}) REFERENCES tenant(code, {above})" in keys, name


def test_grants_are_what_the_rules_say(db: Database) -> None:
    with db.owner.connect() as connection:
        rows = connection.execute(
            text(
                "select table_name, array_agg(lower(privilege_type) order by privilege_type)"
                " from information_schema.role_table_grants where grantee = 'bangfu_app' group by 1"
            )
        ).all()
    granted = {name: set(rights) for name, rights in rows}
    for table in core_tables():
        rule = rule_of(table)
        if isinstance(rule, TenantTable):
            expected = {"select", "insert"}
            expected |= set() if rule.append_only or rule.mutable is not None else {"update"}
            expected |= {"delete"} if rule.deletable or rule.deletable_after else set()
        else:
            expected = {"select", *rule.grants} - ({"update"} if rule.mutable is not None else set())
            expected |= {"delete"} if rule.deletable_after else set()
        assert granted[table.name] == expected, table.name
    assert ALEMBIC not in granted


def test_only_the_columns_that_a_rule_names_can_change(db: Database) -> None:
    with db.owner.connect() as connection:
        rows = connection.execute(
            text(
                "select table_name, array_agg(column_name::text) from information_schema.column_privileges"
                " where grantee = 'bangfu_app' and privilege_type = 'UPDATE' group by 1"
            )
        ).all()
    changeable = {name: set(columns) for name, columns in rows}
    limited = 0
    for table in core_tables():
        rule = rule_of(table)
        held = set(rule.held) if isinstance(rule, TenantTable) else set()
        if rule.mutable is not None or held:
            # what an erasure alone empties stands behind a policy or a trigger of its own
            assert changeable.get(table.name, set()) == {*(rule.mutable or ()), *held}, table.name
            limited += 1
    assert limited


def test_only_what_erasure_removes_can_be_deleted() -> None:
    """Each table from which rows may go is named here: nothing else is ever deleted."""
    tables = {table.name: rule_of(table) for table in core_tables()}
    deletable = {name for name, rule in tables.items() if isinstance(rule, TenantTable) and rule.deletable}
    staged = {"roster_change", "roster_heading", "roster_part", "roster_problem"}
    assert deletable == {"identity_mark", "printed_file", "search_token", *staged}


def test_what_tells_of_acts_is_kept_six_months_by_the_database(db: Database) -> None:
    """Each table whose rows may go when they are old is named here; the policy asks for the age of a column that is fixed."""
    rules = {table.name: rule_of(table) for table in core_tables()}
    old = {name: rule for name, rule in rules.items() if rule.deletable_after}
    assert {name: rule.deletable_after for name, rule in old.items()} == {
        "outbox": ("at", "sent_at"),
        "sign_in_event": ("at",),
        "staff_session": ("created_at",),
    }
    with db.owner.connect() as connection:
        policies: dict[str, str] = dict(
            connection.execute(
                text("select polrelid::regclass::text, pg_get_expr(polqual, polrelid) from pg_policy where polcmd = 'd'")
            ).all()
        )
        forced = set(connection.scalars(text("select relname from pg_class where relrowsecurity and relforcerowsecurity")))
    for name, rule in old.items():
        changes = isinstance(rule, TenantTable) or "update" in rule.grants
        assert not changes or set(rule.deletable_after) - set(rule.mutable or rule.deletable_after), name
        assert name in forced
        for column in rule.deletable_after:
            assert f"({column} < (now() - '6 mons'::interval))" in policies[name], name


def test_the_migrated_schema_is_the_mapped_one(db: Database) -> None:
    with db.owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_core})
        assert compare_metadata(context, core.models.metadata) == []


def test_the_frozen_ddl_is_what_the_models_declare() -> None:
    """While there is one migration only, it is the models' DDL to the letter, policies and grants included."""
    frozen = (CORE_MIGRATIONS / "versions" / "0001_first_schema.sql").read_text(encoding="utf-8")
    assert frozen == frozen_ddl(core.models.metadata, before=FOUNDATIONS)


def test_amounts_of_money_are_bigint() -> None:
    """An int4 of fen ends at 21 million yuan."""
    narrow = [
        f"{table.name}.{column.name}"
        for table in core_tables()
        for column in table.columns
        if column.name.endswith("_fen") and not isinstance(column.type, BigInteger)
    ]
    assert narrow == []


def test_tenant_stands_in_the_index_condition(db: Database) -> None:
    with db.app.connect() as connection:
        connection.execute(text("set local app.tenant = '510104'"))
        connection.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(row[0] for row in connection.execute(text("explain select * from person")))
    assert re.search(r"Index Cond: .*tenant = ", plan), plan


def test_data_of_another_beginning_is_refused_before_anything_changes(db: Database) -> None:
    with db.owner.connect() as connection:
        migrate_core(connection)
        digest = connection.scalar(text("select obj_description('alembic_version'::regclass)"))
        connection.exec_driver_sql("comment on table alembic_version is 'another'")
        connection.commit()
        with pytest.raises(Misconfigured, match="开发版本"):
            migrate_core(connection)
        connection.exec_driver_sql(f"comment on table alembic_version is '{digest}'")
        connection.commit()
        migrate_core(connection)
