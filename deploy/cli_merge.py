"""``bangfu county merge`` and ``confirm``: a county closes by two people's word, into another or for good (县级撤并)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from core.db.session import reference_work
from core.jobs.runner import run_inline
from core.money import format_yuan
from core.tenancy.service import tenant_named
from deploy.cli_common import HOME, Home, Login, SummaryFile, console, id_of, write_json
from deploy.cli_proof import ask_for_proof
from deploy.connection import connected
from deploy.story.staff import acting_as, by_platform
from tenants.merging import MOVE_JOB, SEAL_JOB, STATES_ZH, ask_closing, closing_of, decide_closing, job_of, preview

_PAGE = ("县级撤并", "/mergers")
Closing = Annotated[str, typer.Argument(help="被撤并单位代码 · the county that closes")]
Into = Annotated[str | None, typer.Option("--into", help="承接单位代码，不填为撤销 · the county that takes over, if one does")]
Reason = Annotated[str, typer.Option(help="批准文号或依据 · why")]


def merge(
    closing: Closing,
    into: Into = None,
    reason: Reason = "",
    login: Annotated[str | None, typer.Option("--as", help="以谁的账号提出，不填为平台 · the account that asks")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只预览 · preview alone")] = False,
    summary: SummaryFile = None,
    home: Home = HOME,
) -> None:
    """提出撤并，先预览 · ask that a county be closed, by an account of the province; with --dry-run only look."""
    with connected(home):
        if login is not None and not dry_run:
            ask_for_proof(login, *_PAGE)
        province = _province(closing)
        with acting_as(login, province) if login else by_platform(province, "cli") as session:
            seen = preview(session, closing, into).as_json()
        _tell(seen)
        if summary is not None:
            write_json(summary, seen)
        if dry_run:
            return
        with acting_as(login, province) if login else by_platform(province, "cli") as session:
            asked = ask_closing(session, closing, into, reason).id
        said = f"已提出，编号 {asked}；由本单位领导同意：bangfu county confirm {asked} --province {province} --as 账号"
        console.print(said, highlight=False)
        if summary is not None:
            write_json(summary, seen | {"id": str(asked)})


def confirm(
    closing_id: Annotated[str, typer.Argument(help="撤并编号 · the id that merge gave")],
    province: Annotated[str, typer.Option("--province", help="省级单位代码 · the province")],
    login: Login,
    refuse: Annotated[str, typer.Option("--refuse", help="不同意的理由 · refuse, and why")] = "",
    run: Annotated[bool, typer.Option("--run", help="在本进程办理 · do the work in this process")] = False,
    summary: SummaryFile = None,
    home: Home = HOME,
) -> None:
    """同意（或不同意）撤并 · agree to a closing, or refuse it; asks for the account's password. The worker then does the work,
    with --run this process."""
    wanted = id_of(closing_id, "撤并", "closing", "bangfu county merge")
    with connected(home):
        ask_for_proof(login, *_PAGE)
        with acting_as(login, province) as session:
            row = decide_closing(session, wanted, agreed=not refuse, why=refuse)
            state, closing = row.state, row.closing
        if run and state == "agreed":
            _carry_out(province, wanted)
        with by_platform(province, "cli") as session:
            row = closing_of(session, wanted)
            told: dict[str, Any] = {"id": closing_id, "closing": closing, "state": row.state, "result": row.result}
            console.print(f"{closing} {STATES_ZH[row.state]}", highlight=False)
        if summary is not None:
            write_json(summary, told)


def add_to(county: typer.Typer) -> None:
    """Put the commands into the group of tenants."""
    county.command("merge")(merge)
    county.command("confirm")(confirm)


def _carry_out(province: str, closing_id: uuid.UUID) -> None:
    """Both jobs, one after the other; what a worker does at the same time is done once."""
    for kind in (MOVE_JOB, SEAL_JOB):
        with by_platform(province, "cli") as session:
            job_id = job_of(session, closing_of(session, closing_id), kind)
        if job_id is not None:
            ended = run_inline(province, job_id)
            console.print(f"{ended['title']} {ended['state_zh']} {ended['error'] or ''}".rstrip(), highlight=False)


def _province(code: str) -> str:
    with reference_work() as session:
        return tenant_named(session, code).province


def _tell(seen: Mapping[str, Any]) -> None:
    table = Table("项目", "数量")
    counts = seen["held"]["counts"]
    for label, value in (("在管家庭", counts["households"]), ("材料", counts["papers"]), ("两县同时在档", seen["twice"])):
        table.add_row(label, str(value))
    for row in seen["held"]["cases"]:
        table.add_row(f"{row['zh']}（{'续办' if row['travels'] else '须办结'}）", str(row["count"]))
    table.add_row("可用资金", format_yuan(sum(row["available_fen"] for row in seen["held"]["money"])))
    for block in seen["blocks"]:
        table.add_row(f"[red]{block['zh']}[/red]", block["mend_zh"])
    for row in seen["differing"]:
        values = [row["here"], row["there"]]
        here, there = (format_yuan(one) if row["unit"] == "fen" and one is not None else one for one in values)
        table.add_row(f"参数不同：{row['zh']}", f"{here} / {there}")
    console.print(table)
