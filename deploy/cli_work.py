"""The year's work on the command line: rosters, survey, audit, announcement, and background jobs (``bangfu job``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from core.announcements.service import publish
from core.jobs.runner import run_inline
from core.jobs.service import STATES_ZH, recent_jobs, resume_job, start_for_year
from core.people.imports.importer import TakenIn, import_roster, look_through
from core.people.imports.jobs import refusal_of
from core.people.roster import RosterRefused
from core.scope import Level, current_scope
from core.spreadsheets.cells import SpreadsheetRefused
from deploy.cli_common import HOME, County, Home, SummaryFile, Year, checked_file, console, group, job_id, write_json
from deploy.connection import connected
from deploy.story.staff import by_platform

app = typer.Typer()
job_app = group("后台任务 · background jobs")
import_app = group("导入 · imports")

_PROBLEMS_SHOWN = 20


@import_app.command("roster")
def import_roster_file(
    file: Path,
    county: County,
    home: Home = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只核对，不写入 · check only, write nothing")] = False,
    out: SummaryFile = None,
) -> None:
    """导入困难职工档案表 · import a roster. Exits with 0 also where rows have errors, with 1 where the file cannot be read."""
    checked_file(file)  # a file that may not be read is refused before any engine starts
    with connected(home), by_platform(county, "cli") as session:
        try:
            if dry_run:
                session.connection().exec_driver_sql("set transaction read only")
                made = look_through(session, file)
            else:
                made = import_roster(session, file)
        except (SpreadsheetRefused, RosterRefused) as error:
            if out:
                write_json(out, {"refused": refusal_of(error)})
            raise
    said = "核对" if dry_run else "导入"
    console.print(f"{said} {made.households} 户 {made.persons} 人，退回 {made.held_back} 户", highlight=False)
    if made.problems:
        console.print(_problems(made.problems))
    if len(made.problems) > _PROBLEMS_SHOWN:
        console.print(f"其余 {len(made.problems) - _PROBLEMS_SHOWN} 个问题可用 --json 写入文件查看 · the rest by --json")
    if out:
        write_json(out, _told(made))


def _told(made: TakenIn) -> dict[str, Any]:
    """What came of a roster, as it is written: households and persons of the file, what becomes of them, and all problems."""
    counts = made.counts
    by_severity = {
        f"{severity}s": [one for one in made.problems if one["severity"] == severity] for severity in ("error", "warning")
    }
    return {
        "households": counts["read"]["households"],
        "persons": counts["read"]["persons"],
        "new": counts["new"],
        "changed": counts["changed"],
        "unchanged": counts["same"],
        "held_back": made.held_back,
        "written": None
        if made.id is None
        else {"import": str(made.id), "households": made.households, "persons": made.persons},
        **by_severity,
    }


def _problems(problems: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("工作表", "行", "列", "填写内容", "问题", "处理", title="错误与提示 · errors and warnings")
    for problem in problems[:_PROBLEMS_SHOWN]:
        table.add_row(*(str(problem[name] or "") for name in ("sheet", "row", "column", "value", "zh", "mend_zh")))
    return table


def _run_for_year(kind: str, county: str, year: int) -> None:
    with by_platform(county, "cli") as session:
        started = start_for_year(session, kind, year)
    if not started.new:
        console.print("该任务正在办理，接着办理 · under way already, going on with it")
    _finish(county, run_inline(started.job.tenant, started.job.id, _said))


def _said(seen: Mapping[str, Any]) -> None:
    console.print(f"{seen['done']}/{seen['total']}", highlight=False)


def _finish(county: str, seen: Mapping[str, Any]) -> None:
    """Say how a job ended, with what failed in it; exit with 1 where it did not end well."""
    console.print(f"{county} {seen['title']}：{seen['state_zh']}", highlight=False)
    if seen["state"] == "done":
        return
    if seen["error"]:
        console.print(f"  {seen['error']}", highlight=False, markup=False)
    for chunk in seen["chunks"]:
        if chunk["error"]:
            console.print(f"  {chunk['label']}：{chunk['error']}", highlight=False, markup=False)
    raise typer.Exit(1)


@app.command()
def survey(county: County, year: Year, home: Home = HOME) -> None:
    """年度调查认定，可再次运行 · the survey's determination, as often as needed."""
    with connected(home):
        _run_for_year("survey", county, year)


@app.command()
def audit(county: County, year: Year, home: Home = HOME) -> None:
    """年度审计（省级代码则审计全省），可再次运行 · the annual audit, as often as needed."""
    with connected(home):
        with by_platform(county, "cli"):
            level = current_scope().level
        _run_for_year("audit.province" if level is Level.PROVINCE else "audit", county, year)


@app.command()
def announce(county: County, year: Year, home: Home = HOME) -> None:
    """发布年度公告 · publish the annual announcement."""
    with connected(home), by_platform(county, "cli") as session:
        made = publish(session, year)
        console.print(f"{made.title}（第 {made.edition} 版）", highlight=False)


@job_app.command("list")
def job_list(county: County, home: Home = HOME) -> None:
    """列出后台任务 · list jobs."""
    table = Table("编号", "任务", "状态", "进度")
    with connected(home), by_platform(county, "cli") as session:
        for job in recent_jobs(session):
            table.add_row(str(job.id), job.title, STATES_ZH[job.state], f"{job.done}/{job.total}")
    console.print(table)


@job_app.command("resume")
def job_resume(job: str, county: County, home: Home = HOME) -> None:
    """继续中断的任务 · take up a job again."""
    wanted = job_id(job)
    with connected(home):
        with by_platform(county, "cli") as session:
            tenant = resume_job(session, wanted).tenant
        _finish(county, run_inline(tenant, wanted, _said))
