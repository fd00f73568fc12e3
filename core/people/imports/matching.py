"""Comparing a roster with what is on file here: what is new, what is known and the same, what differs, what stays out.

Asked by the thousand households, never one by one. A household is found by its persons' identity numbers, the head's first,
then by its file number. A blank cell says nothing, so it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.beside import ahead, short_turns
from core.db.statements import tenant_sql
from core.people.imports.writing import NewHousehold
from core.people.life.steps import CLOSED, ENDED, STATE
from core.people.models import INCOME_LINES
from core.people.roster import Checked, HouseholdDraft
from core.people.sealing import Sealer
from core.scope import current_scope
from core.tenancy.keys import person_key_if_whole, tenant_key
from core.vault import masking
from core.vault.errors import SealBroken
from core.vault.keys import PersonKey

STEP: Final = 1_000
"""Households compared at a time."""
PERSON, HOUSEHOLD, FILE, PERSON_FACT, HOUSEHOLD_FACT, MEMBER = (
    "person",
    "household",
    "file",
    "person_fact",
    "household_fact",
    "member",
)
_NEVER_CHANGED: Final = frozenset({"file_number", "opened_on", "updated_on"})
"""Columns of a file that no later spreadsheet changes by itself."""
_SEALED: Final = frozenset({(FILE, "account"), (HOUSEHOLD, "address"), (PERSON, "phone")})
"""What is sealed under a person's key, the household's under the head's."""
_BY_IMPORT: Final = "import:"
_UNSORTED: Final = "income_unsorted_fen"

_PERSONS: Final = """
select p.*, exists (
    select 1 from record_merge r where r.tenant = :tenant and r.merged_id = p.id and r.undone_on is null
) as merged
from person p where p.tenant = :tenant and p.identity_token = any(cast(:given as bytea[]))
"""
_MEMBERS: Final = """
select distinct on (household_id, person_id) household_id, person_id, relation, present
from membership
where tenant = :tenant and valid_from <= :on and {column} = any(:ids)
order by household_id, person_id, valid_from desc, recorded_at desc
"""
_FILES: Final = (
    "select * from worker_file where tenant = :tenant and (household_id = any(:households) or file_number = any(:numbers))"
)
_HOUSEHOLDS: Final = "select * from household where tenant = :tenant and id = any(:ids)"
_NAMES: Final = "select id, name, identity_masked from person where tenant = :tenant and id = any(:ids)"
_PERSON_FACTS: Final = """
select distinct on (person_id) * from person_fact
where tenant = :tenant and valid_from <= :on and person_id = any(:ids)
order by person_id, valid_from desc, recorded_at desc
"""
_HOUSEHOLD_FACTS: Final = """
select distinct on (household_id) * from household_fact
where tenant = :tenant and valid_from <= :on and household_id = any(:ids)
order by household_id, valid_from desc, recorded_at desc
"""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs: of a person (``place`` in the draft) or of the household (None)."""

    part: str
    column: str
    place: int | None
    was: Any
    becomes: Any
    contested: bool
    source: str | None = None
    """What the fact on file says of where it comes from."""


@dataclass(slots=True)
class Known:
    """A household that is on file here; ``persons`` are its rows by place in the draft, places without one are new members."""

    draft: HouseholdDraft
    file: Row
    household: Row
    fact: Row | None
    persons: dict[int, Row]
    facts: dict[int, Row]
    changes: list[Change] = field(default_factory=list)
    keys: Mapping[int, PersonKey] = field(default_factory=dict)
    """Of those under whose keys ``changes`` are sealed, by place."""


@dataclass(slots=True)
class Compared:
    """What becomes of the households that were read without an error."""

    new: list[NewHousehold] = field(default_factory=list)
    changed: list[Known] = field(default_factory=list)
    held_back: set[str] = field(default_factory=set)
    """Keys of those that must stay out."""
    same: int = 0


def compare(session: Session, checked: Checked, told: Callable[[int], None] = lambda _: None) -> Compared:
    """Compare the drafts of ``checked``. Those that must stay out are held back there, with the reason; what is only doubtful
    is noted as a warning."""
    compared = Compared()
    ways = _Ways(session, checked, compared)
    drafts, before = [draft for draft in checked.drafts if draft.key not in checked.held_back], set(checked.held_back)
    with short_turns(), closing(ahead(ways.tokens(drafts))) as steps:
        for start, tokens in steps:
            ways.take(drafts[start : start + STEP], tokens)
            told(start)
    compared.held_back |= checked.held_back - before
    return compared


@dataclass(slots=True)
class _OnFile:
    """What is on file of some households, by what it is asked for."""

    persons: dict[bytes, Row]
    places: dict[UUID, list[Row]]
    """Memberships of today by person."""
    files: dict[UUID, Row]
    numbers: dict[str, Row]
    members: dict[UUID, dict[UUID, str]]
    """Relations of today's members by household and person."""
    households: dict[UUID, Row]
    facts: dict[UUID, Row]
    household_facts: dict[UUID, Row]
    names: dict[UUID, Row]


