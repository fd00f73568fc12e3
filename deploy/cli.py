"""The command line ``bangfu``: the same services as the pages and the API (typer and rich)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from core.errors import BangfuError, Misconfigured
from deploy import cli_access, cli_archive, cli_cases, cli_erasures, cli_kit, cli_merge, cli_parameters, cli_staff, cli_work
from deploy.cli_common import HOME, Home, SummaryFile, console
from deploy.cli_county import county_app
from deploy.cli_plugin import plugin_app
from deploy.keycloak.cli import keycloak_app
from deploy.story.ledger import Arguments
from deploy.story.sample_files import DEFAULT_COUNTIES, DEFAULT_HOUSEHOLDS, DEFAULT_SEED, DEFAULT_YEAR

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="帮扶 · Bangfu")
app.add_typer(cli_work.app)
plugin_app.add_typer(cli_kit.app)
app.add_typer(plugin_app, name="plugin")
cli_archive.add_to(county_app)
cli_merge.add_to(county_app)
app.add_typer(county_app, name="county")
app.add_typer(cli_work.job_app, name="job")
app.add_typer(cli_work.import_app, name="import")
app.add_typer(cli_cases.app, name="case")
app.add_typer(cli_parameters.app, name="parameter")
app.add_typer(cli_erasures.app, name="erasures")
app.add_typer(cli_staff.app, name="staff")
cli_staff.app.command("review")(cli_access.review)
app.add_typer(keycloak_app, name="keycloak")


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
    keycloak: Annotated[bool, typer.Option("--keycloak", help="同时启动 Keycloak 并经其登录 · sign in through one")] = False,
) -> None:
    """启动全部服务并演示一个年度 · start everything and play the sample's year."""
    from deploy.launcher import Options
    from deploy.launcher import up as start

    start(Options(home, port, once, summary, Arguments(year, counties, households, seed), keycloak), console)


@app.command()
def demo(home: Home = HOME, summary: SummaryFile = None) -> None:
    """只演示，不提供网页 · play the sample without serving."""
    up(home=home, once=True, summary=summary)


@app.command()
def migrate() -> None:
    """更新数据库结构（生产环境，以所有者账号）· bring the database up to date, as the owner."""
    from deploy.connection import bring_up_to_date, use

    use({})
    bring_up_to_date()
    console.print("数据库结构已是最新 · the schema is up to date")


@app.command()
def doctor(home: Home = HOME) -> None:
    """检查安装并说明如何修复 · check the installation."""
    from deploy.doctor import examine

    table = Table("检查", "结果", "处理")
    healthy = True
    for check in examine(home):
        healthy = healthy and check.good
        said = escape(check.said)
        result = f"正常 {said}".rstrip() if check.good else f"[red]{said}[/red]"
        table.add_row(check.zh, result, "" if check.good else escape(check.mend))
    console.print(table)
    if not healthy:
        raise typer.Exit(1)


def _no_database(error: OperationalError) -> Misconfigured:
    return Misconfigured(
        f"数据库没有响应（{type(error.orig).__name__}）",
        f"the database does not answer ({type(error.orig).__name__})",
        where="BANGFU_DATABASE_URL",
        mend_zh="请检查地址、密码和数据库服务，再运行 bangfu doctor",
        mend_en="check address, password and server, then run bangfu doctor",
    )


def _tell(error: BangfuError) -> None:
    said = Console(stderr=True)
    said.print(f"[red]{escape(error.zh)}[/red]\n{escape(error.en)}", highlight=False)
    for line in (error.where, error.mend_zh, error.mend_en):
        if line:
            said.print(f"  {line}", highlight=False, markup=False)


def main() -> None:
    """Entry point: domain errors become one clear message and exit status 1; Ctrl-C becomes 130."""
    try:
        app()
    except BangfuError as error:
        _tell(error)
        sys.exit(1)
    except OperationalError as error:
        _tell(_no_database(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
