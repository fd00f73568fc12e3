"""Whether an act is allowed, answered in one place (办理权限, domain 12): tenant, line, permission, level, proof, state.

Pure: it reads no database and no request. What an act asks for is a ``Demand``, kept beside the service that carries it out;
the web's dependencies and the services ask here, and so does the table of all permissions (docs/permissions.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import Forbidden
from core.scope import Level, Scope, Standing, at_rest, current_scope


class Verdict(StrEnum):
    """What the answer to an act will be."""

    ALLOWED = "allowed"
    NOT_FOUND = "not_found"
    """Another tenant's, of a line that is off, or a case of a line that the post does not read: 404 (law 1)."""
    FORBIDDEN = "forbidden"
    """The post lacks the right, or the tenant's level has no such work: 403."""
    PROOF = "proof"
    """A fresh proof of the person comes first."""
    CONFLICT = "conflict"
    """The object's state does not allow it: 409."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object whose state decides what may be done to it; ``states`` gives each state its Chinese name."""

    code: str
    zh: str
    states: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Demand:
    """What an act asks for before it is carried out. Duties that exclude each other, and conditions of a workflow beyond its
    state, are asked for by the services besides."""

    permission: str | None = None
    hidden: bool = False
    """Whoever lacks the permission is told that there is no such thing."""
    plugin: str | None = None
    """The line that must be on."""
    levels: frozenset[Level] = frozenset(Level)
    fresh_proof: bool = False
    case_of: str | None = None
    """The line of the case that it is done to: of a line that the post does not read, the case is not there."""
    of: Kind | None = None
    """What it is done to, where that has states."""
    states: frozenset[str] = frozenset()
    """The states in which it is done."""
    again: frozenset[str] = frozenset()
    """The states that the act leads to and in which it changes nothing, told a second time by whoever may."""
    begins: bool = False
    """It begins something new: not done in a suspended tenant, though the right goes on there for what is under way."""

    def fits(self, state: str) -> bool:
        """Whether an object in ``state`` allows the act."""
        return state in self.states

    def is_proven(self, fresh: bool) -> bool:
        """Whether the person's proof, ``fresh`` or not, is enough."""
        return fresh or not self.fresh_proof

    def rests_in(self, scope: Scope) -> bool:
        """Whether the standing of the actor's tenant keeps the act back, which his right would allow."""
        return self.begins and scope.standing in (Standing.SUSPENDED, Standing.READ_ONLY) and not scope.is_system


def enters(scope: Scope | None, tenant: str) -> bool:
    """Whether the holder of ``scope`` (None: of no post) is let into ``tenant``: his own, and none above, below, beside."""
    return scope is not None and scope.tenant == tenant


def looks_after(scope: Scope, tenant: str, above: Collection[str]) -> bool:
    """Whether whoever looks after staff or log at home does so in ``tenant``, which has the tenants ``above`` it: in his own,
    and in those below (上级代管)."""
    return scope.tenant == tenant or scope.tenant in above


def answer(demand: Demand, scope: Scope, *, proven: bool = False) -> Verdict:
    """What ``demand`` says to the holder of ``scope`` inside his tenant, whatever the object's state."""
    if demand.plugin is not None and demand.plugin not in scope.plugins:
        return Verdict.NOT_FOUND
    if demand.permission is not None and not scope.may(demand.permission):
        return Verdict.NOT_FOUND if demand.hidden else Verdict.FORBIDDEN
    if scope.level not in demand.levels or demand.rests_in(scope):
        return Verdict.FORBIDDEN
    if demand.case_of is not None and not scope.reads_line(demand.case_of):
        return Verdict.NOT_FOUND
    if not demand.is_proven(proven):
        return Verdict.PROOF
    return Verdict.ALLOWED


def require(demand: Demand) -> None:
    """Refuse with ``Forbidden`` unless the actor in scope holds the permission, in a tenant of a level that has such work; the
    state is asked by the service once it has the object."""
    scope = current_scope()
    if demand.permission is not None:
        scope.require(demand.permission)
    if demand.rests_in(scope):
        raise at_rest(scope)
    if scope.level not in demand.levels:
        raise Forbidden(
            "本级单位不办理此事项",
            f"a tenant of this level has no such work: {scope.level}",
            where=demand.permission,
            mend_zh="请由有权办理的上级单位办理",
            mend_en="let the level above do it",
        )


def judge(
    demands: Iterable[Demand],
    scope: Scope | None,
    tenant: str,
    *,
    states: Mapping[str, str] | None = None,
    proven: bool = False,
    of: tuple[str, Collection[str]] | None = None,
) -> Verdict:
    """What an act in ``tenant`` that makes ``demands``, in this order, is answered; ``states`` gives the state of what it is
    done to, by kind. Whoever lacks the right learns nothing of the state. ``of`` is the tenant that a page for the level above
    is about, with those above it."""
    if scope is None or not enters(scope, tenant):
        return Verdict.NOT_FOUND
    asked = list(demands)
    for demand in asked:
        verdict = answer(demand, scope, proven=proven)
        if verdict is not Verdict.ALLOWED:
            return verdict
    if of is not None and not looks_after(scope, *of):
        return Verdict.NOT_FOUND
    for demand in asked:
        state = (states or {}).get(demand.of.code) if demand.of is not None else None
        if state is not None and not demand.fits(state) and state not in demand.again:
            return Verdict.CONFLICT
    return Verdict.ALLOWED
