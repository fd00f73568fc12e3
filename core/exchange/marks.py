"""Marking in the identity index who was aided, when grants have been paid."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.exchange.identity_index import mark
from core.tenancy.keys import tenant_key, tokens
from core.trail.service import record
from core.vault.errors import SealBroken
from core.vault.keys import TenantKey

_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class Aided:
    """A beneficiary of a grant by the hash of the identity number; None where the number is damaged and cannot be opened."""

    hash: bytes | None
    year: int
    programme: str
    household_id: uuid.UUID
    person_id: uuid.UUID


def _beneficiaries(
    session: Session,
    *,
    cases: Sequence[uuid.UUID] | None = None,
    year: int | None = None,
    programmes: Sequence[str] | None = None,
) -> Iterator[Aided]:
    rows = session.execute(
        tenant_sql(
            "select g.year, g.programme, g.household_id, p.id, p.wrapped_key, p.identity_cipher from relief_grant g"
            " join grant_beneficiary b on b.tenant = g.tenant and b.grant_id = g.id"
            " join person p on p.tenant = b.tenant and p.id = b.person_id"
            " where g.tenant = :tenant and p.wrapped_key is not null and p.identity_cipher is not null"
            " and (cast(:cases as uuid[]) is null or g.case_id = any (:cases))"
            " and (cast(:year as integer) is null or g.year = :year)"
            " and (cast(:programmes as text[]) is null or g.programme = any (:programmes))"
        ),
        {
            "cases": list(cases) if cases is not None else None,
            "year": year,
            "programmes": list(programmes) if programmes is not None else None,
        },
    ).all()
    key = tenant_key(session)
    for row in rows:
        number = _number(key, row)
        digest = None if number is None else tokens().identity_index_hash(number)
        yield Aided(digest, row.year, row.programme, row.household_id, row.id)


def holder_of(session: Session, digest: bytes) -> uuid.UUID | None:
    """The person of the tenant in scope whose identity number has this hash of the index; None where there is none. Opens the
    numbers one after the other, since nothing here leads from the hash to a row. A number whose key is damaged keeps nobody
    else from being found."""
    rows = session.execute(
        tenant_sql(
            "select id, wrapped_key, identity_cipher from person"
            " where tenant = :tenant and wrapped_key is not null and identity_cipher is not null order by id"
        ),
        execution_options={"yield_per": _AT_ONCE},
    )
    key = tenant_key(session)
    with rows:
        for row in rows:
            number = _number(key, row)
            if number is not None and tokens().identity_index_hash(number) == digest:
                found: uuid.UUID = row.id
                return found
    return None


def _number(key: TenantKey, row: Row[Any]) -> str | None:
    """The identity number of a row of a person; None where it cannot be opened."""
    try:
        return key.person_key(row.id, bytes(row.wrapped_key)).open("identity_cipher", bytes(row.identity_cipher))
    except SealBroken:
        return None


def mark_aided(session: Session, case_ids: Sequence[uuid.UUID]) -> None:
    """Mark the beneficiaries of the cases' grants as aided in the grant's year; what is marked stays. Whoever's number cannot
    be opened is not marked, which the trail tells: what was paid is paid."""
    by_matter: dict[tuple[int, str], set[bytes]] = defaultdict(set)
    for aided in _beneficiaries(session, cases=case_ids):
        if aided.hash is None:
            record(session, "identity_index.not_marked", "person", aided.person_id, {"programme": aided.programme})
            continue
        by_matter[aided.year, aided.programme].add(aided.hash)
    for (year, programme), hashes in sorted(by_matter.items()):
        mark(session, sorted(hashes), year, f"aided:{programme}")


def aided_among(session: Session, year: int, whom: Collection[tuple[str, bytes]]) -> dict[tuple[str, bytes], Aided]:
    """Beneficiaries in the tenant in scope by (programme, hash) among ``whom``; absent where there is none.

    Of several files of one person it is the oldest one. The numbers of all beneficiaries of these programmes are opened once,
    however many are asked for.
    """
    wanted = frozenset(whom)
    found: dict[tuple[str, bytes], Aided] = {}
    for aided in _beneficiaries(session, year=year, programmes=sorted({programme for programme, _ in wanted})):
        if aided.hash is not None and (aided.programme, aided.hash) in wanted:
            known = found.setdefault((aided.programme, aided.hash), aided)
            if aided.person_id < known.person_id:
                found[aided.programme, aided.hash] = aided
    return found
