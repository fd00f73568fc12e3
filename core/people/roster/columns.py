"""One column of a chunk at a time: each distinct value is read once, what is wrong with it is remembered beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from core.divisions import all_divisions
from core.people.roster import amounts, labels, values
from core.people.roster.days import DayReader
from core.people.roster.fields import Field
from core.people.roster.identity import FileNumberReader, IdentityReader
from core.people.roster.kinds import KINDS
from core.people.roster.problems import Fault
from core.people.roster.values import Told
from core.people.townships import MOST, township_of
from core.spreadsheets.cells import Cell, CodedCells
from core.vault.in_text import without_numbers_in

_MOST_KEPT: Final = 20_000
_MAY_HOLD_NUMBER: Final = re.compile(r"(?s)\d(?:.?\d){14}").search
"""Whether a text has as many digits as the shortest number that is masked; most have none."""
_APART: Final = frozenset(("identity", "name", "phone", "account", "file_number", "key", "long_text"))
"""What hardly two rows share: to look for it among what was read takes longer than to read it."""
_WRONG: Final = frozenset((Told, Fault))
Reader = Callable[[Any], Any]


class ColumnReader(dict[Any, Any]):
    """Cells to values, each distinct cell read once, but where nearly all are distinct (``apart``). ``faults`` tells of cells
    that are wrong or doubtful, by the cell."""

    __slots__ = ("_apart", "_read", "faults")

    def __init__(self, read: Reader, *, apart: bool = False) -> None:
        super().__init__()
        self._read = read
        self._apart = apart
        self.faults: dict[Any, Fault] = {}
        self[None] = None

    def __missing__(self, raw: Any) -> Any:
        value = self[raw] = self._without_fault(raw, self._read(raw))
        return value

    def _without_fault(self, raw: Any, value: Any) -> Any:
        if value.__class__ is Told:
            self.faults[raw] = value.fault
            return value.value
        if value.__class__ is Fault:
            self.faults[raw] = value
            return None
        return value

    def read(self, cells: Sequence[Cell]) -> list[Any]:
        """The values of a column's cells; None for a blank and for what is wrong."""
        if isinstance(cells, CodedCells):
            return list(map(list(map(self.__getitem__, cells.said)).__getitem__, cells.codes))
        if not self._apart:
            return list(map(self.__getitem__, cells))
        read = self._read
        values = [None if raw is None else read(raw) for raw in cells]
        if _WRONG.isdisjoint(map(type, values)):
            return values
        return [self._without_fault(raw, value) for raw, value in zip(cells, values, strict=True)]

    def rest(self) -> None:
        """Forget what was read where it has become much: a column of addresses has no value twice."""
        if len(self) + len(self.faults) > _MOST_KEPT:
            self.clear()
            self.faults.clear()
            self[None] = None


def is_error(fault: Fault) -> bool:
    """Whether the fault holds its household back."""
    return KINDS[fault.kind].severity == "error"


class Readers:
    """The readers of one check, as of its business date; columns of the same kind share what was read."""

    def __init__(self, on: date, programmes: Mapping[str, str], *, county: str | None, date_1904: bool, of_text: bool) -> None:
        self._programmes = programmes
        self._county = county
        self._date_1904 = date_1904
        self._identity = IdentityReader(on, of_text=of_text)
        self._known: dict[tuple[str, tuple[str, ...], int, int, str], ColumnReader] = {}

    def reader(self, field: Field, times: int = 1, parts: int = 1) -> ColumnReader:
        """The reader of a column that holds ``field``, its amounts in the unit that the heading states."""
        period = field.period if parts == 1 and times % 12 else {"month": "year", "year": "month"}.get(field.period, "")
        known = (field.holds, field.lists, times, parts, period)
        if known not in self._known:
            self._known[known] = ColumnReader(self._made(field, times, parts, period), apart=field.holds in _APART)
        return self._known[known]

    def rest(self) -> None:
        """Between two chunks."""
        for reader in self._known.values():
            reader.rest()

    def _made(self, field: Field, times: int, parts: int, period: str) -> Reader:
        match field.holds:
            case "identity":
                return self._identity
            case "code":
                return labels.CodeReader(*field.lists)
            case "standing":
                return labels.CodeReader("employment_status", "identity_status")
            case "codes":
                return labels.CodesReader(field.lists[0])
            case "yes":
                return labels.YesNoReader(field.lists[0])
            case "money" | "sum":
                return amounts.AmountReader(exact=field.holds == "money", times=times, parts=parts, period=period)
            case "day":
                return DayReader(date_1904=self._date_1904)
            case "month":
                return DayReader(date_1904=self._date_1904, month="first")
            case "birth":
                return DayReader(date_1904=self._date_1904, month="kept")
            case "programmes":
                return labels.ProgrammesReader(self._programmes)
            case "file_number":
                return FileNumberReader(self._identity)
            case "county":
                return _County(self._county)
            case _:
                return _PLAIN[field.holds]


def _township(raw: Cell) -> str | Fault | Told | None:
    """A township by its name; of an office there the place alone."""
    found = values.text(raw)
    if not isinstance(found, str):
        return found
    return township_of(found) if len(found) <= MOST else Fault("too_long", {"most": MOST})


def _told(found: str | Fault | None) -> str | Fault | Told | None:
    """A free text without the identity numbers and bank cards in it."""
    if not isinstance(found, str) or not _MAY_HOLD_NUMBER(found):
        return found
    masked = without_numbers_in(found)
    return found if masked is found else Told(masked, Fault("number_in_text"))


_PLAIN: Final[Mapping[str, Reader]] = {
    "key": values.text,
    "serial": values.text,
    "relation": labels.relation,
    "name": values.name,
    "phone": values.phone,
    "account": values.account,
    "text": lambda raw: _told(values.text(raw)),
    "long_text": lambda raw: _told(values.long_text(raw)),
    "area": amounts.area,
    "count": values.count,
    "division": values.division,
    "township": _township,
    "kind": labels.KindReader(),
}


class _County:
    """Reads the name or code of a county; another one than the importing is told."""

    def __init__(self, code: str | None) -> None:
        known = all_divisions().get(code or "")
        self._code, self._name = code, known.name if known else None

    def __call__(self, raw: Cell) -> str | Fault | Told | None:
        found = values.text(raw)
        if not isinstance(found, str) or self._name is None or self._code is None:
            return found
        stem = self._name.rstrip("县区市旗") if len(self._name) > 2 else self._name
        return found if stem in found or found.startswith(self._code) else Told(found, Fault("other_county"))
