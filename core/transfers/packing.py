"""Packing households for another county: their rows as they stand, with what is sealed opened for the package alone.

Acts on the household (``household_change``) stay: what they did stands in the rows of membership. Employers go along so
that the receiver finds its own by the credit code; they are not written there.

Rows travel as the database writes them (``to_jsonb``), so that a column that is new goes along by itself; columns that it
makes of others stay, for they are made anew. A fixed number of
statements, however many households there are.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.base import Base
from core.db.statements import tenant_sql
from core.documents.sealing import PaperKeys, StoredPaper
from core.errors import Conflict
from core.people.duplicates.merging import as_one
from core.tenancy.keys import tenant_key
from core.vault.errors import SealBroken
from core.vault.tokens import TokenKind

Row = dict[str, Any]

SEALED: Final[Mapping[str, Mapping[str, tuple[TokenKind, str] | None]]] = {
    "person": {
        "identity_cipher": (TokenKind.IDENTITY, "identity_token"),
        "phone_cipher": (TokenKind.PHONE, "phone_token"),
    },
    "household": {"house_number_cipher": None},
    "worker_file": {"account_cipher": (TokenKind.ACCOUNT, "account_token")},
    "person_correction": {
        "former_name_cipher": None,
        "former_identity_cipher": (TokenKind.IDENTITY, "former_identity_token"),
    },
}
"""Sealed columns by table with the column of the token beside them. Those of a person and of what
was put right of a person are sealed under the person's key, the others under the worker's."""

_HISTORY: Final = """
select household_id, jsonb_build_object('decided_on', decided_on, 'rule_set', rule_set, 'rule_version', rule_version,
    'inputs', inputs, 'eligible', eligible, 'kind', kind, 'reasons', reasons, 'amounts', amounts) as told
from determination where tenant = :tenant and household_id = any (:households) order by household_id, decided_on, id
"""
_NOT_MERGED: Final = (
    "not exists (select 1 from record_merge r where r.tenant = :tenant and r.merged_id = t.{person} and r.undone_on is null)"
)
"""Who counts as another one is no member here, and would be one there: the merge stays with the giver."""
_AID: Final = """
select household_id, jsonb_build_object('programme', programme, 'occurrence', occurrence, 'year', year, 'source', source,
    'purpose', purpose, 'amount_fen', amount_fen, 'approved_on', approved_on, 'state', state) as told
from relief_grant where tenant = :tenant and household_id = any (:households) and state <> 'released'
order by household_id, approved_on, id
"""


class Unopened(Conflict):
    """Sealed values of some persons cannot be opened, so that their household cannot be sent; ``whom`` are they in words."""

    code = "transfer_unopened"

    def __init__(self, whom: Sequence[str]) -> None:
        super().__init__(
            f"加密信息已损坏，不能移转：{'、'.join(whom)}",
            "sealed values of persons of the household are damaged",
            where=whom[0],
            mend_zh="请联系系统管理员从备份恢复后再转",
            mend_en="have them restored from a backup first",
            files=whom,
        )


@dataclass(slots=True)
class Package:
    """What travels: rows by table, the plain text of sealed columns by table and row, and history by household."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    plain: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    history: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)
    """Persons who belong to one of the households today."""

    def of(self, table: str) -> list[Row]:
        """The rows of a table."""
        return self.rows.get(table, [])

    def papers(self) -> list[tuple[Row, StoredPaper]]:
        """The rows of papers with their files as the giver's folder holds them; those that were erased are not among them."""
        keys = self.plain["document"]
        return [
            (row, StoredPaper(uuid.UUID(row["id"]), row["storage_name"], _bytes(row["sha256"]) or b"", bytes.fromhex(key)))
            for row in self.of("document")
            if (key := keys.get(row["id"], {}).get("key"))
        ]

    def as_json(self) -> dict[str, Any]:
        """The package as an envelope holds it."""
        return {"rows": self.rows, "plain": self.plain, "history": self.history, "present": self.present}


