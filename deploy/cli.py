"""The command line ``bangfu``: the same services as the pages and the API (typer and rich)."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from core.errors import BangfuError
from deploy.story.ledger import Arguments
from deploy.story.sample_files import DEFAULT_COUNTIES, DEFAULT_HOUSEHOLDS, DEFAULT_SEED, DEFAULT_YEAR

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="帮扶 · Bangfu")
plugin_app = typer.Typer(no_args_is_help=True, help="业务启停 · switch service lines")
county_app = typer.Typer(no_args_is_help=True, help="单位 · tenants")
job_app = typer.Typer(no_args_is_help=True, help="后台任务 · background jobs")
import_app = typer.Typer(no_args_is_help=True, help="导入 · imports")
case_app = typer.Typer(no_args_is_help=True, help="办理事项 · cases")
app.add_typer(plugin_app, name="plugin")
app.add_typer(county_app, name="county")
app.add_typer(job_app, name="job")
app.add_typer(import_app, name="import")
app.add_typer(case_app, name="case")

console = Console()
Home = Annotated[Path, typer.Option("--home", help="数据目录 · data folder")]
County = Annotated[str, typer.Option("--county", help="六位单位代码 · tenant code")]
HOME = Path(".bangfu")


@app.command()
def up(
    home: Home = HOME,
    port: Annotated[int, typer.Option(help="端口 · port")] = 8000,
    once: Annotated[bool, typer.Option("--once", help="演完即止，不提供网页 · play the sample and exit")] = False,
    summary: Annotated[Path | None, typer.Option("--json", help="汇总写入文件 · write the summary")] = None,
    counties: Annotated[int, typer.Option(help="样例县数 · counties of the sample")] = DEFAULT_COUNTIES,
    households: Annotated[int, typer.Option(help="每县户数 · households per county")] = DEFAULT_HOUSEHOLDS,
    seed: Annotated[int, typer.Option(help="随机种子 · seed")] = DEFAULT_SEED,
    year: Annotated[int, typer.Option(help="样例年度（已结束）· the sample's closed year")] = DEFAULT_YEAR,
) -> None:
    """启动全部服务并演示一个年度 · start everything and play the sample's year."""
    from deploy.launcher import Options
    from deploy.launcher import up as start

    start(Options(home, port, once, summary, Arguments(year, counties, households, seed)), console)


@app.command()
def demo(home: Home = HOME, summary: Annotated[Path | None, typer.Option("--json")] = None) -> None:
    """只演示，不提供网页 · play the sample without serving."""
    up(home=home, once=True, summary=summary)


@app.command()
def migrate() -> None:
    """更新数据库结构（生产环境，以所有者账号）· bring the database up to date, as the owner."""
    from deploy.connection import bring_up_to_date, use

    use({})
    bring_up_to_date()
    console.print("数据库结构已是最新 · the schema is up to date")


@county_app.command("list")
def county_list(
    home: Home = HOME, level: Annotated[str | None, typer.Option(help="province|prefecture|county")] = None
) -> None:
    """列出已开通单位 · list tenants."""
    from deploy.connection import connected, owner_engine
    from tenants.onboarding import tenant_codes

    with connected(home):
        engine = owner_engine()
        with engine.connect() as connection:
            for code in tenant_codes(connection, level):
                console.print(code, highlight=False)
        engine.dispose()


@plugin_app.command("list")
def plugin_list(county: County, home: Home = HOME) -> None:
    """列出业务及状态 · list service lines with their state."""
    from deploy.connection import connected
    from deploy.story.staff import by_platform
    from tenants.switching import plugin_cards

    table = Table("业务", "名称", "状态", "版本")
    with connected(home), by_platform(county, "cli") as session:
        for card in plugin_cards(session):
            table.add_row(card.info.name, card.info.title_zh, "启用" if card.enabled else "停用", str(card.version))
    console.print(table)


def _switch(name: str, county: str, reason: str, home: Path, *, enabled: bool) -> None:
    from deploy.connection import connected
    from deploy.story.staff import by_platform
    from tenants.switching import switch_plugin

    with connected(home), by_platform(county, "cli") as session:
        row = switch_plugin(session, name, enabled=enabled, reason=reason)
        console.print(f"{county} {name} {'已启用' if enabled else '已停用'}（第 {row.version} 版）", highlight=False)


@plugin_app.command("on")
def plugin_on(name: str, county: County, reason: Annotated[str, typer.Option()], home: Home = HOME) -> None:
    """启用一项业务 · switch a line on."""
    _switch(name, county, reason, home, enabled=True)


@plugin_app.command("off")
def plugin_off(name: str, county: County, reason: Annotated[str, typer.Option()], home: Home = HOME) -> None:
    """停用一项业务 · switch a line off."""
    _switch(name, county, reason, home, enabled=False)


@import_app.command("roster")
def import_roster_file(
    file: Path, county: County, home: Home = HOME, out: Annotated[Path | None, typer.Option("--json")] = None
) -> None:
    """导入困难职工档案表 · import a roster."""
    from core.people.importer import import_roster
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home), by_platform(county, "cli") as session:
        made = import_roster(session, file)
        result = {"households": made.households, "persons": made.persons, "held_back": made.held_back, "errors": made.problems}
    console.print(f"导入 {made.households} 户 {made.persons} 人，退回 {made.held_back} 户", highlight=False)
    for problem in made.problems[:20]:
        console.print(problem, highlight=False)
    if out:
        out.write_text(json.dumps(result, ensure_ascii=False, indent=2), encoding="utf-8")


