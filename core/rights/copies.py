"""A copy of everything about a person (个人信息副本, PIPL Art. 45): read by metadata from every table that tells of him.

What is sealed under the person's own key is opened; what is sealed under another's is not given. Numbers of others in the
household are masked wherever they stand, also where a damaged key keeps them from being opened; others' figures inside a row
are left out, and the office's people are 工作人员.
A confidential case is in it only where the actor, who gives the copy, handles it: the database shows it to nobody else.
"""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any, Final

from sqlalchemy import LargeBinary, RowMapping, func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.calendar.working_days import CHINA_TIME
from core.cases.models import Case
from core.cases.sealing import form_of
from core.db.statements import among, tenant_sql
from core.documents.sealing import Altered, PaperKeys, StoredPaper
from core.errors import Conflict, Forbidden, NotFound
from core.people.duplicates.merging import as_one
from core.people.models import Membership, Person, WorkerFile
from core.rights.catalogue import About, Subjects, ways
from core.rights.models import RightsRequest
from core.rights.names import HANDLE
from core.rights.requests import close, request_named
from core.rights.words import column_title, table_title
from core.scope import current_scope
from core.spreadsheets.writing import SpreadsheetWriting, Written
from core.tenancy.keys import person_key_if_whole, tenant_key
from core.trail.service import record, record_read
from core.vault import masking
from core.vault.errors import SealBroken
from core.vault.keys import PersonKey

TAKING: Final = Demand(HANDLE, fresh_proof=True)
LASTS_DAYS: Final = 7
"""For how many days after the answer is due the copy can still be taken out."""
_LEFT_OUT: Final = re.compile(
    r".*(_token|_masked)$|^(tenant|wrapped_key|sha256|sealed_sha256|content|hash|storage_name|handlers|token|opening_key)$"
)
_STAFF: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|system:[a-z_.]+")
_BY_STAFF: Final = re.compile(r"actor|clerk|assigned_to|file_opener|reviewer|data_entry_clerk|.*_by")
_OFFICE: Final = "工作人员"
_OTHERS_ROWS: Final = "（他人信息，不提供）"
_NOT_HIS: Final = "（以他人密钥加密，不提供）"
_DAMAGED: Final = "（加密信息已损坏，无法解开）"
_MASKED: Final = re.compile(r"(\\-)?(\\\*)+(\\ )?")
"""What a mask hides, in the mask's ``re.escape``."""
_CASES: Final = """
select distinct case_id from party
where tenant = :tenant and (person_id = any (:persons) or (person_id is null and household_id = any (:households)))
"""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table, by column."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Copy:
    """Everything about one person: rows by table, who else belongs to the household, and the papers."""

    number: str
    person: str
    taken_on: date
    household: list[dict[str, Any]]
    parts: list[Part]
    papers: list[tuple[StoredPaper, str]]
    """Each with its name inside the archive."""


def take(session: Session, request_id: uuid.UUID) -> Copy:
    """Gather the copy that a request asks for, once: whoever registered the request takes it out, and answers it thereby.

    Raises ``Forbidden`` for others, ``NotFound`` for a request of another kind, ``Conflict`` where it was taken out before,
    was refused, or was left for too long, and where the person's own key is damaged: then the request stays open.
    """
    require(TAKING)
    scope, asked = current_scope(), request_named(session, request_id, lock=True)
    if asked.kind != "export":
        raise NotFound("该请求不是个人信息副本请求", "not a request for a copy", where="request_id")
    if asked.registered_by != scope.actor:
        raise Forbidden("只有登记该请求的人员可以取出", "whoever registered it takes it out", where=asked.number)
    if asked.state != "open" or asked.taken_at is not None:
        raise Conflict(
            "副本已取出或请求已答复", "taken out, or answered", where=asked.number, mend_zh="需要再次提供的，请重新登记"
        )
    if scope.business_date > asked.due_on + timedelta(days=LASTS_DAYS):
        raise Conflict("请求已过期", "it was left for too long", where=asked.number, mend_zh="请重新登记")
    person = session.scalar(select(Person).where(Person.id == asked.person_id))
    if person is None or person.erased_at is not None:
        raise NotFound("没有此人或其信息已删除", "no such person, or the person's data were erased")
    gathered = _Gathering(session, asked, person).copy()
    asked.taken_by, asked.taken_at = scope.actor, func.now()
    close(asked, "answered", "已提供个人信息副本")
    record_read(session, "rights.copy", "person", person.id, f"依申请提供个人信息副本 {asked.number}")
    counts = {part.name: len(part.rows) for part in gathered.parts}
    record(
        session, "rights.copy_given", "person", person.id, {"request": asked.id, "rows": counts, "papers": len(gathered.papers)}
    )
    session.flush()
    return gathered


