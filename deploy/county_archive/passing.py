"""What hangs on an installation's key, passed on to another one: tenant keys, secrets of settings, envelopes, hashes, tokens.

The archive's own key stands in for an installation's (``Opened.inner``), so that leaving one installation and entering another
are the same step. Values under the tenant's or a person's key are not touched: the tenant's key goes along, wrapped anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from core.errors import Conflict
from core.exchange import envelopes
from core.tenancy import setting_secrets
from core.vault.errors import SealBroken
from core.vault.key_file import InstallationKey
from core.vault.keys import KeyRing, TenantKey
from core.vault.tokens import TokenKind, Tokens
from deploy.county_archive.tables import Driver, Table

_BATCH: Final = 2000


class Keys:
    """All that hangs on one installation's key."""

    def __init__(self, installation: InstallationKey) -> None:
        self.installation = installation
        self.ring = KeyRing(installation)
        self.tokens = Tokens(installation)


@dataclass(frozen=True, slots=True)
class Passage:
    """One county on its way from under one installation's key to under another's."""

    driver: Driver
    tenant: str
    old: Keys
    new: Keys


Pass = Callable[[Passage, Mapping[str, Any]], Any]


def _key(passage: Passage, row: Mapping[str, Any]) -> bytes:
    return passage.old.ring.passed_on(passage.new.ring, passage.tenant, row["wrapped"])


def _secrets(passage: Passage, row: Mapping[str, Any]) -> Jsonb:
    old, new = passage.old.installation, passage.new.installation
    return Jsonb(setting_secrets.passed_on(passage.tenant, row["plugin"], row["secrets"], old, new))


def _envelope(passage: Passage, row: Mapping[str, Any]) -> bytes:
    own, peer = passage.tenant, row["peer"]
    sender, receiver = (own, peer) if row["direction"] == "out" else (peer, own)
    old, new = passage.old.installation, passage.new.installation
    return envelopes.passed_on(row["body_cipher"], row["envelope_id"], sender, receiver, old, new)


VALUES: Final[Mapping[tuple[str, str], tuple[Pass, Sequence[str]]]] = {
    ("public.tenant_key", "wrapped"): (_key, ()),
    ("public.plugin_setting_change", "secrets"): (_secrets, ("plugin",)),
    ("public.envelope", "body_cipher"): (_envelope, ("envelope_id", "direction", "peer")),
}
"""How a column is passed on, and which others of its row that takes."""
HASHES: Final = frozenset({("public.identity_mark", "hash")})
"""Columns with the identity index's hash, which is passed on by opening the county's identity numbers once (``map_hashes``)."""


def passed(passage: Passage, table: Table, source: sql.Composable) -> sql.Composable | None:
    """Make the values of ``table.rule.passed_on`` anew from the rows of ``source``; what is to be joined to them as ``made``.
    None where the table has no such column."""
    if not table.rule.passed_on:
        return None
    (column,) = table.rule.passed_on
    if (table.full, column) in HASHES:
        return sql.SQL(
            "join crossing_hash made_of on made_of.old = t.{0} cross join lateral (select made_of.new as {0}) made"
        ).format(sql.Identifier(column))
    make, others = VALUES[table.full, column]
    reads = [*table.key, column, *others]
    wanted = sql.SQL("select {} from {} t where t.tenant = {} and t.{} is not null").format(
        table.column_list(alias="t", names=reads), source, sql.Literal(passage.tenant), sql.Identifier(column)
    )
    place = _temporary(passage, table, [*table.key, column], source)
    for rows in _batches(passage.driver, wanted):
        found = [dict(zip(reads, row, strict=True)) for row in rows]
        _fill(passage.driver, place, [[*(row[name] for name in table.key), make(passage, row)] for row in found])
    return _joined(place, table)


