"""``bangfu keycloak``: an identity provider for development and trials (``make keycloak``), and carrying accounts over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli_common import HOME, County, Home, console

keycloak_app = typer.Typer(no_args_is_help=True, help="统一身份认证 · Keycloak")


@keycloak_app.command()
def start(
    home: Annotated[Path, typer.Option("--home", help="数据目录 · data folder")] = Path(".bangfu"),
    port: Annotated[int, typer.Option(help="端口 · port")] = 8180,
    web: Annotated[str, typer.Option(help="帮扶平台地址 · address of the web")] = "http://127.0.0.1:8000",
) -> None:
    """启动 Keycloak，直到 Ctrl-C · run a Keycloak beside the platform and switch sign-in over to it."""
    from deploy.keycloak.addresses import CONSOLE_USER, forget_identity, remember_identity
    from deploy.keycloak.server import KeycloakServer

    console.print("正在启动 Keycloak（首次需下载和构建）· starting Keycloak, the first time it is fetched and built")
    server = KeycloakServer(home, public_url=web, port=port)
    with server as addresses:
        remember_identity(home, addresses)
        try:
            console.print(f"[bold]{addresses.url}[/bold]（Ctrl-C 停止）")
            password = server.folder / "secrets" / CONSOLE_USER
            console.print(f"管理控制台 · console {addresses.url}/admin，{CONSOLE_USER}，密码见 {password}", highlight=False)
            console.print(f"{web} 启动后经此登录 · that web signs people in here from its next start", highlight=False)
            server.supervisor.watch()
        finally:
            forget_identity(home)


@keycloak_app.command()
def fetch() -> None:
    """下载并构建 Keycloak · fetch and build Keycloak without starting it."""
    from deploy.keycloak.fetch import ensure_keycloak

    console.print(f"{ensure_keycloak()}", highlight=False)


@keycloak_app.command()
def provision(
    home: Home = HOME,
    here: Annotated[bool, typer.Option("--here", help="在本进程办理，不等后台 · carry it out in this process")] = False,
) -> None:
    """将全部单位和账号同步到统一身份认证 · carry all tenants and accounts over to the identity provider."""
    from core.db.session import reference_work
    from core.identity.directory.mending import provision_all
    from core.jobs.outbox import relay
    from deploy.connection import connected
    from tenants.onboarding import tenant_codes

    with connected(home):
        tenants, accounts = provision_all()
        console.print(f"{tenants} 个单位、{accounts} 个账号已交发件箱 · left in the outbox", highlight=False)
        if here:
            with reference_work() as session:
                codes = tenant_codes(session.connection())
            failed = sum(relay(code, limit=10_000).failed for code in codes)
            console.print(
                f"已办理，{failed} 项未成，将自动重试 · done, {failed} failed and will be tried again", highlight=False
            )


@keycloak_app.command()
def adopt(
    login: Annotated[str, typer.Argument(help="登录名 · login")],
    county: County,
    home: Home = HOME,
) -> None:
    """确认认证服务中的同名用户即为本人 · take the user of that login there for the account's person."""
    from core.identity.directory.mending import adopt as adopted
    from deploy.connection import connected
    from deploy.story.staff import by_platform

    with connected(home), by_platform(county, "adopt") as session:
        subject = adopted(session, login)
    console.print(f"{login} 已对应统一身份认证用户 {subject}", highlight=False)
