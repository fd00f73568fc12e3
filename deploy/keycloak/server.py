"""One Keycloak beside the platform: started on a private folder, ready with its realm, ended with its launcher."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

from keycloak import KeycloakAdmin, KeycloakAuthenticationError, KeycloakError

from core.errors import BangfuError
from deploy.embedded.checks import PortTaken, disk_errors, require_home, require_port
from deploy.embedded.private import private_folder, secret
from deploy.embedded.processes import Child, Ending
from deploy.embedded.supervisor import Supervisor
from deploy.keycloak.fetch import ensure_keycloak
from deploy.keycloak.java import java, keycloak_command
from deploy.keycloak.realm import ADMIN_CLIENT, REALM, WEB_CLIENT, RealmValues, ensure_realm

HOST = "127.0.0.1"
DEFAULT_PORT = 8180
CONSOLE_USER = "bangfu-admin"
_ENDING = Ending(((signal.SIGTERM, 20.0),), signal.SIGTERM)
_START_LIMIT_S = 300.0
_PROGRAMS = ("bin", "conf", "lib", "providers", "themes", "version.txt")


class KeycloakRefused(BangfuError):
    """The server runs, but its realm could not be made or brought up to date."""

    code = "keycloak_refused"
    status = 503


@dataclass(frozen=True)
class Addresses:
    """Where a running Keycloak is and how the platform is known to it."""

    url: str
    public_url: str
    """The web's own address, to which Keycloak sends people back."""
    client_secret: str = field(repr=False)
    admin_client_secret: str = field(repr=False)
    console_password: str = field(repr=False)
    """Of ``CONSOLE_USER`` in the realm ``master``: the administrators' console, and the tests."""

    @property
    def realm_url(self) -> str:
        """The realm's address, which is the issuer of its tokens."""
        return f"{self.url}/realms/{REALM}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that make the web sign people in here, and the worker provision here."""
        return {
            "BANGFU_IDENTITY": "keycloak",
            "BANGFU_PUBLIC_URL": self.public_url,
            "BANGFU_KEYCLOAK_URL": self.url,
            "BANGFU_KEYCLOAK_REALM": REALM,
            "BANGFU_KEYCLOAK_CLIENT_ID": WEB_CLIENT,
            "BANGFU_KEYCLOAK_CLIENT_SECRET": self.client_secret,
            "BANGFU_KEYCLOAK_ADMIN_CLIENT_ID": ADMIN_CLIENT,
            "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": self.admin_client_secret,
        }


def free_port() -> int:
    """A port of the loopback address on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(realm_url: str) -> bool:
    """Whether a realm is served at ``realm_url``."""
    try:
        with urllib.request.urlopen(f"{realm_url}/.well-known/openid-configuration", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


class KeycloakServer:
    """Keycloak on ``home/keycloak`` (0700: data, logs, secrets), on the loopback address alone.

    A folder and a lock of its own, so that it starts and ends independently of ``bangfu up`` on the same home. Started
    again on kept data it keeps users, groups and sessions, and takes over ``public_url``. ``start`` and ``stop`` leave
    signals as they are; ``with KeycloakServer(...) as addresses:`` turns SIGINT and SIGTERM into `Interrupted`, as
    `EmbeddedStack` does. Call ``start`` from the main thread (see `Child`).
    """

    def __init__(self, home: Path, *, public_url: str, port: int = DEFAULT_PORT) -> None:
        self.home = home.resolve()
        self.folder = self.home / "keycloak"
        self.supervisor = Supervisor(self.folder)
        self.child: Child | None = None
        self._port = port
        self._public_url = public_url.rstrip("/")

    def start(self) -> Addresses:
        """Fetch what is missing, start, and wait for the realm; raises `BangfuError` kinds, leaving nothing running."""
        require_home(self.home)
        self.supervisor.open()
        return self._serve()

    def stop(self) -> None:
        """End the server and give its folder back. Idempotent."""
        self.supervisor.stop()
        self.child = None

    def __enter__(self) -> Addresses:
        require_home(self.home)
        self.supervisor.__enter__()
        try:
            return self._serve()
        except BaseException as error:
            self.supervisor.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.supervisor.__exit__(kind, error, trace)

    def _serve(self) -> Addresses:
        try:
            self._require_port()
            addresses = Addresses(
                url=f"http://{HOST}:{self._port}",
                public_url=self._public_url,
                client_secret=secret(self.folder, WEB_CLIENT),
                admin_client_secret=secret(self.folder, ADMIN_CLIENT),
                console_password=secret(self.folder, CONSOLE_USER),
            )
            self.child = self._child(addresses)
            master = f"{addresses.url}/realms/master"
            self.supervisor.start(self.child, ready=lambda: answers(master), within_s=_START_LIMIT_S)
            self._bring_realm(addresses)
            self.child.wait_ready(lambda: answers(addresses.realm_url), _START_LIMIT_S)
        except BaseException:
            self.stop()
            raise
        return addresses

    def _require_port(self) -> None:
        try:
            require_port(HOST, self._port)
        except PortTaken as error:
            raise PortTaken(
                error.zh,
                error.en,
                where=error.where,
                mend_zh=f'请换一个端口：make keycloak ARGS="--port {self._port + 1}"',
                mend_en=f'choose another: make keycloak ARGS="--port {self._port + 1}"',
            ) from None

    def _child(self, addresses: Addresses) -> Child:
        programs = ensure_keycloak()
        serving = private_folder(self.folder / "server")
        with disk_errors(serving):
            for name in _PROGRAMS:
                link = serving / name
                link.unlink(missing_ok=True)
                link.symlink_to(programs / name)
        arguments = (
            "start",
            "--optimized",
            "--cache=local",
            "--http-enabled=true",
            f"--http-host={HOST}",
            f"--http-port={self._port}",
            f"--hostname={addresses.url}",
        )
        # Nothing of the launcher's environment: KC_* variables of a user's shell would mislead it. The administrator is
        # made on the first start only.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "KC_BOOTSTRAP_ADMIN_USERNAME": CONSOLE_USER,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": addresses.console_password,
        }
        command = keycloak_command(java(), serving, *arguments)
        return Child("keycloak", command, home=self.folder, env=environment, ending=_ENDING)

    def _bring_realm(self, addresses: Addresses) -> None:
        values = RealmValues(addresses.public_url, addresses.client_secret, addresses.admin_client_secret)
        try:
            ensure_realm(console_admin(addresses), values)
        except KeycloakAuthenticationError as error:
            raise KeycloakRefused(
                f"Keycloak 不认可管理账号 {CONSOLE_USER} 的密码",
                f"Keycloak does not take the password of its administrator {CONSOLE_USER}",
                where=str(self.folder / "secrets" / CONSOLE_USER),
                mend_zh=f"请恢复该文件；若数据可以放弃，请删除 {self.folder}",
                mend_en=f"restore that file, or, if its data may be lost, delete {self.folder}",
            ) from error
        except KeycloakError as error:
            raise KeycloakRefused(
                f"Keycloak 拒绝了域设置（{error.response_code}）",
                f"Keycloak refused the realm's settings ({error.response_code})",
                where=str(self.folder / "logs" / "keycloak.log"),
                mend_zh="请查看日志",
                mend_en="read the log",
            ) from error


def console_admin(addresses: Addresses) -> KeycloakAdmin:
    """A session of the server's own administrator (realm ``master``), who may do everything: for set-up and tests."""
    return KeycloakAdmin(
        server_url=addresses.url,
        username=CONSOLE_USER,
        password=addresses.console_password,
        realm_name="master",
        user_realm_name="master",
        client_id="admin-cli",
    )
