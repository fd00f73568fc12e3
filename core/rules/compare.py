"""What other figures of policy would change (政策测算): households as arrays, decided once as it is and once as it would be."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from core.rules.batch import Batch, Snapshot
from core.rules.declarations import RuleSet
from core.rules.errors import ParameterMissing

if TYPE_CHECKING:
    from core.rules.batch import Array

Way = Literal["gain", "lose", "other"]
"""A household gets more, gets less, or is of another kind with the same aid."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A household whose kind or aid would be another; fen a year over all programmes."""

    household_id: uuid.UUID
    way: Way
    kind_before: str | None
    kind_after: str | None
    fen_before: int
    fen_after: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one programme costs a year as the rules find it, and for how many households, before and after; fen."""

    fen_before: int = 0
    fen_after: int = 0
    households_before: int = 0
    households_after: int = 0


@dataclass(slots=True)
class Comparison:
    """Whose result would change, and what each programme would cost."""

    households: int = 0
    newly_eligible: int = 0
    no_longer_eligible: int = 0
    costs: dict[str, Cost] = field(default_factory=dict)
    changed: list[Changed] = field(default_factory=list)


def compare(
    rules: RuleSet,
    day: date,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    snapshots: Sequence[tuple[uuid.UUID, Snapshot]],
) -> Comparison:
    """Decide many households under two sets of figures by the rules of a decision, without a step for each household that
    stays as it is. Where a figure that the rules need has not been set so far, nobody got anything before.

    Raises ``ParameterMissing`` where the figures of ``after`` do not suffice, and ``OutOfBounds``.
    """
    found = Comparison(households=len(snapshots))
    if not snapshots:
        return found
    new = Batch(rules, day, after, snapshots)
    then = _Result(new)
    try:
        was = _Result(new.under(before))
    except ParameterMissing:
        was = _Result.nothing(new)
    found.newly_eligible = int((then.eligible & ~was.eligible).sum())
    found.no_longer_eligible = int((was.eligible & ~then.eligible).sum())
    for programme in rules.programmes:
        old_fen, new_fen = was.amounts[programme.code], then.amounts[programme.code]
        found.costs[programme.code] = Cost(
            int(old_fen.sum()),
            int(new_fen.sum()),
            int(was.qualifies[programme.code].sum()),
            int(then.qualifies[programme.code].sum()),
        )
    found.changed = _changed(rules, was, then, [household for household, _ in snapshots])
    return found


class _Result:
    """Kinds, and by programme who qualifies for how much."""

    def __init__(self, batch: Batch) -> None:
        import numpy as np

        rules = batch.rules
        self.kinds: Array = batch.array(rules.kind)
        self.eligible: Array = batch.array(rules.eligible)
        self.qualifies: dict[str, Array] = {one.code: batch.array(one.qualifies) for one in rules.programmes}
        self.amounts: dict[str, Array] = {
            one.code: np.where(self.qualifies[one.code], batch.array(one.amount), np.int64(0)) for one in rules.programmes
        }
        self.total: Array = np.sum([np.zeros(batch.size, dtype=np.int64), *self.amounts.values()], axis=0)

    @classmethod
    def nothing(cls, batch: Batch) -> _Result:
        """That nobody is in difficulty and nobody gets anything."""
        import numpy as np

        made = cls.__new__(cls)
        none, no = np.zeros(batch.size, dtype=np.int64), np.zeros(batch.size, dtype=np.bool_)
        made.kinds, made.eligible, made.total = none, no, none
        made.qualifies = {one.code: no for one in batch.rules.programmes}
        made.amounts = {one.code: none for one in batch.rules.programmes}
        return made


def _changed(rules: RuleSet, was: _Result, then: _Result, households: Sequence[uuid.UUID]) -> list[Changed]:
    import numpy as np

    moved = (was.kinds != then.kinds) | (was.total != then.total)
    for code, qualifies in was.qualifies.items():
        moved |= (qualifies != then.qualifies[code]) | (was.amounts[code] != then.amounts[code])
    # more money, or with the same money newly in difficulty; less, or no longer in it
    delta = then.total - was.total
    entered = then.eligible.astype(np.int64) - was.eligible.astype(np.int64)
    sign = np.where(delta != 0, np.sign(delta), entered)
    ways: tuple[Way, Way, Way] = ("other", "gain", "lose")
    kinds = [None, *(kind.code for kind in rules.kinds[1:])]
    return [
        Changed(
            households[place],
            ways[int(sign[place])],
            kinds[int(was.kinds[place])],
            kinds[int(then.kinds[place])],
            int(was.total[place]),
            int(then.total[place]),
        )
        for place in moved.nonzero()[0].tolist()
    ]
