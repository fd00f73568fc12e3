"""Second door: the identity index (身份索引). It answers whether somebody is on file or aided elsewhere, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.db.bulk import insert_rows
from core.db.session import looking_up
from core.db.statements import tenant_sql
from core.errors import Forbidden
from core.exchange.models import IdentityMark
from core.scope import Level, current_scope
from core.tenancy.keys import tokens
from core.trail.service import record_read

ON_FILE = "on_file"
"""Matter of a mark: the person belongs to a household on file. It is written once, with the year of that day."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the index says of one person: on file, or aided in the year asked for, in a tenant other than the one that asks."""

    on_file: bool
    aided: bool


@dataclass(frozen=True, slots=True)
class Twice:
    """Somebody with the same matter in several tenants of the province, by the keyed hash."""

    hash: bytes
    matter: str
    tenants: tuple[str, ...]


def mark(session: Session, hashes: Iterable[bytes], year: int, matter: str) -> None:
    """Mark identity hashes of the tenant in scope; what is marked already stays as it is."""
    province = current_scope().province
    rows = [{"province": province, "hash": value, "year": year, "matter": matter} for value in hashes]
    insert_rows(session, IdentityMark, rows, keep_former=True)


def elsewhere(session: Session, identity_number: str, year: int, reason: str) -> Elsewhere:
    """Whether the holder of ``identity_number`` is on file in another tenant, or was aided there in ``year``.

    The question is logged. Being on file outlasts the year in which the mark was made, so that year is not asked for.
    """
    digest = tokens().identity_index_hash(identity_number)
    record_read(session, "identity_index", "identity", None, reason)
    with looking_up(session, digest):
        matters = session.execute(
            tenant_sql(
                "select distinct matter from identity_mark"
                " where hash = :hash and tenant <> :tenant and (year = :year or matter = :on_file)"
            ),
            {"hash": digest, "year": year, "on_file": ON_FILE},
        ).scalars()
        found = set(matters)
    return Elsewhere(ON_FILE in found, any(matter.startswith("aided:") for matter in found))


def aided_twice(session: Session, year: int) -> list[Twice]:
    """Everybody who was aided for the same matter in two or more tenants; the province's own question, set-based.

    Raises ``Forbidden`` below the province (row-level security would show nothing anyway).
    """
    if current_scope().level is not Level.PROVINCE:
        raise Forbidden("仅省级可作全省比对", "only the province compares all its tenants")
    rows = session.execute(
        tenant_sql(
            "select hash, matter, array_agg(distinct tenant order by tenant) as tenants from identity_mark"
            " where province = :tenant and year = :year and matter like 'aided:%'"
            " group by hash, matter having count(distinct tenant) > 1 order by hash, matter"
        ),
        {"year": year},
    )
    return [Twice(bytes(row.hash), row.matter, tuple(row.tenants)) for row in rows]