class _Gathering:
    def __init__(self, session: Session, asked: RightsRequest, person: Person) -> None:
        self._session, self._asked, self._person = session, asked, person
        # the person with all records that count as his
        persons = tuple(sorted(as_one(session, [person.id])[person.id]))
        self._keys = self._own_keys(persons)
        mine = select(Membership.household_id).where(among(Membership.person_id, persons))
        homes = set(session.scalars(mine)) | set(
            session.scalars(select(WorkerFile.household_id).where(among(WorkerFile.worker_id, persons)))
        )
        households = tuple(sorted(homes))
        cases = session.scalars(tenant_sql(_CASES), {"persons": list(persons), "households": list(households)}).all()
        self._found = Subjects(persons, households, tuple(cases))
        self._others = self._beside(households)
        self._masks = self._numbers_of_others()

    def _own_keys(self, persons: Sequence[uuid.UUID]) -> list[PersonKey]:
        """The keys of the person's records. A copy is given once, so that one without what is the person's own is not given."""
        keys, rows = tenant_key(self._session), self._session.scalars(select(Person).where(among(Person.id, persons)))
        found = [person_key_if_whole(keys, one.id, one.wrapped_key) for one in rows if one.wrapped_key is not None]
        whole = [key for key in found if key is not None]
        if len(whole) < len(found):
            raise Conflict(
                "本人的加密信息已损坏，暂时无法提供副本",
                "the person's own sealed data are damaged: the copy cannot be given yet",
                where=self._asked.number,
                mend_zh="请联系系统管理员从备份恢复后再取出；该请求仍在办理，不必重新登记",
                mend_en="have them restored from a backup, then take the copy out; the request stays open",
            )
        return whole

    def copy(self) -> Copy:
        """Everything, table by table."""
        parts, papers = [], list[tuple[StoredPaper, str]]()
        worker_of = self._worker_of()
        for about in ways(self._session):
            rows = [dict(row) for row in self._rows(about)]
            if about.table.fullname == "document":
                rows = [row for row in rows if row["erased_on"] is None and self._may_have(row, worker_of)]
                papers = self._papers(rows)
            if not rows:
                continue
            columns = tuple(column.name for column in about.table.columns if self._is_given(column))
            told = [{name: self._value(about, row, name) for name in columns} for row in rows]
            parts.append(Part(about.table.fullname, table_title(about.table), columns, told))
        return Copy(self._asked.number, self._person.name, current_scope().business_date, self._household(), parts, papers)

    def _papers(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[StoredPaper, str]]:
        """One whose key is damaged is told of as one whose file is (``write``)."""
        keys = PaperKeys(self._session)
        return [(_stored(keys, row), f"材料/{number:03d}{_suffix(row)}") for number, row in enumerate(rows, 1)]

    def _rows(self, about: About) -> Sequence[RowMapping]:
        names = ", ".join(f"t.{column.name}" for column in about.table.columns)
        told = f"t.tenant = :tenant and ({about.condition})"
        asked = f"select {names} from {about.table.fullname} t where {told}"  # noqa: S608 - mapped names
        return self._session.execute(tenant_sql(asked), self._found.bound()).mappings().all()

    def _is_given(self, column: Any) -> bool:
        sealed = column.name.endswith("_cipher")
        return not _LEFT_OUT.fullmatch(column.name) and (sealed or not isinstance(column.type, LargeBinary))

    def _may_have(self, row: Mapping[str, Any], worker_of: Mapping[uuid.UUID, uuid.UUID]) -> bool:
        """A household's papers are the worker's to have: those of others of the household may be among them."""
        return row["case_id"] is not None or worker_of.get(row["household_id"]) in self._found.persons

    def _value(self, about: About, row: Mapping[str, Any], name: str) -> Any:
        value = row[name]
        if value is None:
            return None
        if name == "form_cipher":
            case = self._session.scalar(select(Case).where(Case.id == row["id"]))
            return None if case is None else self._form(case)
        if name.endswith("_cipher"):
            return self._opened(row, name)
        if _BY_STAFF.fullmatch(name) and name not in about.rule.personal:
            return _OFFICE
        return self._clean(value)

    def _form(self, case: Case) -> Any:
        try:
            return self._clean(form_of(self._session, case))
        except SealBroken:
            return _DAMAGED

    def _opened(self, row: Mapping[str, Any], name: str) -> str:
        for key in self._keys:
            with suppress(SealBroken):
                # a former value of a column is sealed under the column's own name
                return key.open(name, bytes(row[name]))
        # a row that names a person is sealed under that person's key
        return _DAMAGED if any(value in self._found.persons for value in row.values()) else _NOT_HIS

    def _clean(self, value: Any) -> Any:
        """A value without what is not the person's: others' figures, others' numbers, keys of the office's people."""
        if isinstance(value, dict):
            if any(str(part) in self._others for part in value.values() if isinstance(part, str | uuid.UUID)):
                return _OTHERS_ROWS
            return {key: self._clean(part) for key, part in value.items() if key not in self._others}
        if isinstance(value, list):
            # a determination holds a list for each member, the member's id in it
            return [_OTHERS_ROWS if self._names_others(part) else self._clean(part) for part in value]
        if isinstance(value, str):
            if value in self._others:
                return _OTHERS_ROWS
            if _STAFF.fullmatch(value) and value not in self._own_ids():
                return _OFFICE
            for number, mask in self._masks:
                value = number.sub(mask, value)
            return value
        return value

    def _names_others(self, value: Any) -> bool:
        return isinstance(value, list) and any(isinstance(part, str) and part in self._others for part in value)

    def _own_ids(self) -> frozenset[str]:
        return frozenset(str(one) for one in self._found.bound()["everything"])

    def _beside(self, households: Sequence[uuid.UUID]) -> dict[str, tuple[Person, str]]:
        """Others who belong or belonged to the households, by id, with their relation."""
        belonged = select(Membership).where(among(Membership.household_id, households)).order_by(Membership.id)
        relations = {one.person_id: one.relation for one in self._session.scalars(belonged)}
        people = self._session.scalars(select(Person).where(among(Person.id, relations)).order_by(Person.id))
        return {str(one.id): (one, relations[one.id]) for one in people if one.id not in self._found.persons}

    def _household(self) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "relation": relation, "identity_masked": one.identity_masked}
            for one, relation in self._others.values()
        ]

    def _worker_of(self) -> dict[uuid.UUID, uuid.UUID]:
        files = select(WorkerFile.household_id, WorkerFile.worker_id).where(
            among(WorkerFile.household_id, self._found.households)
        )
        return dict(self._session.execute(files).all())

    def _numbers_of_others(self) -> list[tuple[re.Pattern[str], str]]:
        """Identity numbers, phones and accounts of the others, each with its mask: they may stand in any text."""
        keys, sealed = tenant_key(self._session), dict[uuid.UUID, PersonKey | None]()
        stored = list[tuple[uuid.UUID, str, bytes | None, str | None]]()
        for one, _ in self._others.values():
            sealed[one.id] = person_key_if_whole(keys, one.id, one.wrapped_key)
            stored.append((one.id, "identity_cipher", one.identity_cipher, one.identity_masked))
            stored.append((one.id, "phone_cipher", one.phone_cipher, one.phone_masked))
        for file in self._session.scalars(select(WorkerFile).where(among(WorkerFile.worker_id, sealed))):
            stored.append((file.worker_id, "account_cipher", file.account_cipher, file.account_masked))
        looks = [(_looks(sealed[owner], column, cipher, mask), mask) for owner, column, cipher, mask in stored]
        return [(re.compile(like, re.IGNORECASE), mask or masking.HIDDEN) for like, mask in looks if like]


