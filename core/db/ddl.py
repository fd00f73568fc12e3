"""Row-level security and grants, written from what the tables declare (``core.db.rules``).

Policies compare settings only, with the cast on the setting: a cast on the column would read the whole table.
"""

from __future__ import annotations

from sqlalchemy import Table

from core.db.base import rule_of
from core.db.rules import KEPT_MONTHS, Policy, ReferenceTable, TenantTable

APP_ROLE = "bangfu_app"
_GOVERNING = ("province", "prefecture")
"""Levels that write of tenants below them, each where a governed row names it in the column of that name."""


def _code(setting: str) -> str:
    return f"nullif(current_setting('app.{setting}', true), '')::char(6)"


_OWN = f"tenant = {_code('tenant')}"
_ERASING = "public.erasure_confirmed()"
"""Whether the erasure that ``app.erasing`` names was confirmed in this very transaction (``core.db.session.erasing``): setting
the name alone opens nothing."""


def _seen(rule: TenantTable) -> str:
    match rule.policy:
        case Policy.OWN:
            return _OWN
        case Policy.CONFIDENTIAL:
            return (
                f"{_OWN} and (handlers is null or current_setting('app.actor', true) = any (handlers)"
                f" or {rule.opened_by} = nullif(current_setting('app.opened', true), '')::uuid)"
            )
        case Policy.UPWARD:
            return f"{_OWN} or prefecture = {_code('tenant')} or province = {_code('tenant')}"
        case Policy.DOWNWARD:
            return f"{_OWN} or tenant = {_code('prefecture')} or tenant = {_code('province')}"
        case Policy.IDENTITY:
            return (
                f"{_OWN} or hash = decode(nullif(current_setting('app.lookup', true), ''), 'hex')"
                f" or (current_setting('app.level', true) = 'province' and province = {_code('tenant')})"
            )


def security_statements(table: Table, *, role: str = APP_ROLE) -> list[str]:
    """The statements that put ``table`` under its rule: policies and the application role's grants, one per item."""
    rule = rule_of(table)
    name = table.fullname
    if isinstance(rule, ReferenceTable):
        return [
            *_deletes_held_back(rule, name),
            *_governed(rule, name),
            f"grant {', '.join(_reference_grants(rule))} on {name} to {role}",
        ]
    writes = ["insert"]
    if not rule.append_only and rule.mutable is None:
        writes.append("update")
    elif changing := (*(rule.mutable or ()), *rule.held):
        writes.append(f"update ({', '.join(changing)})")
    if rule.deletable or rule.deletable_after:
        writes.append("delete")
    statements = [
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"create policy seen on {name} for select using ({_seen(rule)})",
        f"create policy written on {name} for insert with check ({_OWN})",
    ]
    if not rule.append_only:
        mine = _seen(rule) if rule.policy is Policy.CONFIDENTIAL else _OWN
        statements.append(f"create policy changed on {name} for update using ({mine}) with check ({_OWN})")
    if rule.deletable:
        statements.append(f"create policy removed on {name} for delete using ({_OWN})")
    if rule.deletable_after:
        statements.append(f"create policy removed on {name} for delete using ({_OWN} and {_old_enough(rule.deletable_after)})")
    statements.extend(_erased(rule, name, role))
    statements.extend(_kept_by_itself(rule, name))
    statements.append(f"grant select, {', '.join(writes)} on {name} to {role}")
    return statements


def _erased(rule: TenantTable, name: str, role: str) -> list[str]:
    """What lets an erasure, and nothing else, empty the personal columns of rows that do not change: a policy where none of the
    row changes, a trigger where other columns do, since policies know rows alone."""
    if not rule.held:
        return []
    if rule.append_only:
        checked = f"{_OWN} and {_ERASING}"
        return [f"create policy erased on {name} for update using ({_seen(rule)}) with check ({checked})"]
    return [
        f"create trigger erased before update of {', '.join(rule.held)} on {name} for each row"
        f" when (current_user = '{role}') execute function public.refuse_but_erasure()"
    ]


def _kept_by_itself(rule: TenantTable, name: str) -> list[str]:
    """The functions and triggers of columns that the database keeps."""
    statements = []
    for number, kept in enumerate(rule.triggers, 1):
        own, only = f"{name}_kept_{number}", f" {kept.only}" if kept.only else ""
        statements += [
            f"create function {own}() returns trigger language plpgsql as $$\nbegin\n    {kept.act};\n    return new;\nend $$",
            f"create trigger kept_{number} {kept.moment} on {name} for each row{only} execute function {own}()",
        ]
    return statements


def _old_enough(columns: tuple[str, ...]) -> str:
    return " and ".join(f"{column} < now() - interval '{KEPT_MONTHS} months'" for column in columns)


def _reference_grants(rule: ReferenceTable) -> list[str]:
    grants = ["select"]
    for grant in rule.grants:
        limited = grant == "update" and rule.mutable is not None
        grants.append(f"update ({', '.join(rule.mutable or ())})" if limited else grant)
    return [*grants, "delete"] if rule.deletable_after else grants


def _governed(rule: ReferenceTable, name: str) -> list[str]:
    """Policies by which the levels above a tenant alone write what is said of it; nothing for a table without ``governed``."""
    if rule.governed is None:
        return []
    above = " or ".join(
        f"(current_setting('app.level', true) = '{level}' and {level} = {_code('tenant')})" for level in _GOVERNING
    )
    written = f"({above}) and {rule.governed} <> {_code('tenant')}"
    begun = "" if rule.begins is None else f" and {rule.begins[0]} = '{rule.begins[1]}'"
    seen = f"{rule.governed} = {_code('tenant')} or {above}" if rule.in_line else "true"
    statements = [
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"create policy seen on {name} for select using ({seen})",
        f"create policy written on {name} for insert with check ({written}{begun})",
    ]
    if "update" in rule.grants:
        statements.append(f"create policy changed on {name} for update using ({written}) with check ({written})")
    return statements


def _deletes_held_back(rule: ReferenceTable, name: str) -> list[str]:
    """Policies that let everything through but early deletes; nothing for a table without ``deletable_after``."""
    if not rule.deletable_after:
        return []
    return [
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"create policy seen on {name} for select using (true)",
        f"create policy written on {name} for insert with check (true)",
        f"create policy changed on {name} for update using (true)",
        f"create policy removed on {name} for delete using ({_old_enough(rule.deletable_after)})",
    ]
