"""The households of one run as arrays of whole numbers, and the view of them that a rule is given.

Exactness: amounts are int64 fen. Bounds are checked on entry so that no product that the rules form can overflow:
12 months x 200 members x 10^10 fen x 10^5 basis points is under 2.5 x 10^18, and int64 holds 9.2 x 10^18.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import date
from typing import TYPE_CHECKING, Any

from core.codes.loader import code_list
from core.errors import InvalidInput
from core.rules.declarations import Column, Figure, Predicate, RuleSet
from core.rules.errors import OutOfBounds, ParameterMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    """Whole numbers (int64) or yes and no (bool)."""

MAX_FEN = 10**10
MAX_MEMBERS = 200
MAX_PARAMETER = 10**10
MAX_BASIS_POINTS = 10**5

Snapshot = Sequence[Any]
"""The household's columns in the rule set's order, then the list of its members' columns."""


def day_number(day: date) -> int:
    """A date as yyyymmdd: the difference of two, divided by 10,000 and rounded down, is the age in full years."""
    return day.year * 10_000 + day.month * 100 + day.day


def _date_of(value: str | None) -> int:
    return day_number(date.fromisoformat(value)) if value else 0


class Batch:
    """All households of one run. Each figure and predicate is computed once, when first asked for."""

    def __init__(
        self, rules: RuleSet, day: date, parameters: Mapping[str, Any], households: Sequence[tuple[uuid.UUID, Snapshot]]
    ) -> None:
        import numpy as np

        self._households = [household for household, _ in households]
        snapshots = [snapshot for _, snapshot in households]
        self.rules = rules
        self.day = day
        self.parameters = parameters
        self.size = len(snapshots)
        heads = len(rules.columns_of("household"))
        sizes = [len(snapshot[heads]) for snapshot in snapshots]
        for household, size in zip(self._households, sizes, strict=True):
            if size > MAX_MEMBERS:
                raise OutOfBounds.of(
                    household,
                    f"一户登记成员超过{MAX_MEMBERS}人",
                    f"a household has more than {MAX_MEMBERS} members",
                    "members",
                )
        self.sizes = np.array(sizes, dtype=np.int64)
        self.owner = np.repeat(np.arange(self.size, dtype=np.int64), self.sizes)
        persons = [person for snapshot in snapshots for person in snapshot[heads]]
        self._raw: dict[str, list[Any]] = {}
        for place, column in enumerate(rules.columns_of("household")):
            self._raw[column.name] = [snapshot[place] for snapshot in snapshots]
        for place, column in enumerate(rules.columns_of("person")):
            self._raw[column.name] = [person[place] for person in persons]
        self._columns = {column.name: column for column in rules.columns}
        self._known: dict[str, Array] = {}
        self._encoded: dict[str, tuple[Any, dict[str, int]]] = {}

    def under(self, parameters: Mapping[str, Any]) -> Batch:
        """The same households under other figures of policy; what was read of them is shared."""
        other = copy(self)
        other.parameters = parameters
        other._known = {name: known for name, known in self._known.items() if name in self._columns}
        return other

    def array(self, name: str) -> Array:
        """The column, figure or predicate called ``name`` for the whole batch."""
        if name not in self._known:
            column = self._columns.get(name)
            made = self._numbers(column) if column else self._computed(self.rules.step(name))
            made.setflags(write=False)
            self._known[name] = made
        return self._known[name]

    def _numbers(self, column: Column) -> Array:
        import numpy as np

        raw = self._raw[column.name]
        match column.kind:
            case "flag":
                return np.array(raw, dtype=np.bool_)
            case "date":
                return np.array([_date_of(value) for value in raw], dtype=np.int64)
            case "fen":
                for place, value in enumerate(raw):
                    if not -MAX_FEN <= value <= MAX_FEN:
                        owner = place if column.of == "household" else int(self.owner[place])
                        raise OutOfBounds.of(
                            self._households[owner],
                            f"“{column.zh}”金额过大，无法核算",
                            f"{column.name} is beyond {MAX_FEN} fen",
                            column.name,
                        )
                return np.array(raw, dtype=np.int64)
        raise TypeError(f"column {column.name} is not a number: ask any_of or has_any")

    def _computed(self, step: Figure | Predicate) -> Array:
        import numpy as np

        found = step.compute(Reader(self, step))
        person = isinstance(step, Figure) and step.of == "person"
        wanted = len(self.owner) if person else self.size
        boolean = isinstance(step, Predicate) or step.unit == "flag"
        if found.shape != (wanted,) or found.dtype != (np.bool_ if boolean else np.int64):
            raise TypeError(f"{step.name} gave {found.dtype}{found.shape}, wanted {wanted} exact values")
        return found

    def texts(self, column_name: str) -> list[Any]:
        """A column as it was stated, in the batch's order."""
        return self._raw[column_name]

    def members_of(self, column_name: str, codes: Iterable[str]) -> NDArray[np.bool_]:
        """Whether the value of a ``code`` column, or any of a ``codes`` column, is one of ``codes``."""
        import numpy as np

        raw = self._raw[column_name]
        wanted = frozenset(codes)
        column = self._columns[column_name]
        if column.kind == "codes":
            return np.fromiter((not wanted.isdisjoint(value) for value in raw), dtype=np.bool_, count=len(raw))
        if column_name not in self._encoded:
            places: dict[str, int] = {}
            numbers = [places.setdefault(value, len(places)) for value in raw]
            self._encoded[column_name] = (np.array(numbers, dtype=np.int64), places)
        numbers_array, places = self._encoded[column_name]
        table = np.zeros(max(len(places), 1), dtype=np.bool_)
        table[[place for code, place in places.items() if code in wanted]] = True
        chosen: NDArray[np.bool_] = table[numbers_array]
        return chosen


