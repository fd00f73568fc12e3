"""What a county's rows stand on outside of the county: the tenants above, its history, pinned workflows, staff with posts.

These few rows travel as JSON, as the database writes them. Staff go along without passwords, second factors and sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

import core.models
from core.db.base import rule_of
from core.db.rules import ReferenceTable
from core.parameters.service import resolve
from deploy.county_archive.errors import DoesNotFit
from deploy.county_archive.session import ACTOR, Work, in_county
from deploy.county_archive.tables import Driver

Rows = list[dict[str, Any]]
ACCOUNT_COLUMNS: Final = (
    "id",
    "login",
    "display_name",
    "is_program",
    "disabled_at",
    "disabled_why",
    "signed_in_at",
    "created_at",
)
ACCOUNT_LEFT: Final = frozenset({"password_hash", "subject", "must_change_password", "totp_cipher", "totp_step", "enabled_at"})
"""What belongs to the installation that an account signs in to."""
REREAD: Final = ("tenant_division", "tenant_change", "post", "workflow_version")
"""Tables whose rows stand here as they came; of tenants and accounts what belongs to the installation differs."""
_PLACE: Final = ("level", "province", "prefecture", "parent")
"""What says of a tenant where it stands: the same at both installations, or it is not the same tenant."""
_CALLED: Final = ("name", "union_name")
"""What a tenant is called: as the county brings it, but of the levels above the same at both."""
_SAME_PERSON: Final = ("login", "display_name", "is_program")

_ACCOUNTS: Final = """
    select to_jsonb(a) - {left}::text[] from account a
    where exists (select 1 from post p where p.account_id = a.id and p.tenant_code = {tenant})
       or a.id::text in (select actor from trail_entry where tenant = {tenant}
                         union select actor from read_log where tenant = {tenant})
    order by a.id
"""
_WORKFLOWS: Final = """
    select to_jsonb(w) from workflow_version w where exists (select 1 from case_record c where c.tenant = {tenant}
    and c.workflow = w.name and c.workflow_version = w.version) order by w.name collate "C", w.version
