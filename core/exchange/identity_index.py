"""Second door: the identity index (身份索引). It answers whether somebody is on file or aided elsewhere, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.db.bulk import insert_rows
from core.db.session import looking_up
from core.db.statements import tenant_sql
from core.errors import Forbidden
from core.exchange.models import IdentityMark
from core.exchange.question_limits import count_nothing, count_questions
from core.scope import Level, current_scope
from core.tenancy.keys import tokens
from core.trail.service import record_read

ON_FILE = "on_file"
"""Matter of a mark: the person belongs to a household on file. It is written once, with the year of that day."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the index says of one person: on file, or aided in a year asked for, in a tenant other than the one that asks."""

    on_file: bool
    aided: bool

    @property
    def known(self) -> bool:
        """Whether it knows of somebody elsewhere at all."""
        return self.on_file or self.aided


def this_and_last_year() -> tuple[int, int]:
    """The years of which an office asks: aid of last year still counts (domain 4.4.1)."""
    year = current_scope().business_date.year
    return year, year - 1


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


def elsewhere(session: Session, numbers: Sequence[str], years: Collection[int], reason: str) -> list[Elsewhere]:
    """Whether the holder of each of the identity ``numbers`` is on file in another tenant, or was aided there in ``years``.

    Each question is logged and counted, so the caller commits whatever the answers. Being on file outlasts the year in which
    the mark was made, so that year is not asked for. Raises ``TooManyQuestions`` where the account or the county may not ask so
    many today: then none is asked.
    """
    count_questions(session, len(numbers))
    found = [_elsewhere(session, tokens().identity_index_hash(number), years, reason) for number in numbers]
    count_nothing(session, sum(not one.known for one in found))
    return found


def _elsewhere(session: Session, digest: bytes, years: Collection[int], reason: str) -> Elsewhere:
    record_read(session, "identity_index", "identity", None, reason)
    with looking_up(session, digest):
        matters = session.execute(
            tenant_sql(
                "select distinct matter from identity_mark"
                " where hash = :hash and tenant <> :tenant and (year = any (:years) or matter = :on_file)"
            ),
            {"hash": digest, "years": list(years), "on_file": ON_FILE},
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
            " where province = :tenant and year = :year and matter <> 'on_file' and matter like 'aided:%'"
            " group by hash, matter having count(distinct tenant) > 1 order by hash, matter"
        ),
        {"year": year},
    )
    return [Twice(bytes(row.hash), row.matter, tuple(row.tenants)) for row in rows]
