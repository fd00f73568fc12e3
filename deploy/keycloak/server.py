"""One Keycloak beside the platform: started on a private folder, ready with its realm, ended with its launcher."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import TracebackType

from keycloak import KeycloakAdmin, KeycloakAuthenticationError, KeycloakError

from core.errors import BangfuError
from deploy.embedded.checks import PortTaken, disk_errors, require_home, require_port
from deploy.embedded.private import private_folder, secret
from deploy.embedded.processes import Child, Ending
from deploy.embedded.supervisor import Supervisor
from deploy.keycloak.addresses import ADMIN_CLIENT, CONSOLE_USER, HOST, WEB_CLIENT, Addresses, answers
from deploy.keycloak.fetch import ensure_keycloak
from deploy.keycloak.java import java, keycloak_command
from deploy.keycloak.realm import RealmValues, ensure_realm

DEFAULT_PORT = 8180
_ENDING = Ending(((signal.SIGTERM, 20.0),), signal.SIGTERM)
_START_LIMIT_S = 300.0
_PROGRAMS = ("bin", "conf", "lib", "providers", "themes", "version.txt")


class KeycloakRefused(BangfuError):
    """The server runs, but its realm could not be made or brought up to date."""

    code = "keycloak_refused"
    status = 503


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