def _looks(key: PersonKey | None, column: str, cipher: bytes | None, mask: str | None) -> str:
    """The pattern of a sealed number in a text; where it does not open, of whatever has its mask."""
    if key is not None and cipher is not None:
        with suppress(SealBroken):
            return re.escape(key.open(column, cipher))
    return "" if mask in (None, masking.HIDDEN) else _MASKED.sub("-?[0-9]{4,28}", re.escape(mask))


def _stored(keys: PaperKeys, row: Mapping[str, Any]) -> StoredPaper:
    key = keys.unwrap_if_whole(row["id"], bytes(row["wrapped_key"]))
    return StoredPaper(row["id"], row["storage_name"], bytes(row["sha256"]), key)


def _suffix(row: Mapping[str, Any]) -> str:
    return {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}.get(row["media_type"], "")


def write(copy: Copy, file: IO[bytes]) -> None:
    """The copy as a zip: a workbook to read, JSON for programs, and the papers as they were taken in. Papers are read one after
    the other; the file store's folder is that of the tenant in scope."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("个人信息副本.xlsx", _workbook(copy))
        archive.writestr("个人信息副本.json", json.dumps(_as_json(copy), ensure_ascii=False, indent=1, default=_plain))
        for stored, name in copy.papers:
            try:
                archive.writestr(name, stored.read())
            except NotFound:
                archive.writestr(f"{name}.缺失.txt", "该份材料的原件缺失\n")
            except Altered:
                archive.writestr(f"{name}.损坏.txt", "该份材料的原件已损坏，无法提供\n")


def _as_json(copy: Copy) -> dict[str, Any]:
    return {
        "number": copy.number,
        "person": copy.person,
        "taken_on": copy.taken_on,
        "household": copy.household,
        "tables": {part.name: {"title": part.title, "rows": part.rows} for part in copy.parts},
    }


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | uuid.UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not for a copy")


def _workbook(copy: Copy) -> bytes:
    made = io.BytesIO()
    with SpreadsheetWriting(made, title="个人信息副本") as book:
        sheet = book.sheet("说明")
        sheet.widths(dict.fromkeys(range(4), 28.0))
        for number, line in enumerate(_front(copy), 1):
            sheet.row(number, line)
        for part in copy.parts:
            sheet = book.sheet(part.title)
            sheet.widths(dict.fromkeys(range(len(part.columns)), 18.0))
            sheet.header(1, [column_title(name) for name in part.columns])
            for number, row in enumerate(part.rows, 2):
                sheet.row(number, [_cell(row[name]) for name in part.columns])
    return made.getvalue()


def _front(copy: Copy) -> Iterator[list[str]]:
    yield ["个人信息副本", copy.person]
    yield ["请求编号", copy.number]
    yield ["提供日期", copy.taken_on.isoformat()]
    yield ["金额以分为单位；他人的号码已遮盖；证明材料在“材料”文件夹。"]
    yield []
    yield ["同户其他人员", "与户主关系", "身份证号"]
    for other in copy.household:
        yield [other["name"], other["relation"], other["identity_masked"] or ""]


def _cell(value: Any) -> Written:
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return str(value)
