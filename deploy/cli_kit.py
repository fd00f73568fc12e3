"""``bangfu plugin`` for whoever writes plugins (new, check), and for the province (faults, quarantine, release)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.calendar.working_days import CHINA_TIME
from deploy.cli_common import HOME, Home, console

app = typer.Typer(no_args_is_help=True)

PROVINCE = Annotated[str, typer.Option("--province", help="省级单位代码 · the province's tenant code")]


@app.command("new")
def new(
    name: str,
    title: Annotated[str, typer.Option(help="中文名称 · Chinese title")] = "",
    title_en: Annotated[str, typer.Option("--title-en", help="英文名称 · English title")] = "",
    into: Annotated[Path, typer.Option(help="放在哪个文件夹 · folder to write into")] = Path(),
) -> None:
    """新建一个可用的插件 · write a working plugin to begin with."""
    from deploy.kit.new import make_plugin

    made = make_plugin(name, into, title=title, title_en=title_en)
    console.print(f"已写入 {made} · written", highlight=False, soft_wrap=True)
    console.print(f"  pip install --no-deps --no-build-isolation -e {made}", highlight=False, soft_wrap=True)
    console.print(f"  bangfu plugin check {made}", highlight=False, soft_wrap=True)


@app.command("check")
def check(
    what: Annotated[str, typer.Argument(help="插件名或文件夹 · a plugin's name or its folder")] = ".",
) -> None:
    """检查插件是否符合约定 · tell every breach of the contract, with the mend."""
    from deploy.kit.check import check_plugin

    looked, breaches = check_plugin(what)
    for breach in breaches:
        console.print(str(breach), highlight=False, markup=False, soft_wrap=True)
    console.print(f"{looked}：{len(breaches)} 处不符合约定 · {len(breaches)} breaches of the contract", highlight=False)
    if breaches:
        raise typer.Exit(1)


@app.command("try")
def try_plugin(
    name: str,
    port: Annotated[int, typer.Option(help="端口 · port")] = 8000,
    once: Annotated[bool, typer.Option("--once", help="只准备，不提供网页 · set it up without serving")] = False,
) -> None:
    """在两个县的临时安装中试用一个插件 · a plugin at work in an installation of two counties that is gone afterwards."""
    from deploy.kit.try_out import try_out

    try_out(name, port, lambda line: console.print(line, highlight=False, markup=False), once=once)


@app.command("faults")
def faults(name: Annotated[str | None, typer.Argument(help="插件名 · the plugin's name")] = None, home: Home = HOME) -> None:
    """列出插件故障及位置 · where plugins failed, with the trace."""
    from core.db.session import reference_work
    from core.host.faults import recent_faults
    from deploy.connection import connected

    table = Table("插件", "位置", "次数", "最近", "说明")
    with connected(home), reference_work() as session:
        found = recent_faults(session, [name] if name else None)
        for fault in found:
            last = f"{fault.last_at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M}"
            table.add_row(fault.plugin, fault.place, str(fault.count), last, fault.said)
    console.print(table)
    for fault in found if name else ():
        console.print(f"\n{fault.place}\n{fault.trace}", highlight=False, markup=False)


@app.command("quarantine")
def quarantine(name: str, reason: Annotated[str, typer.Option()], province: PROVINCE, home: Home = HOME) -> None:
    """在全省停用一个插件，各单位的设置保留 · shut a plugin off for all tenants."""
    from core.host.quarantine import shut_off
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home), by_platform(province, "cli") as session:
        shut_off(session, name, reason)
    console.print(f"{name} 已在全省停用 · shut off for all tenants", highlight=False)


@app.command("release")
def release(name: str, reason: Annotated[str, typer.Option()], province: PROVINCE, home: Home = HOME) -> None:
    """恢复一个在全省停用的插件 · let a plugin in again."""
    from core.host.quarantine import let_in
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home), by_platform(province, "cli") as session:
        let_in(session, name, reason)
    console.print(f"{name} 已恢复 · let in again", highlight=False)