def unpacked(content: Mapping[str, Any]) -> Package:
    """The package that an envelope holds."""
    return Package(content["rows"], content["plain"], content["history"], content["present"])


def pack(session: Session, households: Sequence[uuid.UUID], cases: Sequence[uuid.UUID]) -> Package:
    """Pack households of the tenant in scope with their members, facts and papers, and open cases with parties, steps, clocks
    and papers. Cases that are confidential never come here. Raises ``Unopened``."""
    package = Package()
    take = _Taker(session, package)
    take("household", "id", households)
    take("membership", "household_id", households, _NOT_MERGED.format(person="person_id"))
    take("worker_file", "household_id", households)
    take("household_fact", "household_id", households)
    take("file_step", "household_id", households)
    signed = f"{_NOT_MERGED.format(person='person_id')} and {_NOT_MERGED.format(person='guardian_id')}"
    take("consent", "household_id", households, signed)
    take("case_record", "id", cases)
    for table in ("party", "case_step", "deadline"):
        take(table, "case_id", cases)
    take("document", "household_id", households, "handlers is null and case_id is null")
    take("document", "case_id", cases, "handlers is null")
    persons = _persons(package)
    take("person", "id", persons)
    take("person_fact", "person_id", persons)
    take("person_correction", "person_id", persons)
    take("employer", "id", [uuid.UUID(row["employer_id"]) for row in package.of("worker_file") if row["employer_id"]])
    _take_occurrences(session, package, take, [*households, *persons])
    take("search_token", "subject_id", [*persons, *cases], "handlers is null")
    package.present = sorted({person for _, person in members_today(package)})
    _open_sealed(session, package)
    _open_papers(session, package)
    _tell_history(session, package, households)
    return package


def _take_occurrences(session: Session, package: Package, take: _Taker, subjects: Sequence[uuid.UUID]) -> None:
    """Aid that counts once a period, also what was given under another record of the same household or person: it counts as the
    record's that goes. The merge itself stays with the giver."""
    groups = as_one(session, subjects)
    leads = {str(one): str(subject) for subject in subjects for one in groups[subject] if one not in groups}
    take("grant_occurrence", "subject_id", [*groups, *map(uuid.UUID, leads)], "not released")
    seen = set()
    kept = []
    for row in package.of("grant_occurrence"):
        row["subject_id"] = leads.get(row["subject_id"], row["subject_id"])
        key = (row["programme"], row["occurrence"], row["subject_id"])
        if key not in seen:
            seen.add(key)
            kept.append(row)
    package.rows["grant_occurrence"] = kept


class _Taker:
    def __init__(self, session: Session, package: Package) -> None:
        self._session = session
        self._package = package

    def __call__(self, table: str, column: str, ids: Collection[uuid.UUID], besides: str = "true") -> None:
        """Take the rows of a table whose ``column`` is one of ``ids``."""
        known = Base.metadata.tables[table]
        made = ", ".join(f"'{one.name}'" for one in known.columns if one.computed is not None)
        key = ", ".join(one.name for one in known.primary_key)
        statement = tenant_sql(
            f"select to_jsonb(t) - array[{made}]::text[] from {table} t"  # noqa: S608 - names of tables and columns written above
            f" where tenant = :tenant and {column} = any (:ids) and {besides} order by {key}"
        )
        found = self._session.scalars(statement, {"ids": list(ids)}).all() if ids else []
        self._package.rows.setdefault(table, []).extend(found)


def _persons(package: Package) -> list[uuid.UUID]:
    """Everybody who was ever a member, is a worker or a party."""
    named: Iterable[str | None] = (
        *(row["person_id"] for row in package.of("membership")),
        *(row["worker_id"] for row in package.of("worker_file")),
        *(row["person_id"] for row in package.of("party")),
    )
    return [uuid.UUID(one) for one in dict.fromkeys(named) if one is not None]


