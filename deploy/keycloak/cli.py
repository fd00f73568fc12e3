"""``bangfu keycloak``: the identity provider for development and trials (``make keycloak``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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

    console = Console()
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

    Console().print(f"{ensure_keycloak()}", highlight=False)
