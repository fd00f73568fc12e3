"""The corpus of rosters: every case is understood and checked, and gives its households, errors and warnings, no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.people.roster import Checked, RosterRefused, Understanding, check, understand
from core.people.roster.kinds import KINDS
from core.spreadsheets.reading import open_spreadsheet
from tests.roster_corpus.beside import BESIDE
from tests.roster_corpus.case import COUNTY, DAY, PROGRAMMES, Case, CaseReading
from tests.roster_corpus.doubts import DOUBTS
from tests.roster_corpus.forms import FORMS
from tests.roster_corpus.layouts import LAYOUTS
from tests.roster_corpus.likeness import HEADINGS
from tests.roster_corpus.offices import OFFICES
from tests.roster_corpus.values import VALUES

CASES = (*LAYOUTS, *FORMS, *BESIDE, *HEADINGS, *VALUES, *DOUBTS, *OFFICES)


def taken(case: Case) -> tuple[Understanding, Checked]:
    reading = CaseReading(case)
    understanding = understand(reading, case.remembered)
    stored = Understanding.from_json(json.loads(json.dumps(understanding.as_json())))
    assert stored == understanding
    return understanding, check(reading, stored, DAY, PROGRAMMES, county=COUNTY)


def told(checked: Checked, severity: str) -> list[tuple[str, int, str, str]]:
    return [(one.sheet, one.row, one.column, one.kind) for one in checked.problems if one.severity == severity]


def values(checked: Checked) -> Iterator[tuple[tuple[str, str], Any]]:
    for draft in checked.drafts:
        household = {"key": draft.key, "address": draft.address, "account": draft.account}
        for key, value in (household | draft.household | draft.file | draft.fact).items():
            yield (draft.worker.name, key), value
        for person in draft.people:
            own = {"number": person.number, "phone": person.phone, "relation": person.relation}
            for key, value in (own | person.columns | person.fact).items():
                yield (person.name, key), value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_answers_and_no_others(case: Case) -> None:
    if case.refused is not None:
        with pytest.raises(RosterRefused) as refusal:
            taken(case)
        assert refusal.value.kind == case.refused
        return
    understanding, checked = taken(case)
    assert sorted(told(checked, "error")) == sorted(case.errors)
    assert sorted(told(checked, "warning")) == sorted(case.warnings)
    assert tuple(tuple(person.name for person in draft.people) for draft in checked.drafts) == case.households
    assert len(checked.held_back) == case.held_back
    assert checked.counts["households"] == len(case.households) + case.held_back
    found = dict(values(checked))
    assert {key: found.get(key) for key in case.values} == dict(case.values)
    if case.layouts:
        assert tuple(sheet.layout for sheet in understanding.sheets) == case.layouts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_problems_hide_what_they_are_about_and_say_how_to_mend_it(case: Case) -> None:
    if case.refused is not None:
        return
    _, checked = taken(case)
    said = json.dumps([problem.as_json() for problem in checked.problems], ensure_ascii=False)
    for draft in checked.drafts:
        for person in draft.people:
            assert person.number[6:14] not in said
            assert person.phone is None or person.phone not in said
            assert person.number not in repr(draft) + repr(person)
    for problem in checked.problems:
        assert "{" not in problem.message + problem.en + problem.mend_en
        assert all(problem.as_json()[part] for part in ("zh", "en", "mend_zh", "mend_en", "message", "sheet"))


def test_names_are_unique_and_nearly_every_kind_has_a_case() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    met = {place[3] for case in CASES for place in (*case.errors, *case.warnings)}
    of_database = {
        "on_file_already", "file_number_taken", "on_file_elsewhere_here", "file_closed", "head_differs", "member_missing",
        "name_differs", "file_number_differs", "misnamed", "key_damaged", "address_damaged",
    }  # fmt: skip
    assert set(KINDS) - met - of_database == set()


@pytest.mark.parametrize(
    "name", ["two_row_header_with_merges", "two_row_header_in_a_text", "forms_one_under_another", "two_forms_side_by_side"]
)
def test_a_file_on_disk_says_the_same(name: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == name)
    path = tmp_path / ("case.csv" if case.format == "text" else "case.xlsx")
    path.write_bytes(case.as_bytes())
    with open_spreadsheet(path) as reading:
        understanding = understand(reading, {})
        checked = check(reading, understanding, DAY, PROGRAMMES, county=COUNTY)
    assert tuple(tuple(person.name for person in draft.people) for draft in checked.drafts) == case.households
    assert checked.problems == []


def test_the_documentation_lists_every_kind_with_its_words() -> None:
    page = (Path(__file__).parents[2] / "docs" / "roster-import.md").read_text(encoding="utf-8")
    documented = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 5]
    kinds = [
        f"| `{kind.code}` | {kind.severity} | {kind.zh}。{kind.mend_zh} | {kind.en}; {kind.mend_en} |"
        for kind in KINDS.values()
    ]
    assert documented == kinds