"""


def governed_tables() -> list[tuple[str, str]]:
    """Reference tables that tell of a tenant, with the column that names it; the tenants themselves are not among them."""
    found = []
    for table in core.models.metadata.sorted_tables:
        rule = rule_of(table)
        if isinstance(rule, ReferenceTable) and rule.governed and table.name != "tenant":
            found.append((table.name, rule.governed))
    return found


def reference_shape(driver: Driver) -> dict[str, list[str]]:
    """The columns of the tables of this module, which must be the same at both installations."""
    names = ["tenant", "account", "post", "workflow_version", *(name for name, _ in governed_tables())]
    query = (
        "select c.relname, array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attname)"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'public'::regnamespace and c.relname = any (%s) group by 1"
    )
    return {name: list(columns) for name, columns in driver.execute(query, [names])}


def parameters_in(work: Work, code: str, on: date) -> dict[str, Any]:
    """The figures of policy that hold in the county on a day: what the levels above have set does not go along, so that the
    receiver is told where another value holds."""
    with in_county(work, code, on, ACTOR) as session:
        return {name: found.value for name, found in sorted(resolve(session, on).items())}


def _all(driver: Driver, query: str, **parts: object) -> Rows:
    composed = sql.SQL(query).format(**{name: _part(part) for name, part in parts.items()})
    return [row[0] for row in driver.execute(composed)]


def _part(part: object) -> sql.Composable:
    return part if isinstance(part, sql.Composable) else sql.Literal(part)


def read_reference(driver: Driver, tenant: str) -> dict[str, Rows]:
    """The rows that go along with the county ``tenant``, by table; of the tenants the highest first."""
    tenants = _all(
        driver,
        "select to_jsonb(t) from tenant t join tenant c on c.code = {tenant} and t.code in (c.province, c.prefecture, c.code)"
        " order by array_position(array['province', 'prefecture', 'county'], t.level)",
        tenant=tenant,
    )
    found = {"tenant": tenants}
    for table, column in governed_tables():
        found[table] = _all(
            driver,
            'select to_jsonb(r) from {table} r where r.{column} = {tenant} order by to_jsonb(r)::text collate "C"',
            table=sql.Identifier(table),
            column=sql.Identifier(column),
            tenant=tenant,
        )
    found["account"] = _all(driver, _ACCOUNTS, left=sorted(ACCOUNT_LEFT), tenant=tenant)
    found["post"] = _all(
        driver,
        "select to_jsonb(p) from post p where tenant_code = {tenant} order by delegated_from nulls first, id",
        tenant=tenant,
    )
    found["workflow_version"] = _all(driver, _WORKFLOWS, tenant=tenant)
    return found


@dataclass(frozen=True, slots=True)
class Arrival:
    """What of the reference rows is new at the receiving installation."""

    tenants: Rows
    """Levels above the county that are not there yet."""
    planned: bool
    """The county is there, but was never opened."""
    workflows: Rows
    accounts: Rows
    """With the logins that they get here."""


def fitted(driver: Driver, reference: Mapping[str, Rows], logins: Mapping[str, str]) -> Arrival:
    """Compare the reference rows with what is here; raises ``DoesNotFit`` that names all that differs."""
    *above, county = reference["tenant"]
    here = _by(driver, "tenant", "code", [row["code"] for row in reference["tenant"]])
    differs = list(_differing(here.get(county["code"]), county, _PLACE, county["code"]))
    differs += [line for row in above for line in _differing(here.get(row["code"]), row, _PLACE + _CALLED, row["code"])]
    standing = here.get(county["code"])
    if standing is not None and standing["state"] != "planned":
        differs.append(f"{county['code']} 本安装中已开通（{standing['state']}）/ is {standing['state']} here already")
    pinned = {(row["name"], row["version"]): row for row in _all(driver, "select to_jsonb(w) from workflow_version w")}
    new_workflows = []
    for row in reference["workflow_version"]:
        known = pinned.get((row["name"], row["version"]))
        if known is None:
            new_workflows.append(row)
        elif known != row:
            differs.append(
                f"流程 {row['name']} 第 {row['version']} 版内容不同 / workflow {row['name']} {row['version']} differs"
            )
    accounts, unlike = _accounts(driver, reference["account"], logins)
    differs += unlike
    if differs:
        raise DoesNotFit(
            f"有 {len(differs)} 处与本安装不一致，没有写入任何数据",
            f"{len(differs)} things differ from what is here; nothing was written",
            where="; ".join(differs[:20]),
            mend_zh="请先在两边核对一致；登录名被占用的，用 --login 原登录名=新登录名 另起",
            mend_en="bring both sides together first; give another login with --login OLD=NEW where one is taken",
        )
    return Arrival([row for row in above if row["code"] not in here], standing is not None, new_workflows, accounts)


def _by(driver: Driver, table: str, column: str, wanted: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    query = "select to_jsonb(r) from {table} r where r.{column}::text = any ({wanted})"
    texts = [str(one) for one in wanted]
    rows = _all(driver, query, table=sql.Identifier(table), column=sql.Identifier(column), wanted=texts)
    return {row[column]: row for row in rows}


def _differing(here: Mapping[str, Any] | None, there: Mapping[str, Any], columns: Sequence[str], what: str) -> Iterator[str]:
    if here is not None:
        for column in columns:
            if here[column] != there[column]:
                yield f"{what} {column}: {there[column]} ≠ {here[column]}"


def _accounts(driver: Driver, rows: Rows, logins: Mapping[str, str]) -> tuple[Rows, list[str]]:
    renamed = [{**row, "login": logins.get(row["login"], row["login"])} for row in rows]
    by_id = _by(driver, "account", "id", [row["id"] for row in rows])
    by_login = _by(driver, "account", "login", [row["login"] for row in renamed])
    differs = [
        f"--login {login}: 档案包中没有 / not in the archive" for login in logins.keys() - {row["login"] for row in rows}
    ]
    times = Counter(row["login"] for row in renamed)
    differs += [f"登录名 {login} 有 {n} 人使用 / {n} people would get the login" for login, n in times.items() if n > 1]
    fresh = []
    for row in renamed:
        known, taken = by_id.get(row["id"]), by_login.get(row["login"])
        if known is not None:
            differs.extend(_differing(known, row, _SAME_PERSON, f"账号 account {row['login']}"))
        elif taken is not None:
            differs.append(f"登录名 {row['login']} 已被占用 / the login is taken by somebody else")
        else:
            fresh.append(row)
    return fresh, differs


def holding(reference: Mapping[str, Rows], on: date) -> set[str]:
    """Accounts whose post in the county is not over on a day."""
    posts = reference["post"]
    return {row["account_id"] for row in posts if row["valid_to"] is None or row["valid_to"] >= on.isoformat()}


def write_reference(driver: Driver, reference: Mapping[str, Rows], arrival: Arrival, state: str, on: date) -> None:
    """Write what is new: tenants above, the county in ``state`` with its history, workflows, accounts, posts."""
    _insert(driver, "tenant", arrival.tenants)
    county = {**reference["tenant"][-1], "state": state}
    if arrival.planned:
        driver.execute("delete from tenant_division where tenant_code = %s", [county["code"]])
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(county))
        query = "update tenant set ({0}) = (select {0} from jsonb_populate_record(null::tenant, %s)) where code = %s"
        driver.execute(sql.SQL(query).format(columns), [Jsonb(county), county["code"]])
    else:
        _insert(driver, "tenant", [county])
    for table, _ in governed_tables():
        _insert(driver, table, reference[table])
    _insert(driver, "workflow_version", arrival.workflows)
    in_post = holding(reference, on)
    for row in arrival.accounts:
        driver.execute(
            "insert into account (id, login, display_name, is_program, must_change_password, disabled_at, disabled_why,"
            " enabled_at, signed_in_at, created_at) values (%(id)s, %(login)s, %(display_name)s, %(is_program)s,"
            " not %(is_program)s, coalesce(%(disabled_at)s, case when %(rests)s then now() end),"
            " coalesce(%(disabled_why)s, case when %(rests)s then %(why)s end), now(), %(signed_in_at)s, %(created_at)s)",
            {
                **row,
                "rests": row["is_program"] or row["id"] not in in_post,
                "why": f"随 {county['code']} 档案迁入，仅供查阅留痕",
            },
        )
    _insert(driver, "post", reference["post"])


def _insert(driver: Driver, table: str, rows: Rows) -> None:
    if rows:
        query = sql.SQL("insert into {0} select * from jsonb_populate_recordset(null::{0}, %s)").format(sql.Identifier(table))
        driver.execute(query, [Jsonb(rows)])
