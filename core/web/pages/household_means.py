"""A household's means line by line (家庭收入测算): each member's income by kind, what of it counts and why, and per head.

Nothing is reckoned here: the sheet comes from the rules by which the survey determines (core.surveys.service.working).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.parameters.service import Parameters
from core.people.changes.facts import PERSON_ITEMS
from core.people.models import INCOME_LINES
from core.people.repository import HouseholdView, MemberView
from core.rules.errors import ParameterMissing
from core.rules.sheet import ExplanationSheet, SheetParameter, SheetValue
from core.surveys.service import working
from core.web.filters import yuan

PER_HEAD = ("income_per_head", "net_per_head")
"""Figures that the page says at once, where the rules have them."""
_LABELS = {item.name: item.zh for item in PERSON_ITEMS}


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the working: what, how much, and the figures of policy on which it rests, in words."""

    label: str
    value: str
    clause: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member's income: its lines as stated (label, fen), then the amounts that follow from them; ``notes`` are what holds
    of the person besides."""

    name: str
    age: str
    lines: tuple[tuple[str, int], ...]
    known: bool
    notes: tuple[Step, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """The means of a household; ``hindered`` says why the rules cannot reckon, where they cannot."""

    members: tuple[Member, ...]
    steps: tuple[Step, ...]
    heads: tuple[Step, ...]
    """Those of ``steps`` that are amounts a head."""
    conclusion: str
    title: str
    hindered: str


def lines_of(member: MemberView) -> tuple[tuple[str, int], ...]:
    """A member's income by kind as stated: (label, fen); lines of nothing are left out."""
    if member.fact is None:
        return ()
    return tuple((_LABELS[name], fen) for name in INCOME_LINES if (fen := getattr(member.fact, name)))


def means_of(session: Session, view: HouseholdView, parameters: Parameters, *, with_working: bool) -> Means:
    """The means of a household today; the working only for who may see determinations."""
    sheet: ExplanationSheet | None = None
    hindered = ""
    if with_working and view.file is not None:
        try:
            sheet = working(session, view.household.id, parameters)
        except (ParameterMissing, InvalidInput) as error:
            hindered = f"{error.zh}。{error.mend_zh or ''}"
    by_person = _by_person(sheet)
    figures = {one.name: one for one in sheet.parameters} if sheet else {}
    per_head = [value for value in sheet.figures if value.name in PER_HEAD] if sheet else []
    return Means(
        tuple(_member(member, by_person.get(str(member.person.id), ()), figures) for member in view.members),
        _steps(sheet.figures, figures, every=True) if sheet else (),
        _steps(per_head, figures, every=True),
        sheet.kind_zh if sheet else "",
        f"{sheet.title_zh} {sheet.rule_version}" if sheet else "",
        hindered,
    )


def _member(member: MemberView, values: Sequence[SheetValue], figures: Mapping[str, SheetParameter]) -> Member:
    age = next((_said(value) for value in values if value.unit == "years"), "")
    notes = _steps([value for value in values if value.unit == "flag"], figures)
    amounts = _steps(income_amounts(values), figures)
    return Member(member.person.name, age, lines_of(member), member.fact is not None, notes, amounts)


def income_amounts(values: Sequence[SheetValue]) -> list[SheetValue]:
    """The amounts that follow from the monthly income; others, as a student's aid, are none."""
    known, found = {"monthly_income"}, []
    for value in values:
        if value.unit == "fen" and known & set(value.reads):
            known.add(value.name)
            found.append(value)
    return found


def _by_person(sheet: ExplanationSheet | None) -> dict[str, Sequence[SheetValue]]:
    found: dict[str, Sequence[SheetValue]] = {}
    for values in sheet.persons if sheet else ():
        of = next(value.value for value in values if value.name == "person_id")
        found[str(uuid.UUID(str(of)))] = values
    return found


def _steps(values: Sequence[SheetValue], parameters: Mapping[str, SheetParameter], *, every: bool = False) -> tuple[Step, ...]:
    """What was worked out (not what was stated), in the order of the rules; of a person only what is more than nothing."""
    return tuple(
        Step(
            value.zh,
            _said(value),
            value.clause,
            tuple(_rests_on(parameters[name]) for name in value.reads if name in parameters),
        )
        for value in values
        if value.reads and (every or value.value)
    )


def _said(value: SheetValue) -> str:
    if value.unit == "fen":
        return yuan(value.value)
    if value.unit == "flag":
        return "是" if value.value else "否"
    units = {"years": " 岁", "count": " 人"}
    return value.label_zh or f"{value.value}{units.get(value.unit, '')}"


def _rests_on(parameter: SheetParameter) -> str:
    figure, since = _figure(parameter.unit, parameter.value), parameter.valid_from.isoformat()
    return f"{parameter.zh}：{figure}（{since} 起，{parameter.source}）"


def _figure(unit: str, value: Any) -> str:
    if unit == "fen":
        return yuan(value)
    if unit == "flag":
        return "是" if value else "否"
    if unit == "basis_points":
        return f"{value / 100:g}%"
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)
