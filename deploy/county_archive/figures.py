"""Figures by which a county is known to be the same: every amount in fen, every balance, the chain of the trail."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, Final

from psycopg import sql

from core.trail.service import GENESIS
from deploy.county_archive.errors import NotEqual
from deploy.county_archive.tables import Driver, Table

_BALANCES: Final = sql.SQL(
    'select year, source, purpose, state, balance_fen from fund_account where tenant = {} order by year, source collate "C",'
    ' purpose collate "C", state collate "C"'
)
_COUNTED: Final = (
    ("entries", "ledger_entry", "kind", "amount_fen"),
    ("grants", "relief_grant", "state", "amount_fen"),
    ("instalments", "instalment", "state", "amount_fen"),
    ("payments", "payment_attempt", "state", "amount_fen"),
)
_UNBALANCED: Final = sql.SQL(
    "with leg as (select (part ->> 'account')::uuid as account, sum((part ->> 'fen')::bigint) as fen"
    " from ledger_entry e, jsonb_array_elements(e.legs) part where e.tenant = {0} group by 1)"
    " select count(*) from fund_account a left join leg on leg.account = a.id"
    " where a.tenant = {0} and a.balance_fen <> coalesce(leg.fen, 0)"
)


def money(driver: Driver, tenant: str) -> dict[str, Any]:
    """The ledger in fen: each account's balance; entries, grants, instalments and payments by kind or state."""
    found: dict[str, Any] = {"balances": [list(row) for row in driver.execute(_BALANCES.format(sql.Literal(tenant)))]}
    for name, table, column, amount in _COUNTED:
        query = sql.SQL(
            "select {1}::text, count(*), sum({2})::bigint from {0} where tenant = {3} group by 1 order by 1"
        ).format(sql.Identifier(table), sql.Identifier(column), sql.Identifier(amount), sql.Literal(tenant))
        found[name] = {kind: {"count": count, "fen": fen} for kind, count, fen in driver.execute(query)}
    return found


def sums(driver: Driver, tenant: str, tables: Sequence[Table]) -> dict[str, int]:
    """The sum of every column of amounts (``…_fen``) of every table, those of plugins among them."""
    found: dict[str, int] = {}
    for table in tables:
        names = [name for name, kind in table.columns if name.endswith("_fen") and kind in ("bigint", "integer", "smallint")]
        if names:
            parts = sql.SQL(", ").join(
                sql.SQL("coalesce(sum({}), 0)::numeric(38)::text").format(sql.Identifier(name)) for name in names
            )
            query = sql.SQL("select {} from {} where tenant = {}").format(parts, table.identifier, sql.Literal(tenant))
            row = driver.execute(query).fetchone() or ()
            found |= {f"{table.full}.{name}": int(value) for name, value in zip(names, row, strict=True)}
    return found


def unbalanced(driver: Driver, tenant: str) -> int:
    """How many accounts have another balance than the sum of their entries; 0 in a sound ledger."""
    row = driver.execute(_UNBALANCED.format(sql.Literal(tenant))).fetchone()
    return int(row[0]) if row else 0


def chain(driver: Driver, tenant: str) -> dict[str, Any]:
    """Walk the county's trail from its first link to its head, confidential entries too, by their hashes alone; its length and
    last hash. Raises ``NotEqual`` at the first link that does not hold. Constant memory."""
    former, seq = GENESIS, 0
    query = sql.SQL(
        "select l.seq, l.content_hash, l.hash, e.content from trail_link l left join trail_entry e"
        " on e.tenant = l.tenant and e.id = l.entry_id where l.tenant = {} order by l.seq"
    ).format(sql.Literal(tenant))
    with driver.cursor(name=f"chain_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = 2000
        cursor.execute(query)
        for number, content_hash, link, content in cursor:
            sound = number == seq + 1 and content is not None and hashlib.sha256(content).digest() == content_hash
            if not sound or hashlib.sha256(former + content_hash).digest() != link:
                raise _broken(seq + 1)
            former, seq = link, number
    head = driver.execute(sql.SQL("select seq, hash from trail_head where tenant = {}").format(sql.Literal(tenant))).fetchone()
    if (head or (0, GENESIS)) != (seq, former):
        raise _broken(seq + 1)
    return {"length": seq, "head": former.hex()}


def _broken(seq: int) -> NotEqual:
    return NotEqual(
        f"操作留痕链在第 {seq} 条断裂",
        f"the chain of the trail breaks at link {seq}",
        where=f"trail_link {seq}",
        mend_zh="请先运行 bangfu audit 查明原因；断裂的留痕不能迁移",
        mend_en="run bangfu audit and find out why first; a broken trail does not move",
    )
