"""A covering set of cells: few of them that together meet every goal once (greedy; each pass takes what still meets most)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def covering(choices: Sequence[T], goals_of: Callable[[T], frozenset[Hashable]]) -> list[T]:
    """Choices, in their order of preference, that meet every goal which any of them meets.

    Within each pass those are taken that meet at least so many goals nobody met before; every pass asks for one less.
    """
    goals = [goals_of(choice) for choice in choices]
    open_goals: set[Hashable] = set().union(*goals)
    taken: list[T] = []
    for wanted in range(max(map(len, goals), default=0), 0, -1):
        for choice, met in zip(choices, goals, strict=True):
            if len(met & open_goals) >= wanted:
                open_goals -= met
                taken.append(choice)
    return taken
