"""What an import changes in households that are on file: told as was and is, and written as new facts beside the old ones.

A value that somebody here set after the last import stays, unless whoever imports takes the file's value for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.bulk import copy_rows, update_rows
from core.db.statements import tenant_sql
from core.errors import InvalidInput
from core.money import format_yuan
from core.people.imports.matching import FILE, HOUSEHOLD, HOUSEHOLD_FACT, MEMBER, PERSON, PERSON_FACT, Change, Known
from core.people.imports.models import RosterChange
from core.people.imports.writing import Adding, Rows, blanks_of, columns_of
from core.people.models import CIRCUMSTANCES, INCOME_LINES, Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.people.roster import FIELDS, PersonDraft
from core.people.roster.fields import column_label
from core.people.townships import township_in
from core.trail.service import record
from core.vault.sensitive import Sensitive

Place = tuple[UUID, UUID | None, str, str]
"""A value that can change: household, person (None for the household's own), part, column."""
Wanted = Mapping[Place, str]
"""Contested values that whoever imports takes from the file, with what they become as it was shown."""

_BY_KEY: Final = {field.key: field for field in reversed(FIELDS)}
_ACTED: Final = """
select distinct on (subject_id) subject_id, actor from trail_entry
where tenant = :tenant and subject_id = any(:ids) and action not like 'people.import%'
order by subject_id, at desc
"""
_COLUMNS: Final[Mapping[type[Any], tuple[str, ...]]] = {
    Person: (
        "ethnic_group",
        "political_status",
        "marital_status",
        "registration_kind",
        "registration_division",
        "died_on",
        "phone_cipher",
        "phone_masked",
        "phone_token",
        "phone_last_four",
    ),
    Household: ("address", "house_number_cipher", "postcode", "housing_kind", "floor_area_dm2"),
}
_NOT_OF_A_FILE: Final = frozenset({"tenant", "id", "household_id", "worker_id", "pinyin", "recorded_at", "employer_id"})
_IN_PLACE: Final = frozenset({FILE, HOUSEHOLD, PERSON, MEMBER})
_SHOWN: Final = 80


def label_of(part: str, column: str) -> str:
    """What a column is called on the screen."""
    if part == MEMBER:
        return "与户主关系"
    return column_label(part, column)


def shown(column: str, value: Any) -> str:
    """A value as people read it: amounts in yuan, codes by their names."""
    if value is None or value == [] or value == "":
        return "未填"
    if column.endswith("_fen"):
        return format_yuan(value)
    if column == "floor_area_dm2":
        return f"{value / 100:g} 平方米"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, date):
        return value.isoformat()
    if column == "opinions":
        return f"{len(value)} 条"
    if isinstance(value, list):
        return "、".join(_named(column, one) for one in value)
    return _named(column, str(value))[:_SHOWN]


def _named(column: str, code: str) -> str:
    field = _BY_KEY.get(column)
    for name in field.lists if field else ():
        try:
            return code_list(name).item(code).zh
        except InvalidInput:
            continue
    return code


def place_of(known: Known, change: Change) -> Place:
    """Which value a change concerns."""
    row = None if change.place is None else known.persons.get(change.place)
    return (known.file["household_id"], row["id"] if row else None, change.part, change.column)


def taken(known: Known, change: Change, wanted: Wanted) -> bool:
    """Whether the file's value is written: always where only imports wrote before, else where it was asked for as shown."""
    return not change.contested or wanted.get(place_of(known, change)) == shown(change.column, change.becomes)


CHANGE_COLUMNS: Final = (
    "import_id",
    "no",
    "household",
    "household_id",
    "person_id",
    "name",
    "part",
    "column",
    "was",
    "becomes",
    "contested",
    "by",
    "taken",
)


def keep_changes(session: Session, import_id: UUID, changed: Iterable[Known], wanted: Wanted) -> int:
    """Keep what changes for the page of the import; how many values that are."""
    rows: list[tuple[Any, ...]] = []
    changed = list(changed)
    acted = _last_to_act(session, changed)
    for known in changed:
        for change in known.changes:
            home, person, part, column = place_of(known, change)
            draft = known.draft
            name = (draft.worker if change.place is None else draft.people[change.place]).name
            was, becomes = shown(column, change.was), shown(column, change.becomes)
            if part == MEMBER and change.was is None:
                was = "不在册"
            by = (acted.get(person) or acted.get(home) or acted.get(known.file["id"])) if change.contested else None
            said = (draft.key, home, person, name, part, column, was, becomes, change.contested, by)
            rows.append((import_id, len(rows) + 1, *said, taken(known, change, wanted)))
    copy_rows(session, RosterChange, rows, CHANGE_COLUMNS)
    return len(rows)


def _last_to_act(session: Session, changed: Sequence[Known]) -> dict[UUID | None, str]:
    """Who last changed a person, a household or its file by hand, by their ids."""
    touched = [known for known in changed if any(change.contested for change in known.changes)]
    ids = [known.file[name] for known in touched for name in ("id", "household_id")]
    ids += [row["id"] for known in touched for row in known.persons.values()]
    return {row.subject_id: row.actor for row in session.execute(tenant_sql(_ACTED), {"ids": ids})} if ids else {}


@dataclass(slots=True)
class _Updates:
    """Rows that are written anew in place, by table."""

    persons: list[dict[str, Any]]
    households: list[dict[str, Any]]
    files: list[dict[str, Any]]