class Reader:
    """What one rule may see of a batch: the names that it declares, and nothing else (KeyError otherwise)."""

    def __init__(self, batch: Batch, step: Figure | Predicate) -> None:
        self._batch = batch
        self._step = step

    def _allow(self, name: str) -> None:
        if name not in self._step.reads:
            raise KeyError(f"{self._step.name} does not declare that it reads {name}")

    def __getitem__(self, name: str) -> Array:
        self._allow(name)
        return self._batch.array(name)

    @property
    def day(self) -> int:
        """The day of the decision as yyyymmdd."""
        return day_number(self._batch.day)

    def value(self, parameter: str) -> Any:
        """The value of a parameter on the day; raises ``ParameterMissing`` where no level has set one."""
        self._allow(parameter)
        found = self._batch.parameters.get(parameter)
        if found is None:
            raise ParameterMissing(
                f"政策参数 {parameter} 在 {self._batch.day.isoformat()} 没有取值",
                f"no value of {parameter} holds on {self._batch.day.isoformat()}",
                where=parameter,
                mend_zh="请由本级或上级设定该参数及其依据",
                mend_en="have this level or one above set it with its source",
            )
        return found

    def number(self, parameter: str, most: int = MAX_PARAMETER) -> int:
        """A whole-number parameter from 0 to ``most``: within the bounds of exact arithmetic, or ``OutOfBounds``."""
        found = self.value(parameter)
        if not isinstance(found, int) or not 0 <= found <= most:
            raise OutOfBounds(f"政策参数 {parameter} 的取值有误", f"{parameter} is not a usable number", where=parameter)
        return found

    def listed(self, parameter: str, code_list_name: str) -> tuple[str, ...]:
        """A parameter that lists codes of a code list; raises ``InvalidInput`` where one is not in the list."""
        found = self.value(parameter)
        known = code_list(code_list_name)
        unknown = [code for code in found if code not in known]
        if unknown:
            raise InvalidInput(
                f"政策参数 {parameter} 含有未知代码：{'、'.join(unknown)}",
                f"{parameter} lists unknown codes: {', '.join(unknown)}",
                where=parameter,
            )
        return tuple(found)

    def any_of(self, column: str, codes: Iterable[str]) -> NDArray[np.bool_]:
        """Whether a code column holds one of ``codes``, or a column of several holds at least one of them."""
        self._allow(column)
        return self._batch.members_of(column, codes)

    def members(self) -> NDArray[np.int64]:
        """Number of members of each household."""
        return self._batch.sizes.copy()

    def zeros(self) -> NDArray[np.int64]:
        """Nothing, for each household."""
        import numpy as np

        return np.zeros(self._batch.size, dtype=np.int64)

    def household_sum(self, name: str) -> NDArray[np.int64]:
        """A person's figure or column added up per household, exactly."""
        import numpy as np

        total = self.zeros()
        np.add.at(total, self._batch.owner, self[name])
        return total
