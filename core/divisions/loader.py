"""The divisions of the mainland as read-only data (domain 1.3); source and licence in data/ATTRIBUTION.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from core.errors import NotFound

_DATA: Final = Path(__file__).parent / "data"


class Level(StrEnum):
    """Level of a division (行政级别): 省级, 地级, 县级."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


@dataclass(frozen=True, slots=True)
class Division:
    """A division (行政区划) in use today; ``parent`` is None for a province, and the province for a county it runs."""

    code: str
    name: str
    level: Level
    parent: str | None


@lru_cache(maxsize=1)
def all_divisions() -> Mapping[str, Division]:
    """Every present division by code, in order of code."""
    with (_DATA / "divisions.csv").open(encoding="utf-8", newline="") as file:
        rows = [Division(row["code"], row["name"], Level(row["level"]), row["parent"] or None) for row in csv.DictReader(file)]
    return MappingProxyType({row.code: row for row in sorted(rows, key=lambda row: row.code)})


@dataclass(frozen=True, slots=True)
class Retired:
    """A code that was in use after 1980 and is no more: its last name, and the year in which it went."""

    code: str
    name: str
    until: int


@lru_cache(maxsize=1)
def retired() -> Mapping[str, Retired]:
    """Codes that are in use no more, in order of code."""
    with (_DATA / "divisions_retired.csv").open(encoding="utf-8", newline="") as file:
        rows = [Retired(row["code"], row["name"], int(row["last_change_year"])) for row in csv.DictReader(file)]
    return MappingProxyType({row.code: row for row in sorted(rows, key=lambda row: row.code)})


@lru_cache(maxsize=1)
def _children() -> Mapping[str | None, tuple[Division, ...]]:
    grouped: dict[str | None, list[Division]] = {}
    for row in all_divisions().values():
        grouped.setdefault(row.parent, []).append(row)
    return MappingProxyType({parent: tuple(rows) for parent, rows in grouped.items()})


def division(code: str) -> Division:
    """The present division with this code; raises NotFound (a retired code too: it is in no tree)."""
    found = all_divisions().get(code)
    if found is None:
        raise NotFound("没有这个行政区划代码", "no such division code", where=code)
    return found


def children(code: str | None) -> tuple[Division, ...]:
    """Divisions directly below, by code; the provinces for None. Raises NotFound for an unknown code."""
    if code is not None:
        division(code)
    return _children().get(code, ())


def below(code: str) -> tuple[Division, ...]:
    """All divisions below, at whatever depth, by code. Raises NotFound for an unknown code."""
    found = [deeper for child in children(code) for deeper in (child, *below(child.code))]
    return tuple(sorted(found, key=lambda row: row.code))


def above(code: str) -> tuple[str, ...]:
    """Codes of the divisions above, the nearest first. Raises NotFound for an unknown code."""
    parent = division(code).parent
    return () if parent is None else (parent, *above(parent))


def matching(text: str, among: Iterable[Division | Retired]) -> list[Division | Retired]:
    """Those of ``among`` whose code begins with ``text`` or whose name holds it; none for an empty text."""
    part = text.strip()
    return [row for row in among if row.code.startswith(part) or part in row.name] if part else []


def is_known_code(code: str) -> bool:
    """Whether the code is in use today or was after 1980: an identity card keeps the code of its day."""
    return code in all_divisions() or code in retired()
