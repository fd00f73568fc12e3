"""``bangfu staff``: the services of the pages of staff, as an account; and the first administrators, by the platform."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.identity.first import seat_first_administrator
from core.identity.grants import end_post
from core.identity.models import Account, Post
from core.identity.staff import Invited, disable, enable, invite, list_staff, reset_password
from core.scope import current_scope
from deploy.cli_common import HOME, County, Home, Login, console, group
from deploy.connection import connected
from deploy.story.staff import acting_as, by_platform

app = group("人员与岗位 · staff")

Reason = Annotated[str, typer.Option(help="依据 · why")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="日期 · day")]


def _day(given: datetime | None) -> date:
    return given.date() if given else current_scope().business_date


def _account(session: Session, login: str) -> Account:
    """An account of the tenant's staff by its login; raises ``NotFound``."""
    for found in list_staff(session, text=login, limit=200):
        if found.account.login == login.strip().lower():
            return found.account
    raise NotFound(f"本单位没有登录名为 {login} 的在岗人员", f"nobody of the staff has the login {login}", where=login)


def told_password(made: Invited) -> str:
    """What is told of a first password, once."""
    when = "（数秒后在统一身份认证生效）" if made.on_its_way else ""
    return f"{made.account.login} 初始密码 {made.first_password} {when}".rstrip()


@app.command("list")
def staff_list(county: County, login: Login, home: Home = HOME) -> None:
    """列出在岗人员与岗位 · list the staff with their posts."""
    table = Table("登录名", "姓名", "岗位", "账号")
    after = None
    with connected(home), acting_as(login, county) as session:
        while found := list_staff(session, after=after, limit=200):
            after = found[-1].account.id
            for one in found:
                posts = "、".join(post.title for post in one.posts)
                state = "停用" if one.account.disabled_at else "正常"
                behind = one.directory is not None and not one.directory.in_step
                table.add_row(one.account.login, one.account.display_name, posts, f"{state}，待同步" if behind else state)
    console.print(table)


@app.command("invite")
def staff_invite(
    new: Annotated[str, typer.Argument(help="登录名 · login")],
    role: Annotated[str, typer.Argument(help="岗位代码 · role")],
    county: County,
    login: Login,
    reason: Reason,
    name: Annotated[str, typer.Option(help="姓名 · name")] = "",
    existing: Annotated[bool, typer.Option("--existing", help="已有账号 · an account that is there")] = False,
    since: Day = None,
    until: Day = None,
    home: Home = HOME,
) -> None:
    """增加人员，新账号的初始密码只显示一次 · let somebody in; a new account's password is shown once."""
    with connected(home), acting_as(login, county) as session:
        made = invite(
            session,
            new,
            name,
            role,
            reason=reason,
            valid_from=_day(since),
            valid_to=until.date() if until else None,
            existing=existing,
        )
        told = told_password(made) if made.first_password else f"{made.account.login} 已授予岗位"
    console.print(told, highlight=False)


@app.command("end")
def staff_end(
    member: Annotated[str, typer.Argument(help="登录名 · login")],
    role: Annotated[str, typer.Argument(help="岗位代码 · role")],
    county: County,
    login: Login,
    reason: Reason,
    on: Day = None,
    home: Home = HOME,
) -> None:
    """终止岗位 · end a post."""
    with connected(home), acting_as(login, county) as session:
        account = _account(session, member)
        held = select(Post).where(Post.account_id == account.id, Post.tenant_code == county, Post.role == role)
        post = session.scalars(held.order_by(Post.valid_from.desc())).first()
        if post is None:
            raise NotFound(f"{member} 没有岗位 {role}", f"{member} holds no post {role}", where=role)
        end_post(session, post.id, on=_day(on), reason=reason)
    console.print(f"{member} 的{post.title}至 {post.valid_to} 止", highlight=False)


@app.command("off")
def staff_off(member: str, county: County, login: Login, reason: Reason, home: Home = HOME) -> None:
    """停用账号，会话立即结束 · switch an account off; its sessions end at once."""
    with connected(home), acting_as(login, county) as session:
        disable(session, _account(session, member).id, reason=reason)
    console.print(f"{member} 已停用", highlight=False)


@app.command("on")
def staff_on(member: str, county: County, login: Login, reason: Reason, home: Home = HOME) -> None:
    """启用账号 · let an account in again."""
    with connected(home), acting_as(login, county) as session:
        enable(session, _account(session, member).id, reason=reason)
    console.print(f"{member} 已启用", highlight=False)


@app.command("password")
def staff_password(
    member: str,
    county: County,
    login: Login,
    reason: Reason,
    second_factor: Annotated[bool, typer.Option("--second-factor", help="同时解除第二因素 · take that away too")] = False,
    home: Home = HOME,
) -> None:
    """重置密码，新的初始密码只显示一次 · a first password again, shown once."""
    with connected(home), acting_as(login, county) as session:
        found = _account(session, member).id
        made = reset_password(session, found, reason=reason, second_factor_too=second_factor)
        told = told_password(made)
    console.print(told, highlight=False)


@app.command("first")
def staff_first(
    new: Annotated[str, typer.Argument(help="登录名 · login")],
    role: Annotated[str, typer.Argument(help="三员或本级管理员 · an administrator's role")],
    county: County,
    name: Annotated[str, typer.Option(help="姓名 · name")],
    reason: Reason,
    home: Home = HOME,
) -> None:
    """由平台设首任管理员：该岗位在本单位没有在任人员时 · seat an administrator where nobody holds the role."""
    with connected(home), by_platform(county, "first-administrator") as session:
        made = seat_first_administrator(session, new, name, role, reason=reason)
        told = told_password(made)
    console.print(told, highlight=False)
