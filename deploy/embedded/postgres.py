"""The embedded database (内置数据库): PostgreSQL from a wheel, private socket, passwords for everyone."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psutil
import psycopg

from core.errors import BangfuError
from deploy.embedded import cluster, run_as
from deploy.embedded.checks import EngineFailed, require_home, require_space
from deploy.embedded.private import secret
from deploy.embedded.processes import Child, Ending, end_process
from deploy.embedded.run_as import Place

# SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one (recovery at the next start); SIGKILL never comes
# from the kernel's hand, since the server would leave its backends behind.
_ENDING = Ending(((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)), signal.SIGINT)
_RECOVERY_LIMIT_S = 600.0
_LEFTOVER_LIMIT_S = 30.0
_WAIT_FOR_LEFTOVER = ("pre-existing shared memory block", "lock file", "Is another postmaster")

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_connections": "60",
    "jit": "off",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "autovacuum_max_workers": "2",
    "max_worker_processes": "4",
    "max_logical_replication_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}
_THROWAWAY = {
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
}


@dataclass(frozen=True)
class DatabaseUrls:
    """SQLAlchemy URLs of the database ``bangfu``; ``owner`` only for processes that migrate, bulk-load or back up."""

    owner: str = field(repr=False)
    app: str = field(repr=False)


class EmbeddedPostgres:
    """One PostgreSQL cluster under ``home`` (0700), run as a child of this process.

    No TCP; a socket in ``home/run``, or, where that path would pass 107 bytes, in a 0700 folder of the system's
    temporary folder (`private.socket_folder`). scram-sha-256 for every role; passwords are generated and kept in
    ``home/secrets`` (0600). As root see `run_as.choose`. ``durable=False`` is for tests: no fsync.

    The caller sees to it that one process at a time works on ``home`` (`supervisor.HomeLock`).
    """

    def __init__(
        self, home: Path, *, durable: bool = True, namespaces: bool = True, elsewhere: Path = run_as.ELSEWHERE
    ) -> None:
        self.home = home.resolve()
        self.child: Child | None = None
        self._durable = durable
        self._namespaces = namespaces
        self._elsewhere = elsewhere

    def start(self) -> DatabaseUrls:
        """Start on kept or new data and wait until both roles can work; raises `BangfuError` kinds of `checks`.

        Safe after any crash: a live server of a crashed launcher is ended cleanly first, a stale lock file passed over.
        """
        require_home(self.home)
        require_space(self.home)
        place = run_as.choose(self.home, namespaces=self._namespaces, elsewhere=self._elsewhere)
        if place.data.exists() and not (self.home / "secrets" / "postgres").exists():
            raise EngineFailed(
                "数据库口令文件缺失",
                "the database's password file is missing",
                where=str(self.home / "secrets" / "postgres"),
                mend_zh="请从备份恢复该文件",
                mend_en="restore it from a backup",
            )
        superuser_password = secret(self.home, "postgres")
        passwords = {cluster.OWNER: secret(self.home, "postgres_owner"), cluster.APP: secret(self.home, "postgres_app")}
        cluster.make_cluster(place, superuser_password, durable=self._durable)
        cluster.write_access_rules(place)
        try:
            self._launch(place, superuser_password)
            cluster.ensure_roles(place.sockets, superuser_password, passwords)
        except psycopg.Error as error:
            self.stop()
            raise EngineFailed(
                f"无法设置数据库角色:{error}",
                f"the database's roles could not be set up: {error}",
                where=str(self.home),
            ) from error
        except BaseException:
            self.stop()
            raise
        return DatabaseUrls(
            owner=_url(cluster.OWNER, passwords[cluster.OWNER], place.sockets),
            app=_url(cluster.APP, passwords[cluster.APP], place.sockets),
        )

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, data is safe. Idempotent."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def __enter__(self) -> DatabaseUrls:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _launch(self, place: Place, password: str) -> None:
        settings = _SETTINGS | ({} if self._durable else _THROWAWAY)
        settings["unix_socket_directories"] = str(place.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.child = child = Child(
            "postgres",
            place.command("postgres", "-D", str(place.data), *options),
            home=self.home,
            env=run_as.ENGINE_ENVIRONMENT,
            ending=_ENDING,
            identity=place.identity,
        )
        deadline = time.monotonic() + _LEFTOVER_LIMIT_S
        while True:
            _end_unrecorded(place)
            child.start()
            try:
                child.wait_ready(lambda: _answers(place.sockets, password), _RECOVERY_LIMIT_S)
            except BangfuError:
                # Backends of a killed server see its death only when their statement ends.
                blocked = child.exit_code() is not None and any(mark in child.output() for mark in _WAIT_FOR_LEFTOVER)
                if not blocked or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def _url(role: str, password: str, sockets: Path) -> str:
    return f"postgresql+psycopg://{role}:{quote(password, safe='')}@/{cluster.DATABASE}?host={quote(str(sockets))}"


def _answers(sockets: Path, password: str) -> bool:
    """Whether the server takes log-ins; a wrong password is an error of its own, not a reason to wait."""
    try:
        psycopg.connect(
            host=str(sockets), dbname="postgres", user=cluster.SUPERUSER, password=password, connect_timeout=5
        ).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise
        return False
    return True


def _end_unrecorded(place: Place) -> None:
    """Deal with the process that ``postmaster.pid`` names: end it if it is this cluster's server. If a stranger bears
    its number by now (after a reboot, in a container), or a corpse that nobody buries, remove the lock files that
    would make the server give up; the shared memory still guards against backends that live on."""
    lock = place.data / "postmaster.pid"
    try:
        process = psutil.Process(int(lock.read_text(encoding="ascii").split("\n", 1)[0]))
        command = [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return
    if str(place.data) in command:
        end_process(process, _ENDING.signals)
        return
    for stale in (lock, *place.sockets.glob(".s.PGSQL.*.lock")):
        stale.unlink(missing_ok=True)
