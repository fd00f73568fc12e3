"""Dated figures of policy (政策参数): what holds here on a day, and who says so (domain 10).

A lower level wins over a higher one, even with an older date; within one level the latest day that has come; for the same
day the value recorded last.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.errors import Forbidden, InvalidInput, NotFound
from core.host.declarations import ParameterDecl
from core.host.manager import host
from core.parameters import repository
from core.parameters.models import NationalParameter, TenantParameter
from core.rules.errors import ParameterMissing
from core.rules.sheet import SheetParameter
from core.scope import Scope, current_scope
from core.trail.service import record

NATION, WHAT_IF = "nation", "what_if"
MOST: Mapping[str, int] = {
    "fen": 10**10,
    "days": 36_500,
    "working_days": 3_650,
    "basis_points": 10**5,
    "years": 150,
    "months": 1_200,
    "count": 10**9,
}
"""The largest figure of each unit that anybody may mean."""

Resolved = SheetParameter
"""A figure as it holds: value, level (nation, province, prefecture, county), tenant, day, source and clause."""


class Parameters(Mapping[str, Resolved]):
    """The figures that hold in one tenant on one day, by name. Figures that nobody has set are absent."""

    def __init__(self, on: date, found: Mapping[str, Resolved]) -> None:
        self.on = on
        self._found = dict(found)

    def __getitem__(self, name: str) -> Resolved:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def value(self, name: str) -> Any:
        """The value of ``name``; raises ``ParameterMissing`` where no level has set one."""
        if name not in self._found:
            raise _missing(name, self.on)
        return self._found[name].value

    def values_of(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain values of those of ``names`` that are set."""
        return {name: self._found[name].value for name in names if name in self._found}

    def supposing(self, changes: Mapping[str, Any]) -> Parameters:
        """These figures with other values in place of some, to see what would follow; raises ``InvalidInput``."""
        found = dict(self._found)
        for name, value in changes.items():
            declared = declared_parameter(name)
            check_value(declared, value)
            former = found.get(name, _sheet(declared, None, WHAT_IF, None, self.on, "", declared.clause))
            found[name] = replace(former, value=value, level=WHAT_IF, tenant=None, source="测算假设")
        return Parameters(self.on, found)


def _missing(name: str, on: date) -> ParameterMissing:
    return ParameterMissing(
        f"政策参数 {name} 在 {on.isoformat()} 没有取值",
        f"no value of {name} holds on {on.isoformat()}",
        where=name,
        mend_zh="请由本级或上级设定该参数及其依据",
        mend_en="have this level or one above set it with its source",
    )


@dataclass(frozen=True, slots=True)
class NewParameter:
    """A value to be set: from which day, on what ground, by which clause."""

    name: str
    valid_from: date
    value: Any
    source: str
    clause: str


def declared_parameters() -> dict[str, ParameterDecl]:
    """All figures that installed plugins and the core declare, by name."""
    return {declared.name: declared for declared in host().collected("bangfu_parameters")}


def declared_parameter(name: str) -> ParameterDecl:
    """The declaration of ``name``; raises ``NotFound``."""
    found = declared_parameters().get(name)
    if found is None:
        raise NotFound(f"没有政策参数 {name}", f"no parameter is called {name}", where=name)
    return found


@dataclass(frozen=True, slots=True)
class Word:
    """What one level says, or would say, of a figure from a day on; ``value`` None: it follows the level above again."""

    tenant: str
    name: str
    valid_from: date
    value: Any
    source: str
    clause: str


Said = TenantParameter | Word


def resolve(session: Session, on: date, *, supposing: Word | None = None) -> Parameters:
    """The figures that hold in the tenant in scope on ``on``: two statements, however many figures there are. ``supposing`` is
    taken as if its level had said it last."""
    scope = current_scope()
    words: list[Said] = [*repository.tenants_until(session, scope, on)]
    if supposing is not None and supposing.valid_from <= on:
        words.append(supposing)
        words.sort(key=lambda word: word.valid_from)  # stable: of one day it stays the last
    return resolved(repository.national_until(session, on), words, scope, on)


def resolved(national: Sequence[NationalParameter], words: Sequence[Said], scope: Scope, on: date) -> Parameters:
    """What national values and the levels' words come to on a day; both oldest first, words of later days do not count."""
    declared = declared_parameters()
    found: dict[str, Resolved] = {}
    # Rows come oldest first and levels from the top, so whatever is written last is what holds.
    for row in national:
        if row.name in declared and row.valid_from <= on:
            found[row.name] = _sheet(declared[row.name], row.value, NATION, None, row.valid_from, row.source, row.clause)
    for code, level in line_of(scope):
        own = {one.name: one for one in words if one.tenant == code and one.name in declared and one.valid_from <= on}
        for name, word in own.items():
            if word.value is not None:
                found[name] = _sheet(declared[name], word.value, level, code, word.valid_from, word.source, word.clause)
    return Parameters(on, found)


def set_by_levels(session: Session, name: str, on: date) -> dict[str, Any]:
    """What each level from the province down to the tenant in scope has itself set for ``name``, by tenant code.

    For figures that a lower level may narrow but not widen: there, what counts is all of them together.
    """
    last = {row.tenant: row.value for row in repository.tenants_until(session, current_scope(), on) if row.name == name}
    return {tenant: value for tenant, value in last.items() if value is not None}