def write_changed(session: Session, adding: Adding, changed: Sequence[Known], wanted: Wanted) -> tuple[int, int]:
    """Write what is taken over of the changes; how many households changed, and how many persons are new in them.

    Facts hold from the business date, beside those that held before.
    """
    beside, updates = _Beside(), _Updates([], [], [])
    written = 0
    for known in changed:
        changes = [change for change in known.changes if taken(known, change, wanted)]
        if not changes:
            continue
        written += 1
        _in_place(known, changes, adding, updates)
        _facts(known, changes, adding, beside)
        _members(known, changes, adding, beside)
        columns = sorted({change.column for change in changes})
        record(session, "people.import_changed", "household", known.file["household_id"], {"columns": columns})
    rows = beside.rows(adding)
    rows.write(session)
    update_rows(session, Person, updates.persons, _COLUMNS[Person])
    update_rows(session, Household, updates.households, _COLUMNS[Household])
    update_rows(session, WorkerFile, updates.files, _file_columns())
    return written, rows.persons


def _file_columns() -> tuple[str, ...]:
    table: Any = WorkerFile.__table__
    return tuple(column.name for column in table.columns if column.name not in _NOT_OF_A_FILE)


def _in_place(known: Known, changes: Sequence[Change], adding: Adding, updates: _Updates) -> None:
    """What has no history of its own: the file's, the household's and the persons' columns."""
    draft, file, household = known.draft, dict(known.file), dict(known.household)
    persons: dict[int, dict[str, Any]] = {}
    for change in changes:
        if change.part == FILE and change.column == "account":
            file |= adding.sealer.account(known.keys[0], Sensitive(draft.account or ""))
        elif change.part == FILE:
            file[change.column] = change.becomes
        elif change.part == HOUSEHOLD and change.column == "address":
            household |= adding.sealer.address(known.keys[0], draft.address or "")
            if not draft.file.get("township"):
                file["township"] = township_in(draft.address) or file["township"]
        elif change.part == HOUSEHOLD:
            household[change.column] = change.becomes
        elif change.part == PERSON and change.place is not None:
            row = persons.setdefault(change.place, dict(known.persons[change.place]))
            if change.column == "phone":
                row |= adding.sealer.phone(known.keys[change.place], Sensitive(draft.people[change.place].phone or ""))
            else:
                row[change.column] = change.becomes
    if any(change.part == HOUSEHOLD for change in changes):
        updates.households.append(household)
    updates.persons.extend(persons.values())
    file["version"] += 1
    file |= {
        "updated_on": max(draft.file.get("updated_on") or adding.on, file["updated_on"]),
        "import_id": adding.import_id,
        "import_key": draft.key,
    }
    # What is kept of somebody's later corrections goes on being told as such.
    kept = any(change.part in _IN_PLACE for change in known.changes if change not in changes)
    file["import_version"] = file["import_version"] if kept else file["version"]
    if file["former_kind"] != known.file["former_kind"]:
        file["kind"] = None
    updates.files.append(file)


@dataclass(slots=True)
class _Beside:
    """Rows that are written beside those that held before, and members who come."""

    household_facts: list[dict[str, Any]] = field(default_factory=list)
    person_facts: list[dict[str, Any]] = field(default_factory=list)
    memberships: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    """Identity numbers of those who are members again, or others than before."""
    coming: list[PersonDraft] = field(default_factory=list)
    homes: list[UUID] = field(default_factory=list)
    """The household of each who comes."""

    def rows(self, adding: Adding) -> Rows:
        """All of it, ready to be written."""
        rows = Rows(adding.sealer)
        if self.coming:
            ids, _, _ = adding.persons(rows, self.coming, {}, {})
            adding.members(rows, self.coming, self.homes, ids, [adding.on] * len(ids))
        for model, told in (
            (Membership, self.memberships),
            (PersonFact, self.person_facts),
            (HouseholdFact, self.household_facts),
        ):
            if told:
                rows.take(model, columns_of(model, told))
        rows.mark(adding.sealer.marks(self.numbers))
        return rows


def _facts(known: Known, changes: Sequence[Change], adding: Adding, beside: _Beside) -> None:
    told: dict[tuple[str, int | None], dict[str, Any]] = {}
    for change in changes:
        if change.part in (PERSON_FACT, HOUSEHOLD_FACT):
            told.setdefault((change.part, change.place), {})[change.column] = change.becomes
    kept = {(change.part, change.place): change.source for change in known.changes if change not in changes}
    for (part, place), columns in told.items():
        # A fact of which somebody's correction is kept in part goes on as a correction.
        where = {"valid_from": adding.on, "source": kept.get((part, place)) or adding.source}
        if part == HOUSEHOLD_FACT:
            former = {name: value for name, value in (known.fact or {}).items() if name in blanks_of(HouseholdFact)}
            beside.household_facts.append(former | columns | {"household_id": known.file["household_id"]} | where)
        elif place is not None:
            on_file = known.facts.get(place, {})
            former = {name: on_file[name] for name in (*INCOME_LINES, *CIRCUMSTANCES) if name in on_file}
            beside.person_facts.append(former | columns | {"person_id": known.persons[place]["id"]} | where)


def _members(known: Known, changes: Sequence[Change], adding: Adding, beside: _Beside) -> None:
    home = known.file["household_id"]
    for change in changes:
        if change.part != MEMBER or change.place is None:
            continue
        row, person = known.persons.get(change.place), known.draft.people[change.place]
        if row is None:
            beside.coming.append(person)
            beside.homes.append(home)
        else:
            told = {"household_id": home, "person_id": row["id"], "relation": change.becomes, "valid_from": adding.on}
            beside.memberships.append(told)
            beside.numbers.append(person.number)
