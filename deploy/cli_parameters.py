"""``bangfu parameter``: figures of policy that hold in a tenant, and the proposal of a change with what would follow.

A proposal that the platform's own command makes is adopted by a person on the page: no command adopts.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from core.jobs.runner import run_inline
from core.parameters.forecasts import forecast
from core.parameters.proposals import PROPOSAL, proposals, propose
from core.parameters.service import NewParameter, declared_parameter
from core.parameters.typed import read, said
from deploy.cli_common import HOME, County, Home, console, group, id_of
from deploy.connection import connected
from deploy.story.staff import by_platform
from tenants import parameters as seen

app = group("政策参数 · figures of policy")


@app.command("list")
def parameter_list(county: County, home: Home = HOME) -> None:
    """列出政策参数的现行取值及依据 · list what holds, and who says so."""
    table = Table("参数", "名称", "取值", "由谁设定", "依据")
    with connected(home), by_platform(county, "cli") as session:
        found = seen.lines(session)
        for _, _, declared in seen.groups():
            for line in (found[one.name] for one in declared):
                source = f"{line.held.source} {line.held.clause}" if line.held else ""
                table.add_row(line.declared.name, line.declared.zh, line.words, line.origin, source)
    console.print(table)


@app.command("history")
def parameter_history(name: str, county: County, home: Home = HOME) -> None:
    """一项参数的历次取值 · all that any level has said of a figure."""
    table = Table("自", "取值", "单位", "依据", "编号")
    with connected(home), by_platform(county, "cli") as session:
        for one in seen.history(session, declared_parameter(name)):
            table.add_row(one.valid_from.isoformat(), one.words, one.union, f"{one.source} {one.clause}", str(one.id or ""))
    console.print(table)


@app.command("propose")
def parameter_propose(
    name: str,
    county: County,
    source: Annotated[str, typer.Option(help="依据的文件和文号 · the document")],
    reason: Annotated[str, typer.Option(help="调整原因 · why")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="从哪天起 · from which day on")],
    value: Annotated[
        list[str] | None, typer.Option(help="新的取值：金额按元，比例按百分数，多选重复给出 · the value, as typed on the page")
    ] = None,
    clause: Annotated[str, typer.Option(help="条款 · clause")] = "",
    home: Home = HOME,
) -> None:
    """提出调整；不给取值即沿用上级，由有核准职责的人员在页面上核准 · propose a change; a person adopts it on the page."""
    declared = declared_parameter(name)
    wanted = read(declared, value) if value else None
    with connected(home), by_platform(county, "cli") as session:
        new = NewParameter(name, valid_from.date(), wanted, source, clause)
        row = propose(session, new, reason=reason)
        console.print(f"{row.id} {declared.zh}：{said(declared, row.value)}，待核准", highlight=False)


@app.command("proposals")
def parameter_proposals(county: County, home: Home = HOME) -> None:
    """列出调整及其状态 · list proposals."""
    table = Table("编号", "参数", "新的取值", "自", "状态")
    with connected(home), by_platform(county, "cli") as session:
        for row in proposals(session):
            words = said(declared_parameter(row.name), row.value)
            table.add_row(str(row.id), row.name, words, row.valid_from.isoformat(), PROPOSAL.states[row.state])
    console.print(table)


@app.command("forecast")
def parameter_forecast(proposal: str, county: County, home: Home = HOME) -> None:
    """测算一项调整的影响 · count what a proposal would bring about."""
    wanted = id_of(proposal, "调整", "proposal", "bangfu parameter proposals")
    with connected(home):
        with by_platform(county, "cli") as session:
            row = forecast(session, wanted)
            tenant = row.tenant
            job = row.job_id if row.figures is None else None
        if job is not None:
            seen_ = run_inline(tenant, job)
            console.print(f"{seen_['title']}：{seen_['state_zh']}", highlight=False)
        with by_platform(county, "cli") as session:
            found = seen.weighed(session, wanted)
            figures: dict[str, Any] = (found.forecast.figures if found.forecast else None) or {}
    console.print(json.dumps(figures, ensure_ascii=False, indent=2), highlight=False)
