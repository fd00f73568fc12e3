"""Pages of the tenants part: service lines with their settings, and the overview of the levels above (业务启停, 汇总视图)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from core.db.session import unit_of_work
from core.exchange.facts import Figure, figures_below, latest_year
from core.funds.sources import source_names
from core.scope import current_scope
from core.web.context import requires, show
from core.web.pages import words
from tenants import keeping_pages, merging_pages, parameter_pages, plugin_pages, settings_home, settings_pages
from tenants.plugin import READ_FIGURES

router = APIRouter()
router.include_router(plugin_pages.router)
router.include_router(settings_pages.router)
router.include_router(parameter_pages.router)
router.include_router(settings_home.router)
router.include_router(keeping_pages.router)
router.include_router(merging_pages.router)

FIGURES = Depends(requires(READ_FIGURES))
_FEN_PER_WAN = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one tenant below: households by the year's survey, grants, money in fen."""

    tenant: str
    name: str
    households: int
    grants: int
    received_fen: int
    paid_fen: int

    @property
    def paid_share(self) -> float:
        """Paid of received, as a ratio of 1; 0 where nothing came in."""
        return self.paid_fen / self.received_fen if self.received_fen else 0.0


def summed(figures: Sequence[Figure], unions: dict[str, str]) -> list[Row]:
    """One row a tenant, the one that paid most first."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for figure in figures:
        if figure.name != "households_determined" or figure.dimension != "none":
            sums[figure.tenant][figure.name] += figure.value
    rows = [
        Row(
            tenant,
            unions.get(tenant, tenant),
            found["households_determined"],
            found["fund.grants"],
            found["fund.received"],
            found["fund.paid"],
        )
        for tenant, found in sums.items()
    ]
    return sorted(rows, key=lambda row: (-row.paid_fen, row.tenant))


def _by_source(figures: Sequence[Figure], name: str) -> dict[str, dict[str, int]]:
    """Fen by source and tenant, from figures whose dimension is ``source/purpose``."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for figure in figures:
        if figure.name == name:
            sums[figure.dimension.partition("/")[0]][figure.tenant] += figure.value
    return sums


def paid_chart(rows: Sequence[Row], figures: Sequence[Figure]) -> dict[str, Any]:
    """Money paid by tenant, stacked by source, in ten thousands of yuan; received money as a line."""
    names = source_names()
    series: list[dict[str, Any]] = [
        {
            "name": names.get(source, source),
            "values": [round(sums[row.tenant] / _FEN_PER_WAN, 2) for row in rows],
            "line": False,
        }
        for source, sums in sorted(_by_source(figures, "fund.paid").items())
    ]
    received = [round(row.received_fen / _FEN_PER_WAN, 2) for row in rows]
    series.append({"name": "到账", "values": received, "line": True})
    return {"kind": "bars", "unit": "万元", "categories": [row.name.removesuffix("总工会") for row in rows], "series": series}


def kinds_chart(rows: Sequence[Row], figures: Sequence[Figure]) -> dict[str, Any]:
    """Households determined by tenant, stacked by kind of difficulty."""
    names = words.words_of("difficulty_category")
    counted = {(figure.dimension, figure.tenant): figure.value for figure in figures if figure.name == "households_determined"}
    series = [
        {"name": zh, "values": [counted.get((code, row.tenant), 0) for row in rows], "line": False}
        for code, zh in names.items()
    ]
    return {"kind": "bars", "unit": "户", "categories": [row.name.removesuffix("总工会") for row in rows], "series": series}


@router.get("/overview", dependencies=[FIGURES])
def overview(request: Request, year: Annotated[int | None, Query(ge=2000, le=2100)] = None) -> HTMLResponse:
    """What the tenants below reported for a year: figures, never rows of theirs."""
    with unit_of_work() as session:
        of_year = year or latest_year(session) or current_scope().business_date.year
        figures = figures_below(session, of_year)
    rows = summed(figures, words.union_names({figure.tenant for figure in figures}))
    return show(
        request,
        "plugin/tenants/overview.html",
        year=of_year,
        rows=rows,
        total=Row("", "合计", *(sum(getattr(row, name) for row in rows) for name in Row.__slots__[2:])),
        paid=paid_chart(rows, figures),
        kinds=kinds_chart(rows, figures),
    )
