"""Counties of the sample's province and the identity-card codes its people carry (行政区划代码, GB/T 2260)."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from core.divisions import Level, all_divisions, division

PROVINCE = "510000"
DEFAULT_COUNTIES = ("510104", "510704", "511304")
_NEIGHBOURS = ("50", "52", "53")


@dataclass(frozen=True, slots=True)
class County:
    """One county with the identity-card codes that only its own people carry in the sample.

    ``retired`` holds (code, year in which the code went out of use); ``outside`` codes of neighbouring provinces.
    """

    code: str
    name: str
    prefecture_name: str
    retired: tuple[tuple[str, int], ...]
    outside: tuple[str, ...]


@cache
def counties() -> dict[str, County]:
    """Every county of the province in the sample's stable order: the three defaults first, then by code.

    Retired and outside codes are dealt out so that no two counties share one: a person stands in two rosters only
    where the sample plants it.
    """
    every = sorted(code for code, one in all_divisions().items() if one.level is Level.COUNTY)
    present = [code for code in every if code[:2] == PROVINCE[:2]]
    retired: dict[str, list[tuple[str, int]]] = {code: [] for code in present}
    outside: dict[str, list[str]] = {code: [] for code in present}
    for place, (code, year) in enumerate(_retired_counties()):
        kin = [one for one in present if one[:4] == code[:4]] or present
        retired[kin[place % len(kin)]].append((code, year))
    for place, code in enumerate(code for code in every if code[:2] in _NEIGHBOURS):
        outside[present[place % len(present)]].append(code)
    order = [*DEFAULT_COUNTIES, *(code for code in present if code not in DEFAULT_COUNTIES)]
    return {
        code: County(code, division(code).name, division(f"{code[:4]}00").name, tuple(retired[code]), tuple(outside[code]))
        for code in order
    }


def _retired_counties() -> list[tuple[str, int]]:
    """Codes of the province's counties that have gone out of use, with the year."""
    text = files("core.divisions").joinpath("data/divisions_retired.csv").read_text(encoding="utf-8")
    return [
        (row["code"], int(row["last_change_year"]))
        for row in csv.DictReader(text.splitlines())
        if row["code"].startswith(PROVINCE[:2]) and not row["code"].endswith("00")
    ]
