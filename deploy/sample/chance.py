"""The generator's only source of randomness: one reproducible stream per county."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Stream(Random):
    """A pseudo-random stream named by text, so that a county's roster never depends on another's."""

    def happens(self, percent: float) -> bool:
        """True in about ``percent`` of a hundred calls."""
        return self.random() * 100 < percent

    def weighted(self, table: Sequence[tuple[T, int]]) -> T:
        """One value of a table of (value, weight)."""
        ticket = self.random() * sum(weight for _, weight in table)
        for value, weight in table:
            ticket -= weight
            if ticket < 0:
                return value
        return table[-1][0]


def stream(*names: object) -> Stream:
    """The stream of these names; the same names always give the same numbers."""
    return Stream(":".join(str(name) for name in names))
