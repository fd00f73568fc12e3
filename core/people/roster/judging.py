"""Judging households when all rows are known: heads, doubles, contradictions; what is sound becomes a draft."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from core.codes.loader import code_list
from core.money import FEN_PER_YUAN, format_yuan
from core.people.models import INCOME_LINES
from core.people.roster.binding import Bindings
from core.people.roster.drafts import Home, HouseholdDraft, PersonDraft
from core.people.roster.fields import FIELDS
from core.people.roster.gathering import Gathering
from core.people.roster.identity import FEMALE, MALE, born, sex
from core.people.roster.labels import HEAD
from core.people.roster.problems import NO_COLUMN, Column, Fault
from core.rules.batch import MAX_MEMBERS
from core.text.normalise import fold_name

LARGE: Final = 30
_GENERATION: Final = 12
"""Years between parent and child below which the relation is doubted."""
_MOST_SECONDARY: Final = 3
_LINES: Final = frozenset(INCOME_LINES) - {"income_unsorted_fen"}
_SEXES: Final = {"husband": MALE, "son": MALE, "father": MALE, "wife": FEMALE, "daughter": FEMALE, "mother": FEMALE}
_OLDER: Final = frozenset(("father", "mother"))
_YOUNGER: Final = frozenset(("son", "daughter"))
_UNIONS: Final = tuple((union, f"opinion_{union}", f"opinion_{union}_on") for union in ("unit", "county", "upper"))
_SEVERAL: Final = frozenset(field.key for field in FIELDS if field.holds in ("codes", "programmes"))


class Judge:
    """Judges the households that were gathered."""

    def __init__(self, gathering: Gathering, bindings: Bindings, on: date, county: str | None) -> None:
        self._all = gathering
        self._bindings = bindings
        self._on = on
        self._county = county
        self._employment = frozenset(code_list("employment_status").codes)

    def join_sheets(self) -> None:
        """Members that another sheet lists under a household's number, or its head's identity number, join it.

        By number only out of a sheet of members alone: sheets that number their own households know nothing of each other's.
        """
        homes = self._all.homes
        headless = [one for one in homes.items() if not any(person.relation == HEAD for person in one[1].people)]
        if not headless:
            return
        of_heads = {person.sheet for home in homes.values() for person in home.people if person.relation == HEAD}
        by_number: dict[str, list[Home]] = {}
        by_head: dict[str, list[Home]] = {}
        for home in homes.values():
            for person in home.people:
                if person.relation == HEAD:
                    by_head.setdefault(person.number, []).append(home)
                    if home.number:
                        by_number.setdefault(home.number, []).append(home)
        for key, home in headless:
            found = (
                by_number.get(home.number, [])
                if home.number and home.sheet not in of_heads
                else by_head.get(str(key[1]), [])
                if home.found == "head"
                else []
            )
            found = [other for other in found if other.sheet != home.sheet]
            if len(found) == 1 and home.people:
                _join(found[0], home)
                del homes[key]

    def name_apart(self) -> None:
        """Keys that several sheets use get the sheet's name."""
        seen: dict[str, list[Home]] = {}
        for home in self._all.homes.values():
            if home.named:
                seen.setdefault(home.named, []).append(home)
        for homes in seen.values():
            if len(homes) > 1:
                for home in homes:
                    home.named = f"{home.sheet}/{home.number}"

    def judge(self) -> Iterator[HouseholdDraft]:
        """Judge every household; the drafts of those without an error."""
        sound = [home for home in self._all.homes.values() if self._is_one(home)]
        self._doubles(sound)
        for home in sound:
            self._household(home)
            if not home.bad and home.people:
                yield self._draft(home)

    def _note(self, person: PersonDraft, home: Home, code: str, kind: str, given: object = None, **words: object) -> None:
        if person.sheet not in self._bindings:
            self._all.note(person.sheet, person.row, NO_COLUMN, Fault(kind, words), given, home)
            return
        binding = self._bindings.at(person.sheet, person.row, home)
        row = binding.row(code, person.role, person.row)
        self._all.note(person.sheet, row, binding.column(code, person.role), Fault(kind, words), given, home)

    def _is_one(self, home: Home) -> bool:
        """Whether the rows are one household with one head; its people are put in order, the head first."""
        people = home.people
        if len(people) > MAX_MEMBERS:
            at = self._key_column(home)
            self._all.note(
                home.sheet, home.row, at, Fault("household_too_large", {"count": len(people), "most": MAX_MEMBERS}), None, home
            )
            return False
        heads = [person for person in people if person.relation == HEAD]
        if not heads:
            self._find_head(home)
            heads = [person for person in people if person.relation == HEAD]
        if not people:
            return False
        if len(heads) != 1:
            fault = Fault("two_heads", {"count": len(heads)}) if heads else Fault("no_head")
            self._note(heads[1] if heads else people[0], home, "relation", fault.kind, **(fault.words or {}))
        elif people[0] is not heads[0]:
            people.remove(heads[0])
            people.insert(0, heads[0])
        if len(people) > LARGE:
            at = self._key_column(home)
            self._all.note(home.sheet, home.row, at, Fault("household_large", {"count": len(people)}), None, home)
        for person in people:
            if not person.relation:
                if not home.bad or heads:
                    self._missing_relation(person, home)
                person.relation = "other"
        return True

    def _missing_relation(self, person: PersonDraft, home: Home) -> None:
        binding = self._bindings.at(person.sheet, person.row, home)
        group = binding.groups.get(person.role)
        if group is None or group.relation is None or not self._was_faulty(person, home):
            self._note(person, home, "relation", "relation_missing")

    def _was_faulty(self, person: PersonDraft, home: Home) -> bool:
        """Whether a problem of the person's relation is noted already."""
        column = self._bindings.at(person.sheet, person.row, home).column("relation", person.role)
        return (person.sheet, person.row, column.letter) in self._all.unread_relations

    @staticmethod
    def _find_head(home: Home) -> None:
        """The head where no row says so: the person whom other columns name, or the only one there is."""
        people, named = home.people, home.head
        if named is not None:
            for person in people:
                same = (
                    person.number == named.number
                    if named.number
                    else person.name and fold_name(person.name) == fold_name(named.name)
                )
                if same:
                    person.relation = HEAD
                    return
            if named.number and named.name:
                people.insert(0, named)
        elif len(people) == 1 and not people[0].relation:
            people[0].relation = HEAD

    def _key_column(self, home: Home) -> Column:
        binding = self._bindings.at(home.sheet, home.row, home)
        return binding.column("household_number") if home.number else binding.column("name")

    def _doubles(self, homes: list[Home]) -> None:
        """One person stands once in a file, one file number with one household; whoever repeats one is held back."""
        told = [person.number for home in homes for person in home.people if person.number]
        files = [number for home in homes if (number := home.file.get("file_number"))]
        if len(set(told)) == len(told) and len(set(files)) == len(files):
            return
        persons: dict[str, tuple[PersonDraft, Home]] = {}
        numbers: dict[str, Home] = {}
        twice: set[int] = set()
        for home in homes:
            for person in home.people:
                if not person.number:
                    continue
                first = persons.setdefault(person.number, (person, home))
                if first[0] is not person:
                    self._double(person, home, first[0], twice)
                    if id(first[0]) not in twice:
                        self._double(first[0], first[1], person, twice)
            number = home.file.get("file_number")
            if number:
                former = numbers.setdefault(number, home)
                if former is not home:
                    self._file_number(home, former)
                    self._file_number(former, home)

    def _double(self, person: PersonDraft, home: Home, other: PersonDraft, twice: set[int]) -> None:
        twice.add(id(person))
        if fold_name(person.name) != fold_name(other.name):
            kind = "number_two_names"
        else:
            kind = "head_twice" if person.relation == other.relation == HEAD else "person_twice"
        self._note(person, home, "identity_number", kind, person.number, other_sheet=other.sheet, other_row=other.row)

    def _file_number(self, home: Home, other: Home) -> None:
        at, elsewhere = home.at["file_number"], other.at["file_number"]
        column = self._bindings.at(*at, home).column("file_number")
        words = {"other_sheet": elsewhere[0], "other_row": elsewhere[1]}
        self._all.note(*at, column, Fault("file_number_twice", words), home.file["file_number"], home)

    def _household(self, home: Home) -> None:
        head = home.people[0]
        monthly, told = 0, False
        for person in home.people:
            income = self._income(person, home)
            if income is not None:
                monthly, told = monthly + income, True
            if person.number and head.number and person is not head:
                self._related(person, head, home)
            if "died_on" in person.columns:
                self._died(person, home)
        if head.relation == HEAD:
            division = head.columns.get("registration_division")
            if division is not None and self._county is not None and division != self._county:
                self._note(head, home, "registration_division", "other_county", division)
        if home.stated:
            self._sums(home, 12 * monthly + home.means.get("other_yearly_income_fen", 0), told=told)
        if home.file:
            self._dates(home)

    def _income(self, person: PersonDraft, home: Home) -> int | None:
        """The monthly income, None where the file is silent. Of a sum with lines of it, what no line explains is unsorted."""
        fact = person.fact
        whole = fact.get("income_unsorted_fen")
        if _LINES.isdisjoint(fact):
            return None if whole is None else int(whole)
        lines = sum(fact[line] for line in _LINES if line in fact)
        if whole is None or not lines:
            return int(lines + (whole or 0))
        if whole < lines:
            only_pension = lines == fact.get("residents_pension_fen")
            kind, code = ("pension_above_income", "residents_pension_fen") if only_pension else ("income_above_sum", "income")
            self._note(person, home, code, kind)
        fact["income_unsorted_fen"] = max(whole - lines, 0)
        return int(whole)

    def _related(self, person: PersonDraft, head: PersonDraft, home: Home) -> None:
        relation = person.relation
        wanted = _SEXES.get(relation)
        if wanted is None:
            return
        zh = code_list("relationship_form").item(relation).zh
        if sex(person.number) != wanted:
            self._note(person, home, "relation", "sex_and_relation", zh, relation=zh)
        years = int(person.number[6:10]) - int(head.number[6:10])
        if (relation in _YOUNGER and years < _GENERATION) or (relation in _OLDER and years > -_GENERATION):
            self._note(person, home, "relation", "age_and_relation", zh, relation=zh, years=abs(years))

    def _died(self, person: PersonDraft, home: Home) -> None:
        died = person.columns["died_on"]
        wrong = died > self._on or (person.number and died < born(person.number))
        self._note(person, home, "died_on", "died_in_future" if wrong else "person_died", died)

    def _stated(self, home: Home, code: str, kind: str, given: object, **words: object) -> None:
        at = home.at[code]
        column = self._bindings.at(*at, home).column(code)
        self._all.note(*at, column, Fault(kind, words), given, home)

    def _sums(self, home: Home, yearly: int, *, told: bool) -> None:
        """The file's own sums, where they are filled in, agree with the lines to a yuan."""
        values, size = home.stated, len(home.people)
        if values.get("size", size) != size:
            self._stated(home, "size", "size_differs", values["size"], count=size)
        if not told:
            return
        for code, kind, reckoned in (
            ("total", "total_differs", yearly),
            ("per_head", "per_head_differs", yearly // (12 * size)),
        ):
            if code in values and abs(values[code] - reckoned) > self._within(home, code):
                self._stated(home, code, kind, format_yuan(values[code]), reckoned=format_yuan(reckoned))

    def _within(self, home: Home, code: str) -> int:
        """How far a stated sum may lie from the reckoned: a yuan, or one hundredth of the heading's unit."""
        bound = next((one for one in self._bindings.at(*home.at[code], home).of_home if one.field.code == code), None)
        return FEN_PER_YUAN if bound is None else max(FEN_PER_YUAN, bound.times)

    def _dates(self, home: Home) -> None:
        values = home.file
        opened, updated = values.get("opened_on"), values.get("updated_on")
        if updated is not None and not (opened or updated) <= updated <= self._on:
            self._stated(home, "updated_on", "dates_order", updated)
        elif opened is not None and opened > self._on:
            self._stated(home, "opened_on", "dates_order", opened)
        if len(values.get("secondary_causes", ())) > _MOST_SECONDARY:
            self._stated(home, "secondary_causes", "causes_too_many", None)

    def _draft(self, home: Home) -> HouseholdDraft:
        household, file = home.household, home.file
        for part, keys in ((file, _SEVERAL), (home.means, _SEVERAL)):
            for key in keys:
                if key in part:
                    part[key] = list(part[key])
        opinions = []
        for union, opinion, on in _UNIONS:
            text, day = file.pop(opinion, None), file.pop(on, None)
            if text is not None:
                opinions.append({"union": union, "text": text, "on": day.isoformat() if day else None})
        if opinions:
            file["opinions"] = opinions
        for person in home.people:
            status = person.fact.get("identity_status")
            if status in self._employment:
                person.fact["employment_status"] = status
        unit = home.people[0].fact.get("unit_or_school")
        if unit is not None:
            file["employer_name"] = unit
        return HouseholdDraft(
            home.key, home.people, household.pop("address", None), household.pop("account", None), household, file, home.means
        )


def _join(home: Home, other: Home) -> None:
    home.people += other.people
    home.bad = home.bad or other.bad
    for place in ("household", "file", "means", "stated"):
        for key, value in other.part(place).items():
            home.part(place).setdefault(key, value)
    home.at = other.at | home.at