def _run_job(kind: str, county: str, year: int, home: Path) -> None:
    from core.jobs.runner import run_inline
    from core.jobs.service import start_job
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home):
        with by_platform(county, "cli") as session:
            job = start_job(session, kind, str(year), {"year": year}).id
        seen = run_inline(county, job, lambda now: console.print(f"{now['done']}/{now['total']}", highlight=False))
        console.print(f"{seen['title']}：{seen['state']}", highlight=False)
        if seen["state"] != "done":
            raise typer.Exit(1)


@app.command()
def survey(county: County, year: Annotated[int, typer.Option()], home: Home = HOME) -> None:
    """年度调查认定 · the survey's determination."""
    _run_job("survey", county, year, home)


@app.command()
def audit(county: County, year: Annotated[int, typer.Option()], home: Home = HOME) -> None:
    """年度审计（省级代码则审计全省）· the annual audit."""
    _run_job("audit.province" if county.endswith("0000") else "audit", county, year, home)


@app.command()
def announce(county: County, year: Annotated[int, typer.Option()], home: Home = HOME) -> None:
    """发布年度公告 · publish the annual announcement."""
    from core.announcements.service import publish
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home), by_platform(county, "cli") as session:
        made = publish(session, year)
        console.print(f"{made.title}（第 {made.edition} 版）", highlight=False)


@job_app.command("list")
def job_list(county: County, home: Home = HOME) -> None:
    """列出后台任务 · list jobs."""
    from core.jobs.service import recent_jobs
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    table = Table("编号", "任务", "状态", "进度")
    with connected(home), by_platform(county, "cli") as session:
        for job in recent_jobs(session):
            table.add_row(str(job.id), job.title, job.state, f"{job.done}/{job.total}")
    console.print(table)


@job_app.command("resume")
def job_resume(job: str, county: County, home: Home = HOME) -> None:
    """继续中断的任务 · take up a job again."""
    from core.jobs.runner import run_inline
    from core.jobs.service import resume_job
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home):
        with by_platform(county, "cli") as session:
            resume_job(session, uuid.UUID(job))
        console.print(run_inline(county, uuid.UUID(job))["state"], highlight=False)


@case_app.command("open")
def case_open(
    workflow: str,
    county: County,
    login: Annotated[str, typer.Option("--as", help="账号 · account")],
    applicant: Annotated[str, typer.Option(help="申请人姓名 · applicant's name")],
    form: Annotated[str, typer.Option(help="申请表内容，JSON · the form")] = "{}",
    home: Home = HOME,
) -> None:
    """以某账号受理一件事项 · open a case of any line as an account."""
    from core.cases.service import NewCase, NewParty, open_cases
    from core.cases.workflows import workflow_named
    from deploy.connection import connected
    from deploy.story.staff import acting_as

    with connected(home), acting_as(login, county) as session:
        draft = NewCase(
            plugin=workflow_named(workflow).plugin,
            workflow=workflow,
            parties=(NewParty("applicant", label=applicant),),
            form=json.loads(form),
        )
        [case] = open_cases(session, [draft])
        console.print(f"{case.number} {case.state}", highlight=False)


@case_app.command("document")
def case_document(
    number: str,
    kind: str,
    file: Path,
    county: County,
    login: Annotated[str, typer.Option("--as", help="账号 · account")],
    home: Home = HOME,
) -> None:
    """为事项收一份材料（PDF、JPEG、PNG）· take in a paper of a case."""
    from core.documents.service import NewDocument, add_documents
    from deploy.connection import connected
    from deploy.story.staff import acting_as

    with connected(home), acting_as(login, county) as session:
        [made] = add_documents(session, [NewDocument(kind, "", file.read_bytes(), case_id=_case_id(session, number))])
        console.print(f"{number} {made.title}", highlight=False)


@case_app.command("advance")
def case_advance(
    number: str,
    step: str,
    county: County,
    login: Annotated[str, typer.Option("--as", help="账号 · account")],
    note: Annotated[str | None, typer.Option(help="理由 · note")] = None,
    home: Home = HOME,
) -> None:
    """以某账号办理一步 · make one step of a case as an account."""
    from core.cases.service import advance
    from deploy.connection import connected
    from deploy.story.staff import acting_as

    with connected(home), acting_as(login, county) as session:
        [case] = advance(session, [_case_id(session, number)], step, note)
        console.print(f"{case.number} → {case.state}", highlight=False)


def _case_id(session: Session, number: str) -> uuid.UUID:
    from sqlalchemy import select

    from core.cases.models import Case
    from core.errors import NotFound

    found = session.scalar(select(Case.id).where(Case.number == number))
    if found is None:
        raise NotFound(f"没有事项 {number}", f"no case {number}", where=number)
    return found


@app.command()
def doctor(home: Home = HOME) -> None:
    """检查安装并说明如何修复 · check the installation."""
    from deploy.doctor import examine

    table = Table("检查", "结果", "处理")
    healthy = True
    for check in examine(home):
        healthy = healthy and check.good
        table.add_row(check.zh, "正常" if check.good else f"[red]{check.said}[/red]", "" if check.good else check.mend)
    console.print(table)
    if not healthy:
        raise typer.Exit(1)


def main() -> None:
    """Entry point: domain errors become one clear message and exit status 1; Ctrl-C becomes 130."""
    try:
        app()
    except BangfuError as error:
        Console(stderr=True).print(f"[red]{error.zh}[/red]\n{error.en}", highlight=False)
        for line in (error.where, error.mend_zh, error.mend_en):
            if line:
                Console(stderr=True).print(f"  {line}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
