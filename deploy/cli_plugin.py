"""``bangfu plugin``: service lines of a tenant, switched now or from a later day, ruled from above, and their settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from core.errors import InvalidInput
from core.tenancy.setting_fields import fields_of, words_of
from core.tenancy.settings import Explained, explained, settings_model
from deploy.cli_common import HOME, County, Home, console, group
from deploy.connection import connected
from deploy.story.staff import by_platform
from tenants.configuring import change_settings, restore_settings
from tenants.rules import WORDS, set_rule
from tenants.switching import plugin_cards, switch_plugin

plugin_app = group("业务启停与设置 · service lines and their settings")

Reason = Annotated[str, typer.Option(help="原因或依据 · why")]
Day = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="从哪天起 · from which day on")]
_WHY = {
    "own": "",
    "waits": "待启用",
    "required": "上级要求",
    "forbidden": "上级不允许",
    "lacks": "缺少依赖",
    "conflicts": "冲突",
    "shut_off": "全省停用",
}
_LEVELS = {"nation": "默认", "province": "省级", "prefecture": "市级", "county": "县级"}


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


@plugin_app.command("list")
def plugin_list(county: County, home: Home = HOME) -> None:
    """列出业务及状态 · list service lines with their state."""
    table = Table("业务", "名称", "状态", "说明", "版本")
    with connected(home), by_platform(county, "cli") as session:
        for card in plugin_cards(session):
            why = f"自 {card.on_from} 起启用" if card.on_from else _WHY[card.state.why]
            state = "启用" if card.enabled else "停用"
            table.add_row(card.info.name, card.info.title_zh, state, why, str(card.version))
    console.print(table)


def _switch(name: str, county: str, reason: str, home: Path, *, enabled: bool, on_from: date | None = None) -> None:
    with connected(home), by_platform(county, "cli") as session:
        row = switch_plugin(session, name, enabled=enabled, reason=reason, on_from=on_from)
        said = f"已安排自 {row.on_from} 起启用" if row.on_from else "已启用" if enabled else "已停用"
        console.print(f"{county} {name} {said}（第 {row.version} 版）", highlight=False)


@plugin_app.command("on")
def plugin_on(name: str, county: County, reason: Reason, valid_from: Day = None, home: Home = HOME) -> None:
    """启用一项业务，可定日期 · switch a line on, now or from a later day."""
    _switch(name, county, reason, home, enabled=True, on_from=_day(valid_from))


@plugin_app.command("off")
def plugin_off(name: str, county: County, reason: Reason, home: Home = HOME) -> None:
    """停用一项业务，或撤销定期启用 · switch a line off, or take a planned switch back."""
    _switch(name, county, reason, home, enabled=False)


@plugin_app.command("rule")
def plugin_rule(
    name: str,
    word: Annotated[str, typer.Argument(help=" / ".join(f"{code} {zh}" for code, zh in WORDS.items()))],
    county: County,
    reason: Reason,
    prefecture: Annotated[str | None, typer.Option(help="仅对该市州 · for one prefecture")] = None,
    valid_from: Day = None,
    home: Home = HOME,
) -> None:
    """对下级作出启用规定（省、市级代码）· require, forbid or free a line in the counties below."""
    with connected(home), by_platform(county, "cli") as session:
        made = set_rule(session, name, word, reason=reason, prefecture=prefecture, valid_from=_day(valid_from))
        console.print(f"{county} {name}：{WORDS[made.word]}，自 {made.valid_from} 起", highlight=False)


@plugin_app.command("settings")
def plugin_settings(
    name: str,
    county: County,
    given: Annotated[list[str] | None, typer.Option("--set", help="字段=值，值按 JSON 写 · field=JSON value")] = None,
    reset: Annotated[list[str] | None, typer.Option(help="恢复沿用上级的字段 · follow the level above")] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="从标准输入逐行读取的密钥字段 · secrets, read line by line from standard input")
    ] = None,
    lock: Annotated[list[str] | None, typer.Option(help="下级不得更改 · lock for those below")] = None,
    unlock: Annotated[list[str] | None, typer.Option(help="下级可以更改 · unlock")] = None,
    restore: Annotated[int | None, typer.Option(help="恢复到某一版 · bring a version back")] = None,
    withdraw: Annotated[list[int] | None, typer.Option(help="撤销未生效的版本 · take back what was planned")] = None,
    reason: Reason = "",
    valid_from: Day = None,
    home: Home = HOME,
) -> None:
    """查看或更改一项业务的设置 · show or change a line's settings."""
    values = _values(given or ())
    values |= {field: typer.get_text_stream("stdin").readline().rstrip("\n") for field in secret or ()}
    locks = dict.fromkeys(lock or (), True) | dict.fromkeys(unlock or (), False)
    with connected(home), by_platform(county, "cli") as session:
        if restore is not None:
            restore_settings(session, name, restore, reason=reason)
        elif values or reset or locks or withdraw:
            change_settings(
                session,
                name,
                reason=reason,
                values=values,
                resets=reset or (),
                locks=locks,
                withdraws=withdraw or (),
                valid_from=_day(valid_from),
            )
        console.print(_table(explained(session, name)))


def _values(given: Sequence[str]) -> dict[str, Any]:
    """The fields of ``field=value``; a value that is no JSON is a text."""
    found: dict[str, Any] = {}
    for text in given:
        field, sign, value = text.partition("=")
        if not sign:
            raise InvalidInput("应写成 字段=值", "write field=value", where=field)
        try:
            found[field] = json.loads(value)
        except json.JSONDecodeError:
            found[field] = value
    return found


def _table(found: Explained) -> Table:
    table = Table("字段", "名称", "值", "来自", "自", title=f"{found.plugin} · {found.on}")
    for one in fields_of(settings_model(found.plugin)):
        here = found.fields[one.name]
        locked = f"（{_LEVELS[here.locked.level]}锁定）" if here.locked else ""
        source = _LEVELS[here.source.level] + locked
        table.add_row(one.name, one.title, words_of(one, here.value), source, str(here.source.valid_from or ""))
    return table
