"""What the story reads from disk: the workbooks, the parameters, and what happens after the survey."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from deploy.sample.columns import EVENT_SHEET
from deploy.sample.generate import first_counties, generate
from deploy.story.ledger import Arguments

SAMPLE = Path(__file__).parent.parent / "sample"
DEFAULT_COUNTIES, DEFAULT_HOUSEHOLDS, DEFAULT_SEED, DEFAULT_YEAR = 3, 300, 20250101, 2025


@dataclass(frozen=True, slots=True)
class SampleParameter:
    """One line of ``parameters.csv``."""

    tenant: str
    name: str
    valid_from: date
    value: Any
    source: str
    clause: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the sheet of later events: what, for which household of the workbook, which programme, how much."""

    what: str
    household: str
    programme: str
    fen: int | None
    note: str

    def noted(self, name: str) -> str:
        """The value of ``name：value`` in the note, or an empty text."""
        for part in self.note.split("；"):
            key, _, value = part.partition("：")
            if key == name:
                return value
        return ""


def parameters() -> list[SampleParameter]:
    """The sample's parameters of province, prefectures and counties."""
    with (SAMPLE / "parameters.csv").open(encoding="utf-8", newline="") as lines:
        return [
            SampleParameter(
                row["tenant_code"],
                row["name"],
                date.fromisoformat(row["valid_from"]),
                json.loads(row["value"]),
                row["source"],
                row["clause"],
            )
            for row in csv.DictReader(lines)
        ]


def rosters(arguments: Arguments, home: Path) -> dict[str, Path]:
    """The workbooks by county: the ones that come with the program where the arguments are the default, else made once."""
    codes = first_counties(arguments.counties)
    default = (DEFAULT_COUNTIES, DEFAULT_HOUSEHOLDS, DEFAULT_SEED, DEFAULT_YEAR)
    if (arguments.counties, arguments.households, arguments.seed, arguments.year) == default:
        return {code: SAMPLE / "rosters" / f"{code}.xlsx" for code in codes}
    name = f"{arguments.year}-{arguments.counties}x{arguments.households}-{arguments.seed}"
    folder = home / "sample" / name
    if not (folder / "complete").exists():
        generate(folder, counties=codes, households=arguments.households, seed=arguments.seed, year=arguments.year)
        (folder / "complete").touch()
    return {code: folder / f"{code}.xlsx" for code in codes}


def events(path: Path) -> Iterator[Event]:
    """The later events of a workbook."""
    rows = CalamineWorkbook.from_path(path).get_sheet_by_name(EVENT_SHEET).to_python()
    for what, household, programme, value, note in rows[1:]:
        fen = int(Decimal(str(value)) * 100) if value != "" else None
        yield Event(str(what), str(household).removesuffix(".0"), str(programme), fen, str(note))
