"""``bangfu staff review``: the yearly review of access, listed, written to a file, confirmed (权限复核)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.identity.review import Held, confirm, ends_on, posts_to_review, standing
from core.identity.review_file import review_file
from deploy.cli_common import HOME, County, Home, Login, console, write_file
from deploy.connection import connected
from deploy.story.staff import acting_as

_PAGE = 200


def review(
    county: County,
    login: Login,
    everything: Annotated[bool, typer.Option("--all", help="含已确认的 · those confirmed too")] = False,
    confirms: Annotated[
        list[str] | None, typer.Option("--confirm", help="确认“登录名/岗位代码”，可重复 · confirm login/role, repeatable")
    ] = None,
    file: Annotated[Path | None, typer.Option("--xlsx", help="写入工作簿 · write the workbook")] = None,
    home: Home = HOME,
) -> None:
    """年度岗位权限复核：列出、确认、导出 · the yearly review of access: list, confirm, export."""
    with connected(home), acting_as(login, county) as session:
        done = confirm(session, [_named(session, text).post.id for text in confirms]) if confirms else None
        rows = _listed(session, everything)
        stands, until = standing(session), ends_on(session)
        data = review_file(session)[1] if file else b""
    if file:
        write_file(file, data)
    table = Table("人员", "岗位", "权限", "从未使用", "授予依据", "最近办理", "确认")
    for row in rows:
        table.add_row(
            f"{row.name} {row.login}",
            f"{row.post.title}（{row.post.role}）",
            str(len(row.rights)),
            str(len(row.unused)),
            row.post.reason or "",
            str(row.post.last_used_on or "从未"),
            str(row.post.reviewed_on) if row.confirmed else "未确认",
        )
    console.print(table)
    if done is not None:
        console.print(f"已确认 {done} 个岗位", highlight=False)
    console.print(f"在任岗位 {stands.posts} 个，未确认 {stands.unconfirmed} 个，期限 {until}", highlight=False)


def _listed(session: Session, everything: bool) -> list[Held]:
    rows: list[Held] = []
    while page := posts_to_review(session, unconfirmed=not everything, after=rows[-1].post.id if rows else None, limit=_PAGE):
        rows += page
    return rows


def _named(session: Session, text: str) -> Held:
    login, _, role = text.partition("/")
    for row in _listed(session, everything=True):
        if (row.login, row.post.role) == (login, role):
            return row
    raise InvalidInput(
        f"本单位没有在任岗位 {text}",
        f"no post {text} holds here",
        where="--confirm",
        mend_zh="请写成“登录名/岗位代码”，代码见列表",
        mend_en="write login/role as the list has them",
    )
