"""``bangfu case …-handlers``: who handles a confidential case, changed by two people, each proven anew (承办人变更)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from core.cases.handler_changes import Emergency, ask_change, ask_emergency, decide_change, withdraw_change
from core.cases.handler_lists import ChangeLine, changes_of_mine, changes_to_decide
from core.errors import InvalidInput
from deploy.cli_common import HOME, County, Home, Login, actors_of, case_id_of, console, id_of
from deploy.cli_proof import ask_for_proof
from deploy.connection import connected
from deploy.story.staff import acting_as

Add = Annotated[list[str] | None, typer.Option("--add", help="增加的承办人账号，可多次 · to be added, repeatable")]
Reason = Annotated[str, typer.Option(help="原因 · why")]
_PAGE = ("保密件承办人变更", "/cases/handlers")
_WAITS = {"handler": "另一名承办人", "vice_chair": "分管主席", "leader": "本单位领导"}


class Ground(StrEnum):
    """Why an emergency may be asked for."""

    NOBODY_LEFT = "nobody_left"
    ORDER = "order"


def add_to(app: typer.Typer) -> None:
    """Put the commands into the group of cases."""
    app.command("handlers")(listed)
    app.command("ask-handlers")(ask)
    app.command("ask-handlers-emergency")(ask_in_emergency)
    app.command("decide-handlers")(decide)
    app.command("withdraw-handlers")(withdraw)


def listed(county: County, login: Login, home: Home = HOME) -> None:
    """列出与某账号有关的承办人变更 · changes of handlers that concern an account."""
    with connected(home), acting_as(login, county) as session:
        waiting, mine = changes_to_decide(session), changes_of_mine(session)
    for title, lines in (("待同意", waiting), ("提出和办理的", mine)):
        console.print(f"{title}：{len(lines)}", highlight=False)
        for line in lines:
            console.print(f"  {_line(line)}", highlight=False)


def ask(
    number: str,
    county: County,
    login: Login,
    reason: Reason,
    add: Add = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="移出的承办人账号，可多次 · to leave")] = None,
    home: Home = HOME,
) -> None:
    """承办人提出变更，须再次验证本人 · a handler asks for a change."""
    with connected(home):
        ask_for_proof(login, *_PAGE)
        with acting_as(login, county) as session:
            added, removed = (actors_of(session, named or []) for named in (add, remove))
            made = ask_change(session, case_id_of(session, number), add=added, remove=removed, reason=reason)
            told = f"{made.id} 已提出，等待{_WAITS[made.decides]}同意"
    console.print(told, highlight=False)


def ask_in_emergency(
    number: str,
    county: County,
    login: Login,
    reason: Reason,
    ground: Annotated[Ground, typer.Option(help="情形 · ground")],
    add: Add = None,
    order: Annotated[str, typer.Option(help="书面要求的文号 · number of the written order")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="原承办人继续承办 · former handlers stay")] = False,
    home: Home = HOME,
) -> None:
    """分管主席凭编号提出紧急变更，须再次验证本人 · the vice chair asks by the number alone."""
    with connected(home):
        ask_for_proof(login, *_PAGE)
        with acting_as(login, county) as session:
            what = Emergency(ground.value, order, clears=not keep)
            made = ask_emergency(session, number, add=actors_of(session, add or []), what=what, reason=reason)
            told = f"{made.id} 已提出，等待{_WAITS[made.decides]}同意"
    console.print(told, highlight=False)


def decide(
    change: str,
    county: County,
    login: Login,
    agree: Annotated[bool | None, typer.Option("--agree/--refuse", help="同意或不同意 · the word")] = None,
    why: Annotated[str, typer.Option(help="不同意的理由 · why not")] = "",
    home: Home = HOME,
) -> None:
    """第二人同意或不同意，须再次验证本人 · the second person's word."""
    if agree is None:
        raise InvalidInput(
            "请写明同意还是不同意", "say whether it is agreed", where="--agree/--refuse", mend_zh="加 --agree 或 --refuse"
        )
    change_id = id_of(change, "变更", "change", "bangfu case handlers")
    with connected(home):
        ask_for_proof(login, *_PAGE)
        with acting_as(login, county) as session:
            decide_change(session, change_id, agreed=agree, why=why)
    console.print("已同意，承办人已变更" if agree else "已答复不同意", highlight=False)


def withdraw(change: str, county: County, login: Login, home: Home = HOME) -> None:
    """撤回自己提出的变更 · take back what one asked."""
    change_id = id_of(change, "变更", "change", "bangfu case handlers")
    with connected(home), acting_as(login, county) as session:
        withdraw_change(session, change_id)
    console.print("已撤回", highlight=False)


def _line(line: ChangeLine) -> str:
    kind = "紧急变更" if line.change.is_emergency else "变更"
    return f"{line.number} {kind} {line.change.asked_on} {line.state} {line.change.id}"
