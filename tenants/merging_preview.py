"""What closing a county would mean, looked at before anybody asks for it (撤并预览): figures of the two counties, what blocks,
what the successor lacks, who is on file in both. Nothing is changed but the record that somebody looked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.base import Base
from core.db.session import ScopedSession, unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import Opening
from core.host.manager import host
from core.parameters.service import declared_parameters, resolve
from core.scope import Level, Standing, current_scope, entered
from core.tenancy.models import Tenant
from core.tenancy.plugin_state import enabled_plugins
from core.tenancy.service import system_scope
from tenants.merging_gate import Block, Holdings, blocks, holdings

_TWICE = """
select count(*) from (
    select hash from identity_mark
    where province = :tenant and matter = 'on_file' and tenant in (:closing, :successor)
    group by hash having count(distinct tenant) = 2
) shared
"""


@dataclass(frozen=True, slots=True)
class Differing:
    """A figure of policy that is not the same in the two counties, as each has it."""

    name: str
    zh: str
    unit: str
    here: Any
    there: Any


@dataclass(frozen=True, slots=True)
class Preview:
    """The figures of a closing. ``twice`` counts people on file in both counties, ``lacking`` names lines that are on in the
    closing county alone."""

    closing: str
    closing_name: str
    successor: str | None
    successor_name: str
    held: Holdings
    held_there: Holdings | None
    blocks: tuple[Block, ...]
    lacking: tuple[tuple[str, str], ...]
    differing: tuple[Differing, ...]
    twice: int
    staying: tuple[tuple[str, str, int], ...] = ()
    """Rows that lines keep in tables of their own, which stay with the closing county: plugin, its name, how many."""

    def as_json(self) -> dict[str, Any]:
        """What is kept with the request, and printed by the command line."""
        return {
            "closing": self.closing,
            "closing_name": self.closing_name,
            "successor": self.successor,
            "successor_name": self.successor_name,
            "held": self.held.as_json(),
            "held_there": self.held_there.as_json() if self.held_there else None,
            "blocks": [asdict(block) for block in self.blocks],
            "lacking": [list(line) for line in self.lacking],
            "differing": [asdict(row) for row in self.differing],
            "twice": self.twice,
            "staying": [list(one) for one in self.staying],
        }


@contextmanager
def visiting(code: str, why: str, *, noted: bool = True) -> Iterator[ScopedSession]:
    """One transaction in a county below the province, as a guest whose visit is on record there; it is not ``noted`` again
    where the same act looks a second time."""
    guest = current_scope()
    there = system_scope(code, "closing", on=guest.business_date, guest_reason=why)
    if there.province != guest.tenant or there.tenant != code:
        raise NotFound(f"本省没有代码为 {code} 的单位", f"no county of the province has the code {code}", where=code)
    with entered(there), unit_of_work() as session:
        if noted:
            session.add(Opening(guest=guest.actor, guest_tenant=guest.tenant, reason=why, until=there.business_date))
            session.flush()
        yield session


def look(session: Session, closing: str, successor: str | None) -> Preview:
    """Preview a closing in the scope of the province.

    Raises ``NotFound`` for what is no open county of the province, ``InvalidInput`` where it would be its own successor.
    """
    leaving, heir = _county(session, closing, "closing"), _county(session, successor, "successor") if successor else None
    if closing == successor:
        raise InvalidInput("承接单位不能是被撤并单位", "a county does not take over from itself", where="successor")
    why = f"撤并预览：{leaving.union_name}" + (f"并入{heir.union_name}" if heir else "")
    with visiting(closing, why) as there:
        held, lines, figures = holdings(there), enabled_plugins(there), _figures(there)
        staying = _staying(there)
    standing = blocks(held, heir=heir is not None)
    held_there, lacking, differing, twice = None, [], [], 0
    if heir is not None:
        with visiting(heir.code, why) as there:
            held_there, lines_there, figures_there = holdings(there), enabled_plugins(there), _figures(there)
        lacking = [(name, host().info(name).title_zh) for name in sorted(lines - lines_there)]
        differing = _differing(figures, figures_there)
        twice = int(session.execute(tenant_sql(_TWICE), {"closing": closing, "successor": heir.code}).scalar_one())
        standing += _unserved(held, lines_there, heir)
    return Preview(
        closing,
        leaving.union_name,
        heir.code if heir else None,
        heir.union_name if heir else "",
        held,
        held_there,
        tuple(standing),
        tuple(lacking),
        tuple(differing),
        twice,
        staying,
    )


_NOT_MERGED = (Standing.PLANNED, Standing.READ_ONLY, Standing.CLOSED)


def _county(session: Session, code: str, where: str) -> Tenant:
    found = session.scalar(select(Tenant).where(Tenant.code == code, Tenant.province == current_scope().tenant))
    if found is None or found.level != Level.COUNTY.value or found.state in _NOT_MERGED:
        raise NotFound(f"本省没有已开通的县级单位 {code}", f"no open county of the province has the code {code}", where=where)
    if where == "successor" and found.state != Standing.OPEN.value:
        raise Conflict(f"{found.union_name}未在正常办理，不能承接", "the successor is not open", where=where)
    return found


def _figures(session: Session) -> Mapping[str, Any]:
    found = resolve(session, current_scope().business_date)
    return {name: found[name].value for name in found}


def _staying(session: Session) -> tuple[tuple[str, str, int], ...]:
    """How many rows each line keeps of its own here: one statement."""
    own = {name: [table for table in Base.metadata.sorted_tables if table.schema == name] for name in _with_tables()}
    counted = {
        name: " + ".join(
            f"(select count(*) from {table.fullname} where tenant = :tenant)"  # noqa: S608 - mapped tables
            for table in tables
        )
        for name, tables in own.items()
        if tables and all("tenant" in table.c for table in tables)
    }
    if not counted:
        return ()
    asked = ", ".join(f'{sums} as "{name}"' for name, sums in counted.items())
    row = session.execute(tenant_sql(f"select {asked}")).mappings().one()
    return tuple((name, host().info(name).title_zh, int(row[name])) for name in counted if row[name])


def _with_tables() -> list[str]:
    """Plugins that keep tables of their own."""
    return sorted(name for name, _ in host().installed("bangfu_migrations"))


def _differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Differing]:
    declared = declared_parameters()
    names = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name) and name in declared)
    return [Differing(name, declared[name].zh, declared[name].unit, here.get(name), there.get(name)) for name in names]


def _unserved(held: Holdings, lines: Collection[str], heir: Tenant) -> list[Block]:
    """Cases that would go on where their line is off: the successor switches it on first, or they are finished."""
    return [
        Block(
            f"line.{row.plugin}",
            f"{row.count} 件{row.zh}要续办，{heir.union_name}未启用{host().info(row.plugin).title_zh}",
            f"{row.count} cases of {row.workflow} would go on where the line is off",
            "请承接单位先启用该业务，或在本单位办结",
            "have the successor switch the line on, or finish them here",
            f"/cases?line={row.plugin}",
            row.count,
        )
        for row in held.cases
        if row.travels and row.plugin not in lines
    ]
