"""The Keycloak that ``bangfu up`` has people sign in at: one of its own, or the one that runs beside it on the same home."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from core.errors import Misconfigured
from deploy.embedded.private import secret
from deploy.embedded.supervisor import Supervisor
from deploy.keycloak.addresses import CONSOLE_USER, Addresses, forget_identity, identity_environment, remember_identity


def keycloak_of_its_own(home: Path, public_url: str, supervisor: Supervisor, leaving: ExitStack) -> Addresses:
    """Start one that ``supervisor`` watches and stops; ``leaving`` gives its folder back. Raises `BangfuError` kinds."""
    # Imported only here: it brings python-keycloak.
    from deploy.keycloak.server import KeycloakServer

    server = KeycloakServer(home, public_url=public_url)
    addresses = server.start()
    leaving.callback(server.stop)
    # For commands that are run beside it.
    remember_identity(home, addresses)
    leaving.callback(forget_identity, home)
    if server.child is not None:
        supervisor.adopt(server.child)
    return addresses


def keycloak_beside(home: Path, public_url: str) -> Addresses | None:
    """The one that ``bangfu keycloak start`` runs on ``home``; None where none does.

    Raises ``Misconfigured`` where it would send people back to another address than ``public_url``.
    """
    found = identity_environment(home)
    if not found:
        return None
    if found["BANGFU_PUBLIC_URL"] != public_url:
        raise Misconfigured(
            f"Keycloak 登录后返回 {found['BANGFU_PUBLIC_URL']}，与本平台地址 {public_url} 不符",
            f"Keycloak sends people back to {found['BANGFU_PUBLIC_URL']}, but this web is at {public_url}",
            where="BANGFU_PUBLIC_URL",
            mend_zh=f'请用 make keycloak ARGS="--web {public_url}" 重新启动，或改用该地址的端口',
            mend_en=f'start it again with make keycloak ARGS="--web {public_url}", or use the port of that address',
        )
    return Addresses(
        url=found["BANGFU_KEYCLOAK_URL"],
        public_url=public_url,
        client_secret=found["BANGFU_KEYCLOAK_CLIENT_SECRET"],
        admin_client_secret=found["BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET"],
        console_password=secret(home.resolve() / "keycloak", CONSOLE_USER),
    )