class _Ways:
    """Leads each household its way."""

    def __init__(self, session: Session, checked: Checked, compared: Compared) -> None:
        self._session = session
        self._checked = checked
        self._compared = compared
        self._sealer = Sealer(session)
        self._keys = tenant_key(session)
        self._on = current_scope().business_date

    def tokens(self, drafts: Sequence[HouseholdDraft]) -> Iterator[tuple[int, list[bytes]]]:
        """Where each step begins, with the tokens of its persons; made beside, while the database is asked for others."""
        for start in range(0, len(drafts), STEP):
            numbers = [person.number for draft in drafts[start : start + STEP] for person in draft.people]
            yield start, self._sealer.identity_tokens(numbers)

    def take(self, drafts: Sequence[HouseholdDraft], tokens: Sequence[bytes]) -> None:
        """Lead households their ways; ``tokens`` are their persons', one after the other."""
        found = self._on_file(tokens, drafts)
        if not found.persons and not found.files:
            self._compared.new.extend(map(NewHousehold, drafts))
            return
        each = iter(tokens)
        for draft in drafts:
            own = zip(range(len(draft.people)), each, strict=False)
            persons = {place: found.persons[token] for place, token in own if token in found.persons}
            if not persons and draft.file.get("file_number") not in found.numbers:
                self._compared.new.append(NewHousehold(draft))
            else:
                self._known(draft, persons, found)

    def _rows(self, sql: str, **bound: Any) -> list[Row]:
        return [dict(row) for row in self._session.execute(tenant_sql(sql), bound).mappings()]

    def _on_file(self, tokens: Sequence[bytes], drafts: Sequence[HouseholdDraft]) -> _OnFile:
        numbers = [number for draft in drafts if (number := draft.file.get("file_number"))]
        persons = {bytes(row["identity_token"]): row for row in self._rows(_PERSONS, given=_array(tokens))}
        ids = [row["id"] for row in persons.values()]
        places = _grouped(self._rows(_MEMBERS.format(column="person_id"), ids=ids, on=self._on) if ids else [], "person_id")
        present = {row["household_id"] for rows in places.values() for row in rows if row["present"]}
        files = self._rows(_FILES, households=list(present), numbers=numbers) if present or numbers else []
        homes = [row["household_id"] for row in files]
        members = self._rows(_MEMBERS.format(column="household_id"), ids=homes, on=self._on) if homes else []
        ids += [row["person_id"] for row in members]
        return _OnFile(
            persons=persons,
            places=places,
            files={row["household_id"]: row for row in files},
            numbers={row["file_number"]: row for row in files},
            members={
                home: {row["person_id"]: row["relation"] for row in rows if row["present"]}
                for home, rows in _grouped(members, "household_id").items()
            },
            households={row["id"]: row for row in self._rows(_HOUSEHOLDS, ids=homes)} if homes else {},
            facts={row["person_id"]: row for row in self._rows(_PERSON_FACTS, ids=ids, on=self._on)} if ids else {},
            household_facts={row["household_id"]: row for row in self._rows(_HOUSEHOLD_FACTS, ids=homes, on=self._on)}
            if homes
            else {},
            names={row["id"]: row for row in self._rows(_NAMES, ids=ids)} if ids else {},
        )

    def _known(self, draft: HouseholdDraft, persons: dict[int, Row], found: _OnFile) -> None:
        """A household of which a person or the file number is known here."""
        homes = {
            row["household_id"]
            for person in persons.values()
            for row in found.places.get(person["id"], ())
            if row["present"] and row["household_id"] in found.files
        }
        # Files that have ended, as of who came back from another county, count only where there is no other.
        homes = {home for home in homes if found.files[home]["status"] not in ENDED} or homes
        numbered = found.numbers.get(draft.file.get("file_number") or "")
        if len(homes) > 1:
            self._checked.hold_back(draft, draft.people[max(persons)], "on_file_elsewhere_here", "identity_number")
        elif numbered is not None and homes != {numbered["household_id"]}:
            self._checked.hold_back(draft, None, "file_number_taken", "file_number")
        elif not homes and any(row["merged"] for row in persons.values()):
            # He counts as somebody else here (合并), so a new household would be reckoned without him.
            place = next(place for place, row in persons.items() if row["merged"])
            self._checked.hold_back(draft, draft.people[place], "on_file_elsewhere_here", "identity_number")
        elif not homes:
            keys = self._whole_keys(draft, {at: row for at, row in persons.items() if row["wrapped_key"] is not None})
            if keys is not None:
                self._compared.new.append(NewHousehold(draft, {at: (persons[at]["id"], key) for at, key in keys.items()}))
        else:
            self._of_home(draft, persons, found, homes.pop())

    def _of_home(self, draft: HouseholdDraft, persons: dict[int, Row], found: _OnFile, home: UUID) -> None:
        file, members = found.files[home], found.members[home]
        worker = persons.get(0)
        if file["status"] in CLOSED:
            self._checked.hold_back(draft, draft.worker, "file_closed", "file_number", state=STATE[file["status"]].zh)
        elif worker is None or worker["id"] != file["worker_id"]:
            self._checked.hold_back(draft, draft.worker, "head_differs", "relation")
        else:
            known = Known(
                draft,
                file,
                found.households[home],
                found.household_facts.get(home),
                persons,
                {place: found.facts[row["id"]] for place, row in persons.items() if row["id"] in found.facts},
            )
            self._differences(known, members, found)

    def _differences(self, known: Known, members: Mapping[UUID, str], found: _OnFile) -> None:
        """What differs; a household is held back where a key or a value that this needs is damaged."""
        address = self._address(known) if known.draft.address else ""
        if address is None:
            return
        known.changes.extend(_changes(known, members, self._sealer, address))
        needed = {place: known.persons[place] for place in sorted(set(_sealed_for(known)))}
        keys = self._whole_keys(known.draft, needed)
        if keys is None:
            return
        known.keys = keys
        self._doubts(known, members, found)
        if known.changes:
            self._compared.changed.append(known)
        else:
            self._compared.same += 1

    def _whole_keys(self, draft: HouseholdDraft, persons: Mapping[int, Row]) -> dict[int, PersonKey] | None:
        """The keys of persons by place; None where one is damaged, by which the household is held back."""
        keys: dict[int, PersonKey] = {}
        for place, row in persons.items():
            key = person_key_if_whole(self._keys, row["id"], bytes(row["wrapped_key"]))
            if key is None:
                self._checked.hold_back(draft, draft.people[place], "key_damaged", "identity_number", id=row["id"])
            else:
                keys[place] = key
        return keys if len(keys) == len(persons) else None

    def _doubts(self, known: Known, members: Mapping[UUID, str], found: _OnFile) -> None:
        """What a person looks at: members whom the file does not list, another name, another number."""
        draft, listed = known.draft, {row["id"] for row in known.persons.values()}
        for person_id in members.keys() - listed:
            name = masking.public_name(found.names[person_id]["name"])
            self._checked.doubt(draft, draft.worker, "member_missing", "name", name=name)
        for place, row in known.persons.items():
            if row["name"] != draft.people[place].name:
                self._checked.doubt(draft, draft.people[place], "name_differs", "name", name=masking.public_name(row["name"]))
        number = draft.file.get("file_number")
        if number and number != known.file["file_number"]:
            self._checked.doubt(draft, draft.worker, "file_number_differs", "file_number", name=known.file["file_number"])

    def _address(self, known: Known) -> str | None:
        """The address on file in full; None where it is damaged, by which the household is held back."""
        row = known.household
        if row["house_number_cipher"] is None:
            return str(row["address"])
        keys = self._whole_keys(known.draft, {0: known.persons[0]})
        if keys is None:
            return None
        try:
            return str(row["address"]) + keys[0].open("house_number_cipher", bytes(row["house_number_cipher"]))
        except SealBroken:
            self._checked.hold_back(known.draft, None, "address_damaged", "address", id=known.persons[0]["id"])
            return None