def tokens_made(passage: Passage, table: Table, source: sql.Composable, key: TenantKey) -> sql.Composable | None:
    """Make the tokens of ``table`` anew, by opening the values beside which they stand; what is to be joined as ``made``.

    A value whose person is erased opens no more, and has no token.
    """
    tokens = table.rule.tokens
    if not tokens:
        return None
    (person,) = {token.person for token in tokens}
    sealed = [token.sealed for token in tokens]
    kinds = [TokenKind(token.kind) for token in tokens]
    of_people = person == "id"
    people = (
        sql.SQL("")
        if of_people
        else sql.SQL("join person p on p.tenant = t.tenant and p.id = t.{}").format(sql.Identifier(person))
    )
    wanted = sql.SQL(
        "select {}, t.{}, {}.wrapped_key, {} from {} t {} where t.tenant = {} and {}.wrapped_key is not null"
    ).format(
        table.column_list(alias="t", names=table.key),
        sql.Identifier(person),
        sql.Identifier("t" if of_people else "p"),
        table.column_list(alias="t", names=sealed),
        source,
        people,
        sql.Literal(passage.tenant),
        sql.Identifier("t" if of_people else "p"),
    )
    place = _temporary(passage, table, [*table.key, *(token.column for token in tokens)], source)
    width = len(table.key)
    for rows in _batches(passage.driver, wanted):
        made = []
        for row in rows:
            with _damage_told(row[width]):
                opened = key.person_key(row[width], row[width + 1])
                values = [
                    None if blob is None else passage.new.tokens.tenant_token(passage.tenant, kind, opened.open(name, blob))
                    for blob, name, kind in zip(row[width + 2 :], sealed, kinds, strict=True)
                ]
            made.append([*row[:width], *values])
        _fill(passage.driver, place, made)
    return _joined(place, table)


def map_hashes(passage: Passage, people: sql.Composable, key: TenantKey) -> int:
    """Note in a temporary table which hash of the identity index stands for which under the other key, by opening the identity
    numbers of ``people`` once; how many opened."""
    driver = passage.driver
    driver.execute("create temporary table crossing_hash (old bytea primary key, new bytea not null) on commit drop")
    wanted = sql.SQL(
        "select id, wrapped_key, identity_cipher from {} where tenant = {} and wrapped_key is not null"
        " and identity_cipher is not null"
    ).format(people, sql.Literal(passage.tenant))
    opened = 0
    for rows in _batches(driver, wanted):
        numbers = []
        for person, wrapped, cipher in rows:
            with _damage_told(person):
                numbers.append(key.person_key(person, wrapped).open("identity_cipher", cipher))
        old, new = passage.old.tokens.identity_index_hash, passage.new.tokens.identity_index_hash
        _fill(driver, sql.Identifier("crossing_hash"), [[old(number), new(number)] for number in numbers])
        opened += len(numbers)
    driver.execute("analyze crossing_hash")
    return opened


@contextmanager
def _damage_told(person: uuid.UUID) -> Iterator[None]:
    """Raises ``Conflict`` with the person's id where sealed data do not open: a county goes whole, or not at all."""
    try:
        yield
    except SealBroken:
        raise Conflict(
            "此人的加密信息已损坏，县级档案不能移交",
            "the person's sealed data are damaged: the county cannot go along whole",
            where=str(person),
            mend_zh="请先从备份恢复此人的数据后再办",
            mend_en="restore the person's data from a backup first",
        ) from None


def tenant_key_of(passage: Passage, keys: Keys, source: sql.Composable) -> TenantKey:
    """The county's data key, as ``keys`` open it from the rows of ``source``."""
    wanted = sql.SQL("select wrapped from {} where tenant = {} order by version desc limit 1").format(
        source, sql.Literal(passage.tenant)
    )
    row = passage.driver.execute(wanted).fetchone()
    if row is None:
        raise LookupError("a county without a data key does not go along")
    return keys.ring.tenant_key(passage.tenant, row[0])


def _temporary(passage: Passage, table: Table, columns: Sequence[str], source: sql.Composable) -> sql.Composable:
    place = sql.Identifier(f"crossing_{table.schema}_{table.name}"[:63])
    passage.driver.execute(
        sql.SQL("create temporary table {} on commit drop as select {} from {} t with no data").format(
            place, table.column_list(alias="t", names=columns), source
        )
    )
    return place


def _joined(place: sql.Composable, table: Table) -> sql.Composable:
    same = sql.SQL(" and ").join(sql.SQL("made.{0} = t.{0}").format(sql.Identifier(name)) for name in table.key)
    return sql.SQL("left join {} as made on {}").format(place, same)


def _batches(driver: Driver, query: sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a query, some thousands at a time; between two of them the connection is free for other statements."""
    with driver.cursor(name=f"crossing_{uuid.uuid4().hex}") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            yield rows


def _fill(driver: Driver, place: sql.Composable, rows: Sequence[Sequence[Any]]) -> None:
    with driver.cursor() as cursor, cursor.copy(sql.SQL("copy {} from stdin").format(place)) as copy:
        for row in rows:
            copy.write_row(row)
