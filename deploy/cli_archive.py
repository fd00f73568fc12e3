"""``bangfu county export|import|inspect|transfer-key``: a county as one file, from one installation to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from core.errors import InvalidInput
from core.money import format_yuan
from deploy.cli_common import HOME, Home, SummaryFile, bytes_of, console, write_json
from deploy.cli_erasures import erase_brought_back

if TYPE_CHECKING:
    from deploy.county_archive.ways import Passphrase, ThisInstallation

Why = Annotated[str, typer.Option("--reason", help="依据：文号或会议决定 · why")]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="口令文件（首行）· file whose first line is the passphrase")
]


def add_to(app: typer.Typer) -> None:
    """Give the group ``county`` its commands."""
    app.command("export")(county_export)
    app.command("import")(county_import)
    app.command("inspect")(county_inspect)
    app.command("transfer-key")(transfer_key)


def transfer_key(home: Home = HOME) -> None:
    """打印本安装的接收密钥，交给导出方 · the key that others export for, no secret."""
    from deploy.connection import connected
    from deploy.county_archive.session import own_key
    from deploy.county_archive.ways import public_text

    with connected(home):
        console.print(public_text(own_key()), highlight=False, soft_wrap=True)


def county_export(
    code: str,
    to: Annotated[Path, typer.Option("--to", help="写入的文件，不会覆盖 · file to write")],
    reason: Why,
    recipient: Annotated[str, typer.Option("--for", help="接收方的接收密钥；不给则用口令 · the receiver's key")] = "",
    passphrase_file: PassphraseFile = None,
    final: Annotated[bool, typer.Option("--final", help="迁出：该单位先停止办理 · move away: the county stops first")] = False,
    summary: SummaryFile = None,
    home: Home = HOME,
) -> None:
    """把一个县的全部数据导出为一个加密文件 · write a county to one sealed file."""
    from deploy.connection import connected
    from deploy.county_archive.ways import ForInstallation, Passphrase
    from deploy.county_archive.writing import export_county

    way = ForInstallation(recipient) if recipient else Passphrase.chosen(_typed(passphrase_file, confirm=True))
    with connected(home):
        try:
            archive = export_county(code, to, way, reason=reason, final=final)
        except BaseException:
            if final:
                console.print("迁出未完成。若该单位已停止办理，可再次导出，或由上级恢复办理 · export again, or have it resumed")
            raise
    said = {**archive.manifest, "file": str(to), "size": to.stat().st_size}
    if summary is not None:
        write_json(summary, said)
    _show(said, "已导出并读回核对 · written and read back")
    if final:
        console.print("该单位已停止办理，仅供查阅。接收方确认导入无误后，此处不得恢复；不再迁移的，由上级恢复办理。")
        console.print("It is for reading only: it stays so once the receiver has confirmed, or is resumed here.", style="dim")


def county_inspect(file: Path, passphrase_file: PassphraseFile = None, summary: SummaryFile = None, home: Home = HOME) -> None:
    """只读核对档案包，不写入任何数据 · read an archive whole and say what is in it."""
    from deploy.connection import connected
    from deploy.county_archive.reading import read_archive

    with connected(home):
        archive = read_archive(file, _opener(file, passphrase_file))
    if summary is not None:
        write_json(summary, archive.manifest)
    _show(archive.manifest, "档案包完整 · the archive is whole")


def county_import(
    file: Path,
    reason: Why,
    passphrase_file: PassphraseFile = None,
    login: Annotated[
        list[str] | None, typer.Option("--login", help="登录名被占用时改名：原=新，可多次 · OLD=NEW, repeatable")
    ] = None,
    leave_aside: Annotated[
        list[str] | None,
        typer.Option("--leave-aside", help="不带走其数据的插件，可多次 · a plugin whose rows stay in the file"),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="导入副本，仅供查阅 · take a copy in, for reading")] = False,
    summary: SummaryFile = None,
    home: Home = HOME,
) -> None:
    """从文件导入一个县，核对到分后才生效 · take a county in, proved equal to the fen."""
    from deploy.connection import connected
    from deploy.county_archive.reading import read_archive
    from deploy.county_archive.taking_in import import_county

    with connected(home):
        archive = read_archive(file, _opener(file, passphrase_file))
        renamed = _renamed(login or ())
        taken = import_county(archive, reason=reason, logins=renamed, leave_aside=leave_aside or (), copy=copy)
        # an archive older than an erasure brings nobody back
        erased = erase_brought_back(archive.county)
    report = taken.report()
    if summary is not None:
        write_json(summary, report)
    if taken.already:
        console.print("此档案包已导入过，本次没有写入任何数据 · already imported, nothing was done")
        return
    _show(report, "已导入，逐表逐分一致 · taken in, equal to the byte and to the fen")
    console.print(
        f"身份证号已用本安装密钥重新登记 {taken.opened} 个 · identity numbers opened and indexed anew", highlight=False
    )
    if erased:
        console.print(f"按删除清单再次删除 {erased} 次 · erased again by the list of erasures", highlight=False)
    if taken.parameters_differ:
        _show_parameters(taken.parameters_differ)
    for name, rows in taken.left_aside.items():
        console.print(f"未导入（按要求留在档案包中）{name}：{rows} 行 · left aside as asked", highlight=False)
    if taken.state == "read_only":
        console.print("副本仅供查阅；确需在此办理的，由上级恢复办理，原处不得同时办理。")
        console.print("A copy, for reading: the level above may resume it, if nobody works at it elsewhere.", style="dim")
    if taken.state == "suspended":
        console.print("该单位暂停中：账号须由本级管理员重发首次口令，核对清单完成后由上级恢复办理。")
        console.print("It is suspended: hand out first passwords, go through the checklist, then resume it.", style="dim")


def _typed(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        text = bytes_of(file).decode("utf-8", "replace").splitlines()
        return text[0].strip() if text else ""
    return str(typer.prompt("口令 · passphrase", hide_input=True, confirmation_prompt=confirm)).strip()


def _opener(file: Path, passphrase_file: Path | None) -> Passphrase | ThisInstallation:
    """Whoever opens ``file``, by what its header asks for; a passphrase is asked for only where it opens something."""
    from deploy.county_archive.container import asks_for_passphrase
    from deploy.county_archive.session import own_key
    from deploy.county_archive.ways import Passphrase, ThisInstallation

    if passphrase_file is None and not asks_for_passphrase(file):
        return ThisInstallation(own_key())
    return Passphrase(_typed(passphrase_file, confirm=False))


def _renamed(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        old, sign, new = text.partition("=")
        if not sign or not old or not new:
            raise InvalidInput("应写成 原登录名=新登录名", "write OLD=NEW", where="--login")
        found[old.strip().lower()] = new.strip().lower()
    return found


def _show_parameters(differ: Mapping[str, Any]) -> None:
    from core.parameters.service import declared_parameters

    known = declared_parameters()
    table = Table(
        "政策参数", "迁出处", "此处", title="上级设定不随档案迁移，以下取值不同，请核对 · set by the levels above: check"
    )
    for name, one in differ.items():
        shown = ["未设定" if value is None else str(value) for value in (one["archive"], one["here"])]
        table.add_row(f"{known[name].zh if name in known else name}（{name}）", *shown)
    console.print(table)


_WORDS = {
    "income": "到账",
    "available": "可用",
    "reserved": "已预留",
    "paid": "已发放",
    "receipt": "到账",
    "reserve": "预留",
    "release": "撤销预留",
    "pay": "发放",
    "reverse": "退汇冲回",
    "carried": "期初及划转",
    "carry": "期初及划转",
    "released": "已撤销",
    "cancelled": "已作废",
    "open": "支付中",
    "succeeded": "支付成功",
    "failed": "支付失败",
    "outbox_unsent": "未送出的事项",
    "identity_marks": "查无此人的身份索引标记",
    "matters_under_way": "与其他单位往来未办结的移交件",
    "transfers_under_way": "与其他单位往来未办结的家庭转移",
}
"""Codes of reports as the screen says them; a code that is not here is shown as it stands."""


def _show(said: Mapping[str, Any], title: str) -> None:
    from core.codes import code_list
    from core.funds.sources import source_names

    sources = source_names()
    purposes = {item.code: item.zh for item in code_list("fund_purpose").items}
    table = Table("项目", "数值", title=f"{said['union']} {said['county']} · {title}")
    table.add_row("档案包 · archive", f"{said['archive']}（{'迁出' if said['kind'] == 'final' else '副本'}）")
    table.add_row("行数 · rows", f"{said['rows']:,}")
    documents = said["documents"]
    table.add_row("材料 · documents", f"{documents['count']:,} 份，{documents['bytes']:,} 字节")
    if documents["unsound"]:
        shown = "、".join(documents["unsound_ids"])
        table.add_row("[red]导出时已缺失或不符的材料[/red]", f"{documents['unsound']} 份：{shown}")
    for year, source, purpose, state, fen in said["money"]["balances"]:
        place = f"{year} 年 {sources.get(source, source)}·{purposes.get(purpose, purpose)} {_WORDS.get(state, state)}"
        # the account of income stands for the world outside: what came in from there is negative in it
        table.add_row(place, format_yuan(-fen if state == "income" else fen))
    for name, zh in (("entries", "分录"), ("grants", "救助"), ("payments", "支付")):
        for kind, one in said["money"][name].items():
            table.add_row(f"{zh}：{_WORDS.get(kind, kind)}", f"{one['count']:,} 笔，{format_yuan(one['fen'])}")
    table.add_row("操作留痕 · trail", f"{said['trail']['length']:,} 条，链尾 {said['trail']['head'][:16]}…")
    for name, count in said["stayed"].items():
        if count:
            table.add_row(f"未带走：{_WORDS.get(name, name)}", f"{count:,}")
    console.print(table)