def _array(values: Iterable[bytes]) -> str:
    """An array as PostgreSQL reads it: given as a list, its values would be written one by one."""
    written = [f'"\\\\x{value.hex()}"' for value in values]
    return f"{{{','.join(written)}}}"


def _grouped(rows: Iterable[Row], column: str) -> dict[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def _sealed_for(known: Known) -> Iterator[int]:
    """The places of persons on file who need a whole key: something is sealed under it, or they join the household, which is
    refused by hand as well."""
    for change in known.changes:
        joins = change.part == MEMBER and change.was is None and change.place in known.persons
        if joins or (change.part, change.column) in _SEALED:
            yield change.place or 0


def _changes(known: Known, members: Mapping[UUID, str], sealer: Sealer, address: str) -> Iterator[Change]:
    """What differs between the file and what is on file, the ``address`` there in full."""
    draft, touched = known.draft, known.file["version"] != known.file["import_version"]
    for column, was, becomes in _differing(draft.file, known.file):
        yield Change(FILE, column, None, was, becomes, touched)
    for column, was, becomes in _differing(draft.household, known.household):
        yield Change(HOUSEHOLD, column, None, was, becomes, touched)
    if draft.account and sealer.account_token(draft.account) != known.file["account_token"]:
        becomes = masking.bank_account(draft.account)
        yield Change(FILE, "account", None, known.file["account_masked"], becomes, touched)
    if draft.address and draft.address.strip() != address:
        hidden = masking.HIDDEN if known.household["house_number_cipher"] is not None else ""
        was, becomes = f"{known.household['address']}{hidden}", masking.address(draft.address)
        yield Change(HOUSEHOLD, "address", None, was, becomes, touched)
    yield from _of_fact(HOUSEHOLD_FACT, None, draft.fact, known.fact)
    for place, person in enumerate(draft.people):
        row = known.persons.get(place)
        if row is None or row["id"] not in members:
            yield Change(MEMBER, "relation", place, None, person.relation, contested=False)
            continue
        if members[row["id"]] != person.relation:
            yield Change(MEMBER, "relation", place, members[row["id"]], person.relation, touched)
        for column, was, becomes in _differing(person.columns, row):
            yield Change(PERSON, column, place, was, becomes, touched)
        if person.phone and sealer.phone_token(person.phone) != row["phone_token"]:
            yield Change(PERSON, "phone", place, row["phone_masked"], masking.phone(person.phone), touched)
        yield from _of_fact(PERSON_FACT, place, person.fact, known.facts.get(place))


def _of_fact(part: str, place: int | None, told: Mapping[str, Any], fact: Row | None) -> Iterator[Change]:
    source = None if fact is None else str(fact["source"])
    by_hand = source is not None and not source.startswith(_BY_IMPORT)
    for column, was, becomes in _differing(_within_sum(told, fact or {}), fact or {}):
        yield Change(part, column, place, was, becomes, by_hand, source)


def _within_sum(told: Mapping[str, Any], fact: Row) -> Mapping[str, Any]:
    """What a file tells of a person, where it tells a sum of incomes: lines on file of which it says nothing are part of that
    sum, and not added to it. Where they alone are more than the sum, it takes their place."""
    if _UNSORTED not in told:
        return told
    kept = {line: fact[line] for line in INCOME_LINES if line not in told and fact.get(line)}
    rest = told[_UNSORTED] - sum(kept.values())
    return {**told, _UNSORTED: rest} if rest >= 0 else {**told, **dict.fromkeys(kept, 0)}


def _opinions(was: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The unions' opinions on file, with those that the file gives in the place of theirs: of the others it says nothing."""
    return list(({one["union"]: one for one in was} | {one["union"]: one for one in told}).values())


def _differing(told: Mapping[str, Any], row: Row) -> Iterator[tuple[str, Any, Any]]:
    for column, value in told.items():
        if value is None or value == [] or column in _NEVER_CHANGED:
            continue
        was = row.get(column)
        if column == "opinions":
            value = _opinions(was or (), value)
        if was != value:
            yield column, was, value
