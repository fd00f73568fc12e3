"""Reporting matters up (上报, domain 1.3, 4.2.3): a guard and an effect that workflows of all lines may name.

The guard asks whether the union above takes the line's matters, the effect hands them over by the same door as any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.repository import last_notes
from core.cases.switched_off import permissions_with
from core.errors import Conflict
from core.exchange.matters import hand_over, sealed_here
from core.host.declarations import EffectDecl, GuardDecl, GuardVerdict
from core.host.manager import host
from core.scope import Level, Scope, current_scope
from core.tenancy.service import system_scope, tenant_named

GUARD, EFFECT = "union_above_takes", "hand_up"

_NOBODY = GuardVerdict(False, "本单位没有上级工会，不能上报", "there is no union above to report to")


def above(scope: Scope) -> str | None:
    """The tenant one level above: the prefecture, or the province where there is none between; None for the province."""
    if scope.level is Level.PROVINCE:
        return None
    return scope.prefecture if scope.level is Level.COUNTY and scope.prefecture else scope.province


def union_above_takes(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The union above has the case's line on, and the case may be handed over at all (not a confidential one, 4.2.4)."""
    peer = above(current_scope())
    if peer is None:
        return dict.fromkeys((case.id for case in cases), _NOBODY)
    name, on = tenant_named(session, peer).union_name, system_scope(peer, "reporting_up").plugins
    return {case.id: _verdict(case, name, on) for case in cases}


def _verdict(case: Case, union: str, on: frozenset[str]) -> GuardVerdict:
    if case.handlers is not None:
        refused = sealed_here(case)
        return GuardVerdict(False, refused.zh, refused.en)
    if case.plugin not in on:
        line = host().info(case.plugin)
        return GuardVerdict(
            False,
            f"{union}未启用{line.title_zh}业务，不能在系统内上报",
            f"{union} has the line {line.title_en} switched off",
        )
    return GuardVerdict(True, "上级工会受理该业务", "the union above takes such matters")


def hand_up(session: Session, cases: Sequence[Case]) -> None:
    """Hand the cases to the union above; the reason is the note of the step that brought this about.

    Raises what ``hand_over`` does; the step then is not made either.
    """
    peer = above(current_scope())
    if peer is None:
        raise Conflict(_NOBODY.zh, _NOBODY.en, where=cases[0].number)
    notes = last_notes(session, [case.id for case in cases])
    # a line that is off grants what its steps need where a clock obliges to them
    held = permissions_with(session, {case.plugin for case in cases})
    for case in cases:
        hand_over(session, case.id, peer, notes.get(case.id) or "", held=held)


GUARDS = (GuardDecl(GUARD, "上级工会受理该业务", "the union above takes the line's matters", union_above_takes),)
EFFECTS = (EffectDecl(EFFECT, "上报上级工会", "hand the matter to the union above", hand_up),)
