"""The list of files as a workbook in the columns of the import (导出名册): a row a person, the household's own columns on the
worker's row, so that it can be imported again as it is.

Masked by default; then it cannot, since no number is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from core.codes.loader import code_list
from core.host.manager import host
from core.people.fields import HEALTH_COSTS, sees
from core.people.papers.form import kind_label, label, yearly_total, yes_no
from core.people.repository import HouseholdView, MemberView
from core.people.roster.fields import FIELDS, Field
from core.people.whole_files import FullValues
from core.printing.forms import Foot
from core.scope import current_scope
from core.spreadsheets.writing import SpreadsheetWriting, Written, Yuan
from core.vault import masking

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET: Final = "困难职工档案表"
NOTE_SHEET: Final = "说明"
_JOINED: Final = "；"
_LEFT_OUT: Final = frozenset({"serial", "county"})
"""Columns of other offices' sheets that say nothing which the others do not."""
COLUMNS: Final = tuple(field for field in FIELDS if field.code not in _LEFT_OUT)
_HEALTH: Final = frozenset(
    {"health_status", "disability_kind", "disability_grade", *(f"cost_{one}_fen" for one in HEALTH_COSTS)}
)
_WIDE: Final[Mapping[str, float]] = MappingProxyType(
    {"key": 18, "file_number": 18, "identity": 20, "account": 22, "phone": 13, "money": 13, "sum": 13, "day": 12, "birth": 12,
     "month": 12, "long_text": 40, "text": 18, "codes": 24, "programmes": 24}
)  # fmt: skip
"""Widths of columns in characters, by what they hold: an amount or a day that is wider than its column shows as ``####``."""
_STANDING: Final = ("employment_status", "identity_status")
_NOBODY: Final = FullValues()
Opened = Mapping[UUID, FullValues] | None
Block = tuple[Sequence[HouseholdView], Opened]


def file_list(blocks: Iterable[Block], foot: Foot, count: int) -> bytes:
    """The workbook. ``blocks`` give households a few hundred at a time, each with the opened values or None for masked ones."""
    out = BytesIO()
    with SpreadsheetWriting(out, large=True, title=SHEET) as book:
        sheet = book.sheet(SHEET)
        sheet.paper(foot=foot.line(count))
        sheet.widths({at: max(2 * len(field.zh) + 2, _WIDE.get(field.holds, 10)) for at, field in enumerate(COLUMNS)})
        sheet.header(1, [field.zh for field in COLUMNS], frozen_columns=4)
        row = 1
        for files, opened in blocks:
            for number, values in _rows(files, opened):
                row += 1
                sheet.row(row, [number if field.holds == "key" else values.get(field.code) for field in COLUMNS])
        book.sheet(NOTE_SHEET).row(1, [foot.line(count)])
    return out.getvalue()


def _rows(files: Sequence[HouseholdView], opened: Opened) -> Iterable[tuple[str, dict[str, Written]]]:
    programmes = {one.code: one.zh for one in host().collected("bangfu_programmes")}
    for view in files:
        number = view.file.file_number if view.file else str(view.household.id)
        worker = next((one for one in view.members if view.file and one.person.id == view.file.worker_id), None)
        for member in view.members:
            values = _member(member, opened, of_worker=member is worker or (worker is None and member is view.members[0]))
            if member is worker:
                values |= _household(view, worker, opened, programmes)
            yield number, _seen(values)


def _seen(values: dict[str, Written]) -> dict[str, Written]:
    scope = current_scope()
    hidden: set[str] = set()
    if not sees("health", scope):
        hidden |= _HEALTH
    if not sees("account", scope):
        hidden.add("account")
    if not sees("opinions", scope):
        hidden |= {name for name in values if name.startswith("opinion_")}
    return {name: value for name, value in values.items() if name not in hidden}


def _member(member: MemberView, opened: Opened, *, of_worker: bool) -> dict[str, Written]:
    person, fact = member.person, member.fact
    whole = _NOBODY if opened is None else opened.get(person.id, _NOBODY)
    values: dict[str, Written] = {
        "relation": label(member.relation, "relationship_form"),
        "name": person.name,
        "identity_number": person.identity_masked if opened is None else whole.identity_number,
        "phone": person.phone_masked if opened is None else whole.phone,
    }
    values |= {field.code: _plain(field, getattr(person, field.key)) for field in COLUMNS if field.place in ("person", "told")}
    if fact is None:
        return values
    for field in COLUMNS:
        if field.place == "fact" and field.fills == "":
            values[field.code] = _plain(field, getattr(fact, field.key))
    income = fact.monthly_income_fen
    mine, other = ("worker_income", "work_state") if of_worker else ("income", "standing")
    values[mine] = _yuan(income)
    lists = _STANDING if of_worker else tuple(reversed(_STANDING))
    values[other] = label(fact.identity_status, *lists)
    values["unit_or_school"] = "" if of_worker else fact.unit_or_school
    if of_worker:
        values["employer_name"] = fact.unit_or_school
    return values


def _household(view: HouseholdView, worker: MemberView, opened: Opened, programmes: Mapping[str, str]) -> dict[str, Written]:
    file, fact, home = view.file, view.fact, view.household
    if file is None:
        return {}
    whole = _NOBODY if opened is None else opened.get(worker.person.id, _NOBODY)
    rest = whole.house_number if opened is not None else masking.HIDDEN if home.house_number_cipher else ""
    opinions = {one["union"]: one for one in file.opinions}
    total = yearly_total(view.members, fact)
    values: dict[str, Written] = {
        field.code: _plain(field, getattr(file, field.key))
        for field in COLUMNS
        if field.place == "file" and hasattr(file, field.key) and field.holds not in ("kind", "programmes")
    }
    for union in ("unit", "county", "upper"):
        told = opinions.get(union, {})
        values[f"opinion_{union}"] = told.get("text")
        values[f"opinion_{union}_on"] = date.fromisoformat(told["on"]) if told.get("on") else None
    values |= {
        "kind": kind_label(file),
        "applied_programmes": _JOINED.join(programmes.get(one, one) for one in file.applied_programmes),
        "address": home.address + rest,
        "postcode": home.postcode,
        "housing_kind": label(home.housing_kind, "housing_kind"),
        "floor_area_dm2": _yuan(home.floor_area_dm2),
        "account": file.account_masked if opened is None else whole.account,
        "employer_name": file.employer_name or values.get("employer_name"),
        "size": len(view.members),
        "total": _yuan(total),
        "per_head": None if total is None else _yuan(total // (12 * len(view.members))),
    }
    if opened is None and file.other_contact:
        values["other_contact"] = masking.phone(file.other_contact)
    if fact is not None:
        values |= {field.code: _plain(field, getattr(fact, field.key)) for field in COLUMNS if field.place == "means"}
    return values


def _plain(field: Field, value: Any) -> Written:
    """A stored value as the roster states it."""
    if value is None or value == []:
        return None
    if field.holds in ("money", "area"):
        return _yuan(value)
    if field.holds == "yes":
        return yes_no(value, *field.lists)
    if field.holds == "code":
        return label(value, *field.lists)
    if field.holds == "codes":
        known = code_list(field.lists[0])
        return _JOINED.join(known.item(one).zh if one in known else one for one in value)
    return value  # type: ignore[no-any-return]  # texts and days stand as they are


def _yuan(hundredths: int | None) -> Yuan | None:
    return None if hundredths is None else Yuan(hundredths)