def least_of_levels(session: Session, names: Collection[str], on: date) -> dict[str, int]:
    """What holds of limits that a lower level may lower but not raise (``strictest`` least): the province's figure, or where it
    says none the nation's, and lower ones of the levels below. The declared figure stands in for a nation's that no upgrade has
    written yet, so that a limit is never without one. Two statements; raises ``ParameterMissing``."""
    scope = current_scope()
    national = {name: one.value for name in names for one in declared_parameter(name).defaults if one.valid_from <= on}
    national |= {row.name: row.value for row in repository.national_until(session, on) if row.name in names}
    words = [row for row in repository.tenants_until(session, scope, on) if row.name in names]
    found = {}
    for name in names:
        said = {row.tenant: row.value for row in words if row.name == name}
        top = said.pop(scope.province, None)
        below = [int(value) for value in said.values() if value is not None]
        highest = national.get(name) if top is None else top
        if highest is None:
            raise _missing(name, on)
        found[name] = min([int(highest), *below])
    return found


def line_of(scope: Scope) -> list[tuple[str, str]]:
    """(tenant, level) from the province down to the tenant in scope."""
    line = [(scope.province, "province")]
    if scope.prefecture is not None:
        line.append((scope.prefecture, "prefecture"))
    if scope.tenant not in {code for code, _ in line}:
        line.append((scope.tenant, scope.level.value))
    return line


def _sheet(
    declared: ParameterDecl, value: Any, level: str, tenant: str | None, valid_from: date, source: str, clause: str
) -> Resolved:
    return SheetParameter(
        name=declared.name,
        zh=declared.zh,
        en=declared.en,
        unit=declared.unit,
        value=value,
        level=level,
        tenant=tenant,
        valid_from=valid_from,
        source=source,
        clause=clause,
    )


def set_parameters(session: Session, new: Sequence[NewParameter]) -> list[TenantParameter]:
    """Set values for the tenant in scope and the levels below it, each with its source; for jobs of the platform alone.

    A person proposes (``core.parameters.proposals``) and a second one adopts. Raises ``Forbidden`` for a person, ``NotFound``
    for an undeclared name and ``InvalidInput`` for a value that does not fit its unit or lacks a source. Earlier values stay
    on record.
    """
    scope = current_scope()
    if not scope.is_system:
        raise Forbidden(
            "政策参数须经拟订、核准两人办理",
            "a figure of policy is proposed by one person and adopted by another",
            mend_zh="请在“政策参数”页面提出调整",
            mend_en="propose it on the page of the figures",
        )
    rows = []
    for given in new:
        check_value(declared_parameter(given.name), given.value)
        if not given.source.strip():
            raise InvalidInput(f"政策参数 {given.name} 须写明依据", f"{given.name} needs a source", where=given.name)
        rows.append(write(session, given, None))
    session.flush()
    for row in rows:
        fields = {"name": row.name, "valid_from": row.valid_from, "value": row.value}
        record(session, "parameter.set", "parameter", row.id, fields)
    return rows


def write(session: Session, given: NewParameter, proposal_id: uuid.UUID | None) -> TenantParameter:
    """Add the row of a value that was checked."""
    row = TenantParameter(
        id=new_id(),
        name=given.name,
        valid_from=given.valid_from,
        value=given.value,
        source=given.source.strip(),
        clause=given.clause.strip(),
        actor=current_scope().actor,
        proposal_id=proposal_id,
    )
    session.add(row)
    return row


def set_parameter(session: Session, name: str, valid_from: date, value: Any, source: str, clause: str) -> TenantParameter:
    """Set one value: ``set_parameters`` with a list of one."""
    return set_parameters(session, [NewParameter(name, valid_from, value, source, clause)])[0]


def check_value(declared: ParameterDecl, value: Any) -> None:
    """Refuse with ``InvalidInput`` a value that does not fit the unit, its bounds or its codes."""
    if declared.unit == "flag":
        fits = isinstance(value, bool)
    elif declared.unit == "codes":
        fits = isinstance(value, list) and all(isinstance(code, str) for code in value)
        if fits and declared.options is not None and (unknown := set(value) - declared.options().keys()):
            raise InvalidInput(
                f"“{declared.zh}”没有这些选项：{'、'.join(sorted(unknown))}",
                f"{declared.name} has no such codes: {', '.join(sorted(unknown))}",
                where=declared.name,
            )
    else:
        fits = isinstance(value, int) and not isinstance(value, bool) and declared.least <= value <= MOST[declared.unit]
    if not fits:
        raise InvalidInput(
            f"“{declared.zh}”的取值不符合单位要求",
            f"the value of {declared.name} does not fit the unit {declared.unit}",
            where=declared.name,
            mend_zh=f"不得少于 {declared.least}（{declared.clause}）" if declared.least else None,
            mend_en=f"not below {declared.least} ({declared.clause})" if declared.least else None,
        )


def sync_national(owner: Connection | Session) -> int:
    """Write the national values that all installed plugins declare, through the owner's connection; their number.

    Safe to run at every start. Values of former declarations stay, so that old decisions can be read.
    """
    rows = [
        {
            "name": declared.name,
            "valid_from": default.valid_from,
            "value": default.value,
            "source": default.source,
            "clause": default.clause,
        }
        for declared in declared_parameters().values()
        for default in declared.defaults
    ]
    repository.write_national(owner, rows)
    return len(rows)
