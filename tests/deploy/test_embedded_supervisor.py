"""The launcher's watch: one per home, children end in order, and none outlives it however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from core.errors import BangfuError
from deploy.embedded import EmbeddedStack
from deploy.embedded.checks import HomeInUse
from deploy.embedded.processes import Child, Ending, wait_until
from deploy.embedded.supervisor import HomeLock, Supervisor

ROOT = Path(__file__).resolve().parents[2]

LAUNCHER = """
import json, sys
from pathlib import Path
from deploy.embedded import EmbeddedStack
from deploy.embedded.processes import Child
from deploy.embedded.supervisor import Interrupted
home = Path(sys.argv[1])
stack = EmbeddedStack(home, durable=False)
try:
    with stack as running:
        web = Child("web", [sys.executable, "-m", "http.server", "0"], home=home, env=dict(running.env))
        stack.supervisor.start(web)
        print(json.dumps({"owner": running.owner_url, "env": dict(running.env)}), flush=True)
        stack.supervisor.watch()
except Interrupted as interrupted:
    sys.exit(128 + interrupted.signum)
"""

SAYS_WHEN_IT_ENDS = """
import signal, sys, pathlib
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
pathlib.Path(sys.argv[1]).touch()
signal.sigwait([signal.SIGTERM])
with open(sys.argv[2], "a") as ends:
    ends.write(sys.argv[3] + "\\n")
"""


@contextmanager
def launched(home: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[psutil.Process]]]:
    """A launcher as a process of its own, what it said, and its children once all are up."""
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield process, said, psutil.Process(process.pid).children(recursive=True)
        finally:
            process.kill()


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def waiting_child(name: str, home: Path, ends: Path) -> tuple[Child, Path]:
    up = home / f"{name}.up"
    argv = [sys.executable, "-c", SAYS_WHEN_IT_ENDS, str(up), str(ends), name]
    return Child(name, argv, home=home, ending=Ending(((signal.SIGTERM, 5.0),), signal.SIGKILL)), up


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_children_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with launched(tmp_path / "home") as (process, said, children):
        assert len(children) >= 3
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        assert all_gone(children)
    assert "bangfu_owner" in said["owner"]
    assert "bangfu_owner" not in json.dumps(said["env"])
    assert "database system is shut down" in (tmp_path / "home" / "logs" / "postgres.log").read_text()
    assert not list((tmp_path / "home" / "run").glob("*.pid"))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to their launcher on Linux only")
def test_a_killed_launcher_takes_its_children_along_and_the_next_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with launched(home) as (process, said, children):
        parsed = make_url(said["owner"])
        with psycopg.connect(
            host=str(parsed.query["host"]), user=parsed.username, password=parsed.password, dbname="bangfu"
        ) as connection:
            connection.execute(b"CREATE TABLE kept AS SELECT 7 AS i")
        process.kill()
        process.wait(10)
        # The next one starts at once, while the last one's children may still be ending.
        stack = EmbeddedStack(home, durable=False)
        try:
            assert stack.start().owner_url == said["owner"]
            assert all_gone(children)
            with psycopg.connect(
                host=str(parsed.query["host"]), user=parsed.username, password=parsed.password, dbname="bangfu"
            ) as connection:
                assert connection.execute(b"SELECT i FROM kept").fetchone() == (7,)
        finally:
            stack.stop()
    # A fast shutdown, not a crash: nothing had to be recovered.
    assert "automatic recovery in progress" not in (home / "logs" / "postgres.log").read_text()


def test_two_launchers_on_one_home_are_refused_by_name(tmp_path: Path) -> None:
    with launched(tmp_path / "home") as (process, _, _), pytest.raises(HomeInUse) as raised:
        EmbeddedStack(tmp_path / "home").start()
    assert str(process.pid) in raised.value.zh
    assert str(process.pid) in raised.value.en
    lock = HomeLock(tmp_path / "home")
    assert wait_until(lambda: all_gone([psutil.Process(process.pid)]) if psutil.pid_exists(process.pid) else True, 10)
    lock.acquire()
    lock.release()


def test_children_stop_last_started_first(tmp_path: Path) -> None:
    home, ends = tmp_path / "home", tmp_path / "ends"
    with Supervisor(home) as supervisor:
        for name in ("valkey", "worker", "web"):
            child, up = waiting_child(name, home, ends)
            supervisor.start(child, ready=up.exists)
    assert ends.read_text().split() == ["web", "worker", "valkey"]


def test_the_death_of_a_child_is_told_with_its_last_words(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Supervisor(home) as supervisor:
        supervisor.start(Child("worker", [sys.executable, "-c", "raise SystemExit('last words')"], home=home))
        with pytest.raises(BangfuError, match="last words") as raised:
            supervisor.watch()
    assert "worker" in raised.value.zh
    assert raised.value.where == str(home / "logs" / "worker.log")


def test_a_child_that_is_not_ready_in_time_is_told_and_ended(tmp_path: Path) -> None:
    home = tmp_path / "home"
    child, up = waiting_child("web", home, tmp_path / "ends")
    with Supervisor(home) as supervisor:
        supervisor.start(child, ready=up.exists)
        with pytest.raises(BangfuError, match="not ready"):
            child.wait_ready(lambda: False, 0.05)
    assert child.pid is None


def test_a_child_that_will_not_end_is_killed_with_its_group(tmp_path: Path) -> None:
    home, up = tmp_path / "home", tmp_path / "up"
    stubborn = (
        "import signal, subprocess, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"p = subprocess.Popen(['sleep', '600']); pathlib.Path({str(up)!r}).write_text(str(p.pid)); p.wait()"
    )
    ending = Ending(((signal.SIGTERM, 0.2),), signal.SIGKILL)
    with Supervisor(home) as supervisor:
        child = Child("web", [sys.executable, "-c", stubborn], home=home, ending=ending)
        supervisor.start(child, ready=lambda: up.exists() and bool(up.read_text()))
        grandchild = psutil.Process(int(up.read_text()))
    assert wait_until(lambda: all_gone([grandchild]), 5)


def test_a_child_has_its_own_group_and_default_signals(tmp_path: Path) -> None:
    home = tmp_path / "home"
    child, up = waiting_child("web", home, tmp_path / "ends")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Supervisor(home) as supervisor:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervisor.start(child, ready=up.exists)
            assert child.pid is not None
            assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
            ignored = next(
                line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if line.startswith("SigIgn")
            )
            assert not int(ignored.split()[1], 16) & (1 << (signal.SIGINT - 1))
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_crashed_launcher_left_is_ended_when_the_home_is_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    left, up = waiting_child("web", home, tmp_path / "ends")
    left.start()
    left.wait_ready(up.exists, 10)
    try:
        supervisor = Supervisor(home)
        supervisor.open()
        supervisor.stop()
        assert left.exit_code() == 0
    finally:
        left.stop()
