"""What a rule set is made of: named columns, figures, predicates and programmes (认定规则).

Each figure and each predicate is one function over arrays. It says which columns, figures, predicates and parameters it
reads and is given nothing else, so that an explanation shows everything a result rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from core.rules.batch import Array, Reader

Unit = Literal["fen", "count", "years", "flag", "code"]
ColumnKind = Literal["fen", "flag", "code", "codes", "date", "id"]
Of = Literal["household", "person"]


@dataclass(frozen=True, slots=True)
class Column:
    """A stated value that rules read: an attribute of the fact rows, or one key of a mapping there.

    Only ``fen``, ``flag`` and ``date`` columns are arrays of numbers; ``code`` and ``codes`` are asked for membership;
    ``id`` columns only say who is meant.
    """

    name: str
    zh: str
    en: str
    of: Of
    kind: ColumnKind
    attribute: str
    key: str | None = None
    code_list: str | None = None
    clause: str = "domain 11"

    def plain(self, row: object) -> Any:
        """The row's value as it stands in a snapshot: int, bool, text, list of texts, ISO date or None."""
        value = getattr(row, self.attribute)
        if self.key is not None:
            value = value.get(self.key, 0)
        match self.kind:
            case "fen":
                return int(value)
            case "flag":
                return bool(value)
            case "codes":
                return sorted(value)
            case "date":
                return value.isoformat() if value is not None else None
            case "id":
                return str(value)
        return value


Compute = Callable[["Reader"], "Array"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A derived number of a household or of a person; ``compute`` gives it for all of a batch (测算项)."""

    name: str
    zh: str
    en: str
    unit: Unit
    clause: str
    reads: tuple[str, ...]
    compute: Compute
    of: Of = "household"


@dataclass(frozen=True, slots=True)
class Predicate:
    """A named yes or no of a household; those that hold are the reasons of a determination (判定条件)."""

    name: str
    zh: str
    en: str
    clause: str
    reads: tuple[str, ...]
    compute: Compute


@dataclass(frozen=True, slots=True)
class KindLabel:
    """A kind of difficulty (困难类别); the figure that finds it gives its place in the rule set's list."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ProgrammeRule:
    """When a household qualifies for a programme and for how much (救助项目测算)."""

    code: str
    zh: str
    en: str
    clause: str
    qualifies: str
    """The predicate that must hold."""
    amount: str
    """The household's figure in fen."""
    grounds: tuple[str, ...] = ()
    """Predicates of which one must hold, for the explanation."""
    shares: str | None = None
    """A person's figure in fen that adds up to the amount: those persons benefit. None: the worker benefits."""


@dataclass(frozen=True)
class RuleSet:
    """One version of a plugin's rules. Raises ValueError where a name is doubled, unknown, or read in a circle."""

    name: str
    version: str
    plugin: str
    zh: str
    en: str
    clause: str
    columns: tuple[Column, ...]
    figures: tuple[Figure, ...]
    predicates: tuple[Predicate, ...]
    programmes: tuple[ProgrammeRule, ...]
    parameters: tuple[str, ...]
    """Names of the dated figures of policy that the rules may read."""
    kinds: tuple[KindLabel, ...]
    """Kinds of difficulty by place; the first means none."""
    kind: str
    """The figure whose value is a place in ``kinds``."""
    eligible: str
    """The predicate that says whether the household is in difficulty."""
    difficulty: frozenset[str] = frozenset()
    """Predicates of which any that holds means a household below a line; one of which none holds is above it."""
    surveyed: bool = True
    """Whether the annual survey determines by this rule set."""
    _steps: dict[str, Figure | Predicate] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        steps: tuple[Figure | Predicate, ...] = (*self.figures, *self.predicates)
        names = [*(column.name for column in self.columns), *(step.name for step in steps), *self.parameters]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"rule set {self.name}: {sorted(doubled)} stand twice")
        self._steps.update({step.name: step for step in steps})
        wanted = {name for step in self._steps.values() for name in step.reads}
        for programme in self.programmes:
            wanted |= {programme.qualifies, programme.amount, *programme.grounds, *filter(None, [programme.shares])}
        unknown = (wanted | {self.kind, self.eligible, *self.difficulty}) - set(names)
        if unknown:
            raise ValueError(f"rule set {self.name}: nobody declares {sorted(unknown)}")
        done: set[str] = set()
        for name in self._steps:
            self._walk(name, (), done)

    def _walk(self, name: str, path: tuple[str, ...], done: set[str]) -> None:
        if name in path:
            raise ValueError(f"rule set {self.name}: {' -> '.join((*path, name))} goes in a circle")
        if name not in done and name in self._steps:
            for read in self._steps[name].reads:
                self._walk(read, (*path, name), done)
            done.add(name)

    def step(self, name: str) -> Figure | Predicate:
        """The figure or predicate called ``name``; raises KeyError."""
        return self._steps[name]

    def columns_of(self, of: Of) -> tuple[Column, ...]:
        """The columns of households, or of persons, in the order of a snapshot."""
        return tuple(column for column in self.columns if column.of == of)
