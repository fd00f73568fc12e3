"""What is kept of a spreadsheet that waits: its bytes and the households read from it, sealed under the tenant's key.

Households travel as JSON, packed, some hundreds in a piece: an import of a hundred thousand persons is a few hundred rows.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import IO, Any, Final
from uuid import UUID

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.errors import Conflict
from core.people.imports.models import RosterPart
from core.people.roster import HouseholdDraft, PersonDraft
from core.spreadsheets.reading import ChildReading, read_spreadsheet
from core.tenancy.keys import tenant_key
from core.vault.keys import TenantKey

PIECE_BYTES: Final = 1024 * 1024
PIECE_HOUSEHOLDS: Final = 500
_FILE, _DRAFTS = "file", "drafts"


def _place(import_id: UUID, what: str, no: int) -> str:
    return f"roster/{import_id}/{what}/{no}"


def keep_file(session: Session, import_id: UUID, source: IO[bytes]) -> None:
    """Seal the bytes of ``source``, piece by piece, so that no more than one is in memory."""
    key = tenant_key(session)
    no = 0
    while piece := source.read(PIECE_BYTES):
        sealed = key.seal(_place(import_id, _FILE, no), piece)
        session.add(RosterPart(id=new_id(), import_id=import_id, what=_FILE, no=no, sealed=sealed))
        session.flush()
        no += 1


def open_kept(session: Session, import_id: UUID, name: str) -> ChildReading:
    """The kept file, open for reading; leave it by ``with``. Unsealed it stands in a file without a name, of which nothing is
    left whatever ends this process. Raises ``Conflict`` where it is kept no longer, and ``SpreadsheetRefused``."""
    key = tenant_key(session)
    with tempfile.TemporaryFile(prefix="bangfu-roster-") as file:
        for no, sealed in _parts(session, import_id, _FILE):
            file.write(key.open(_place(import_id, _FILE, no), sealed))
        if not file.tell():
            raise Conflict("文件已清除，请重新上传", "the file is kept no longer; send it again", where=name)
        file.flush()
        return read_spreadsheet(file, name)


def sealed_drafts(key: TenantKey, import_id: UUID, drafts: Sequence[HouseholdDraft]) -> list[bytes]:
    """Households that were read, as they are kept. It needs no database: they are sealed beside what asks it."""
    pieces = [drafts[start : start + PIECE_HOUSEHOLDS] for start in range(0, len(drafts), PIECE_HOUSEHOLDS)]
    return [key.seal(_place(import_id, _DRAFTS, no), zlib.compress(_encoded(piece), 1)) for no, piece in enumerate(pieces)]


def keep_drafts(session: Session, import_id: UUID, sealed: Sequence[bytes]) -> None:
    """Keep households that were sealed, in the place of those that a former check read."""
    session.execute(delete(RosterPart).where(RosterPart.import_id == import_id, RosterPart.what == _DRAFTS))
    for no, part in enumerate(sealed):
        session.add(RosterPart(id=new_id(), import_id=import_id, what=_DRAFTS, no=no, sealed=part))
    session.flush()


def kept_drafts(session: Session, import_id: UUID) -> Iterator[list[HouseholdDraft]]:
    """The kept households, piece by piece."""
    key = tenant_key(session)
    for no, sealed in _parts(session, import_id, _DRAFTS):
        yield _decoded(zlib.decompress(key.open(_place(import_id, _DRAFTS, no), sealed)))


def drop_parts(session: Session, import_ids: Iterable[UUID]) -> None:
    """Delete what is kept of imports."""
    session.execute(delete(RosterPart).where(RosterPart.import_id.in_(list(import_ids))))


def _parts(session: Session, import_id: UUID, what: str) -> Iterator[tuple[int, bytes]]:
    """One piece at a time, asked for by its number: a large file never stands in memory whole."""
    no = 0
    while True:
        asked = select(RosterPart.sealed).where(RosterPart.import_id == import_id, RosterPart.what == what, RosterPart.no == no)
        sealed = session.scalar(asked)
        if sealed is None:
            return
        yield no, sealed
        no += 1


def _encoded(drafts: Sequence[HouseholdDraft]) -> bytes:
    rows = [
        [
            draft.key,
            draft.address,
            draft.account,
            draft.household,
            draft.file,
            draft.fact,
            [
                (one.sheet, one.row, one.relation, one.number, one.name, one.phone, one.role, one.columns, one.fact)
                for one in draft.people
            ],
        ]
        for draft in drafts
    ]
    return orjson.dumps(rows, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, date):
        return {"day": value.isoformat()}
    raise TypeError(f"{type(value).__name__} is not kept")


def _untagged(columns: dict[str, Any]) -> dict[str, Any]:
    for name, value in columns.items():
        if type(value) is dict:
            columns[name] = date.fromisoformat(value["day"])
    return columns


def _decoded(packed: bytes) -> list[HouseholdDraft]:
    return [
        HouseholdDraft(
            key=key,
            people=[_person(told) for told in people],
            address=address,
            account=account,
            household=_untagged(household),
            file=_untagged(file),
            fact=_untagged(fact),
        )
        for key, address, account, household, file, fact, people in orjson.loads(packed)
    ]


def _person(told: Sequence[Any]) -> PersonDraft:
    sheet, row, relation, number, name, phone, role, columns, fact = told
    return PersonDraft(sheet, row, relation, number, name, phone, role, _untagged(columns), _untagged(fact))
