"""A web process that is stuck ends itself and leaves word of where; the next one reports the plugin, and the launcher starts it
anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.db.session import reference_work
from core.host.faults import recent_faults
from core.host.manager import host
from core.settings import settings
from deploy.embedded.checks import EngineFailed
from deploy.embedded.processes import Child, wait_until
from deploy.embedded.supervisor import MOST_RESTARTS, Supervisor
from deploy.watchdog import plugins_in, report_stuck
from tests.conftest import Database
from tests.core.strangers import Stranger

ROOT = Path(__file__).resolve().parents[2]

SERVING = """
import asyncio, ctypes, os, sys, threading, time
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from deploy.watchdog import watch_over

async def blocked():
    time.sleep(600)

async def crowded():
    await asyncio.gather(*(run_in_threadpool(threading.Event().wait) for _ in range(200)))

async def held():
    ctypes.PyDLL(None).sleep(600)

async def fine():
    for _ in range(20):
        await run_in_threadpool(time.sleep, 0.05)

async def main(how):
    app = FastAPI()
    watch_over(app)
    async with app.router.lifespan_context(app):
        await globals()[how]()

# one process for each way to be stuck, forked after the imports, which take far longer than the rest
for how in sys.argv[2:]:
    os.environ.update(BANGFU_HOME=os.path.join(sys.argv[1], how), BANGFU_WATCHDOG_S="30" if how == "fine" else "0.4")
    child = os.fork()
    if child == 0:
        asyncio.run(main(how))
        os._exit(0)
    print(how, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def _left(home: Path) -> list[Path]:
    return sorted((home / "run").glob("web-*.stuck"))


def test_a_process_that_is_stuck_ends_itself_and_says_where(tmp_path: Path) -> None:
    ways = ["blocked", "crowded", "held", "fine"]
    env = {**os.environ, "BANGFU_DATABASE_URL": ""}
    command = [sys.executable, "-c", SERVING, str(tmp_path), *ways]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=300, check=True)
    ended = dict(line.split() for line in done.stdout.splitlines())
    assert {how: code == "0" for how, code in ended.items()} == {how: how == "fine" for how in ways}
    for how in ways[:3]:
        [left] = _left(tmp_path / how)
        text = left.read_text(encoding="utf-8")
        assert "Thread 0x" in text
        assert f"in {how}" in text or how == "crowded"
    assert _left(tmp_path / "fine") == []


def test_the_next_start_reports_whose_code_was_stuck(db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BANGFU_HOME", str(tmp_path))
    settings.cache_clear()
    host.cache_clear()
    host().register(Stranger("shaky"), "shaky", built_in=False)
    here = sys.modules[Stranger.__module__].__file__
    run = tmp_path / "run"
    run.mkdir()
    stuck = f'Thread 0x01 (most recent call first):\n  File "{here}", line 12 in hang\n  File "/x/y/z/w.py", line 3 in f\n'
    (run / "web-999999999.stuck").write_text(stuck, encoding="utf-8")
    (run / "web-999999998.stuck").write_text("", encoding="utf-8")
    living = run / f"web-{os.getpid()}.stuck"
    living.write_text("", encoding="utf-8")
    report_stuck()
    assert _left(tmp_path) == [living]
    with reference_work() as session:
        [fault] = recent_faults(session)
        assert (fault.plugin, fault.place) == ("shaky", "web (stuck)")
        assert fault.trace.splitlines() == ["tests/core/strangers.py:12 hang", "y/z/w.py:3 f"]
    assert list(plugins_in('  File "/nowhere/x.py", line 1 in f\n', host())) == []
    monkeypatch.undo()
    settings.cache_clear()
    host.cache_clear()


def test_the_launcher_starts_the_web_anew_until_it_is_plainly_broken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with Supervisor(home) as supervisor:
        dies = Child("web", [sys.executable, "-c", "raise SystemExit(1)"], home=home, restarts=True)
        supervisor.start(dies)
        seen = []
        for _ in range(MOST_RESTARTS):
            assert wait_until(lambda: dies.exit_code() is not None, 60)
            seen.append(dies.pid)
            supervisor.check()
        assert len(set(seen)) == MOST_RESTARTS
        assert wait_until(lambda: dies.exit_code() is not None, 60)
        with pytest.raises(EngineFailed, match="web"):
            supervisor.check()


def test_a_child_that_must_not_die_ends_the_launcher(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with Supervisor(home) as supervisor:
        dies = Child("worker", [sys.executable, "-c", "raise SystemExit(1)"], home=home)
        supervisor.start(dies)
        assert wait_until(lambda: dies.exit_code() is not None, 60)
        with pytest.raises(EngineFailed, match="worker"):
            supervisor.check()