def members_today(package: Package) -> set[tuple[str, str]]:
    """Household and person of everybody who belongs to one of the households today."""
    newest: dict[tuple[str, str], tuple[tuple[str, str], bool]] = {}
    for row in package.of("membership"):
        place, when = (row["household_id"], row["person_id"]), (row["valid_from"], row["recorded_at"])
        if place not in newest or newest[place][0] < when:
            newest[place] = (when, row["present"])
    return {place for place, (_, there) in newest.items() if there}


def _open_sealed(session: Session, package: Package) -> None:
    """Open sealed columns into ``plain``, and take ciphers, keys and tokens out of the rows: they mean nothing elsewhere."""
    keys, wrapped = tenant_key(session), {row["id"]: row.pop("wrapped_key") for row in package.of("person")}
    worker_of = {row["household_id"]: row["worker_id"] for row in package.of("worker_file")}
    owners = {
        "person": {row["id"]: row["id"] for row in package.of("person")},
        "household": {row["id"]: worker_of.get(row["id"]) for row in package.of("household")},
        "worker_file": {row["id"]: row["worker_id"] for row in package.of("worker_file")},
        "person_correction": {row["id"]: row["person_id"] for row in package.of("person_correction")},
    }
    damaged: list[str] = []
    for table, columns in SEALED.items():
        opened = package.plain.setdefault(table, {})
        for row in package.of(table):
            owner = owners[table][row["id"]]
            sealed = {column: _bytes(row.pop(column)) for column in columns}
            for token in filter(None, columns.values()):
                row.pop(token[1])
            key = wrapped.get(owner) if owner else None
            if owner is None or key is None:
                continue
            try:
                with_key = keys.person_key(uuid.UUID(owner), _bytes(key) or b"")
                opened[row["id"]] = {column: with_key.open(column, blob) for column, blob in sealed.items() if blob is not None}
            except SealBroken:
                damaged.append(owner)
    if damaged:
        raise Unopened(_called(package, dict.fromkeys(damaged)))


def _called(package: Package, persons: Iterable[str]) -> list[str]:
    """Whom an official looks up: by the file and the place in the household, for words of errors are kept in logs."""
    files = {row["household_id"]: str(row["file_number"]) for row in package.of("worker_file")}
    found: dict[str, str] = {}
    for row in package.of("membership"):
        if row["household_id"] in files:
            known = code_list("relationship_form")
            relation = known.item(row["relation"]).zh if row["relation"] in known else row["relation"]
            found[row["person_id"]] = f"{files[row['household_id']]} 号档案的{relation}"
    numbers = {row["id"]: str(row["number"]) for row in package.of("case_record")}
    for row in package.of("party"):
        if row["person_id"] is not None:
            found.setdefault(row["person_id"], f"{numbers.get(row['case_id'], '')} 号个案的当事人")
    return [found.get(person, "已离户人员") for person in persons]


def _open_papers(session: Session, package: Package) -> None:
    """Unwrap the keys of papers into ``plain``, in hex: the files themselves pass while the package is delivered. A paper that
    was erased has none; one whose key is damaged keeps nobody back: the receiver finds it as it finds a damaged file."""
    keys, opened = PaperKeys(session), package.plain.setdefault("document", {})
    for row in package.of("document"):
        wrapped = _bytes(row.pop("wrapped_key"))
        if wrapped is not None:
            opened[row["id"]] = {"key": keys.unwrap_if_whole(uuid.UUID(row["id"]), wrapped).hex()}


def _bytes(hexed: str | None) -> bytes | None:
    return None if hexed is None else bytes.fromhex(hexed.removeprefix("\\x"))


def _tell_history(session: Session, package: Package, households: Sequence[uuid.UUID]) -> None:
    leads = {one: home for home, group in as_one(session, households).items() for one in group}
    for name, question in (("determinations", _HISTORY), ("aid", _AID)):
        told: dict[str, list[Row]] = defaultdict(list)
        for row in session.execute(tenant_sql(question), {"households": list(leads)}):
            told[str(leads[row.household_id])].append(row.told)
        for household, rows in told.items():
            package.history.setdefault(household, {})[name] = rows
