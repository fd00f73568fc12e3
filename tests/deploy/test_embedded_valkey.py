"""The embedded message queue: password, socket, what it keeps, and that both client libraries reach it."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from deploy.embedded.valkey import EmbeddedValkey, ValkeyUrls


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def urls(home: Path) -> Iterator[ValkeyUrls]:
    with EmbeddedValkey(home) as started:
        yield started


def test_redis_and_celery_work_with_the_password(urls: ValkeyUrls) -> None:
    with redis.Redis.from_url(urls.redis) as client:
        assert client.ping()
    with Celery(broker=urls.celery).connection_for_write() as connection:
        queue = connection.SimpleQueue("trial")
        queue.put({"say": "帮扶"})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
        assert message.payload == {"say": "帮扶"}


@pytest.mark.parametrize("password", ["", ":wrong@"])
def test_nobody_enters_without_the_password(urls: ValkeyUrls, password: str) -> None:
    socket = urls.redis.partition("@")[2]
    with (
        redis.Redis.from_url(f"unix://{password}{socket}") as client,
        pytest.raises((redis.exceptions.AuthenticationError, redis.exceptions.AuthenticationWrongNumberOfArgsError)),
    ):
        client.ping()


def test_it_listens_on_a_private_socket_alone_and_forgets_nothing(home: Path, urls: ValkeyUrls) -> None:
    with redis.Redis.from_url(urls.redis) as client:
        settings = client.config_get("*")
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert int(settings["maxmemory"]) > 0
    for path in home.rglob("*"):
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
    assert repr(urls) == "ValkeyUrls()"


def test_what_was_queued_survives_stop_and_kill(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "home")
    try:
        with redis.Redis.from_url(server.start().redis) as client:
            client.rpush("queue", "one")
        server.stop()
        with redis.Redis.from_url(server.start().redis) as client:
            client.rpush("queue", "two")
        assert server.child is not None
        assert server.child.pid is not None
        os.kill(server.child.pid, signal.SIGKILL)
        with EmbeddedValkey(tmp_path / "home") as urls, redis.Redis.from_url(urls.redis) as client:
            assert client.lrange("queue", 0, -1) == [b"one", b"two"]
    finally:
        server.stop()


def test_a_live_server_of_a_crashed_launcher_is_ended_first(tmp_path: Path) -> None:
    left = EmbeddedValkey(tmp_path / "home")
    try:
        left.start()
        with EmbeddedValkey(tmp_path / "home") as urls, redis.Redis.from_url(urls.redis) as client:
            assert client.ping()
            assert left.child is not None
            assert left.child.exit_code() == 0
    finally:
        left.stop()
