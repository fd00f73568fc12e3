"""Pages of the tenants part: switching service lines, and the overview of the levels above (业务启停, 汇总视图)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.exchange.facts import Figure, figures_below, latest_year
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.step_up import fresh_proof
from tenants.plugin import READ_FIGURES, SWITCH
from tenants.switching import plugin_cards, plugin_history, switch_plugin

router = APIRouter()

ADMINISTER = Depends(requires(SWITCH))
FIGURES = Depends(requires(READ_FIGURES))
_FEN_PER_WAN = 1_000_000


@router.get("/plugins", dependencies=[ADMINISTER])
def cards(request: Request) -> HTMLResponse:
    """All installed service lines with their state here."""
    with unit_of_work() as session:
        found = plugin_cards(session)
    return show(request, "plugin/tenants/plugins.html", cards=found)


@router.get("/plugins/{name}", dependencies=[ADMINISTER])
def one_plugin(request: Request, name: str) -> HTMLResponse:
    """One line with the form that switches it and what was switched before."""
    return _page(request, name)


@router.post("/plugins/{name}", dependencies=[ADMINISTER, Depends(fresh_proof())])
def switch(
    request: Request,
    tenant: str,
    name: str,
    enabled: Annotated[str, Form(max_length=3)] = "",
    reason: Annotated[str, Form(max_length=1000)] = "",
    version: Annotated[int | None, Form()] = None,
) -> Response:
    """Switch a line on or off on the version that the page showed."""
    on = enabled == "on"
    return changed(
        lambda session: switch_plugin(session, name, enabled=on, reason=reason, expected_version=version),
        lambda _: go(f"/{tenant}/plugins/{name}", "已启用" if on else "已停用：原有个案可以查看，法定时限照常计算"),
        lambda error: _page(request, name, error, reason),
    )


def _page(request: Request, name: str, refused: BangfuError | None = None, reason: str = "") -> HTMLResponse:
    with unit_of_work() as session:
        card = next((found for found in plugin_cards(session) if found.info.name == name), None)
        if card is None:
            raise NotFound("没有该业务", "no such service line", where=name)
        history = plugin_history(session, name)
    return show(
        request,
        "plugin/tenants/plugin.html",
        status=refused.status if refused else 200,
        messages=[words.refusal(refused)] if refused else [],
        card=card,
        history=history,
        reason=reason,
        names=words.staff_names(change.actor for change in history),
    )


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
    names = words.words_of("fund_source")
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
