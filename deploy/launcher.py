"""``bangfu up``: start the engines, the worker and the web, bring the data up to date, and play the sample."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from rich.console import Console
from rich.table import Table

from core.codes import label
from core.db.session import app_engine
from core.money import format_yuan
from deploy.connection import OWNER, bring_up_to_date, owner_engine, remember, use
from deploy.embedded import EmbeddedStack
from deploy.embedded.checks import require_port
from deploy.embedded.processes import Child, Ending
from deploy.embedded.supervisor import Supervisor
from deploy.keycloak.addresses import Addresses
from deploy.keycloak.beside import keycloak_beside, keycloak_of_its_own
from deploy.story.ledger import Arguments, Progress
from deploy.story.staff import DemoAccount
from deploy.story.tell import tell
from worker.relay import use_queue

HOST = "127.0.0.1"
WEB = "deploy.web:make_app"
_ACCOUNTS_SHOWN = 60
_WORKER_ENDING = Ending(((signal.SIGTERM, 20.0), (signal.SIGQUIT, 5.0)), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Options:
    """What ``bangfu up`` was asked for."""

    home: Path
    port: int
    once: bool
    summary_file: Path | None
    arguments: Arguments
    keycloak: bool = False
    """Start a Keycloak too, and have people sign in there."""


def _environment(running: Mapping[str, str]) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV") if name in os.environ}
    return {**keep, **running, "BANGFU_DEMO": "true", "BANGFU_MOVABLE_BUSINESS_DATE": "true", "PYTHONUNBUFFERED": "1"}


def _worker(home: Path, environment: Mapping[str, str]) -> Child:
    argv = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--concurrency=2", "--loglevel=WARNING"]
    argv += ["--queues=bangfu,bangfu.chunks", "--without-gossip", "--without-mingle"]
    return Child("worker", argv, home=home, env=environment, ending=_WORKER_ENDING)


def _beat(home: Path, environment: Mapping[str, str]) -> Child:
    """Apart from the worker (``-B``): a worker does not notice when its embedded beat is gone, the supervisor does."""
    argv = [sys.executable, "-m", "celery", "-A", "worker.app", "beat", "--loglevel=WARNING"]
    return Child("beat", [*argv, "-s", str(home / "run" / "beat"), "--pidfile="], home=home, env=environment)


def web_arguments(port: int) -> list[str]:
    """What uvicorn is started with. No proxy stands before it: whoever claims to be forwarded would choose the address that
    sign-ins are counted by."""
    where = ["--host", HOST, "--port", str(port)]
    return [WEB, "--factory", *where, "--no-proxy-headers", "--no-access-log", "--no-server-header"]


def _web(home: Path, environment: Mapping[str, str], port: int) -> Child:
    argv = [sys.executable, "-m", "uvicorn", *web_arguments(port)]
    return Child("web", argv, home=home, env=environment, restarts=True)


def _serving(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def up(options: Options, console: Console) -> None:
    """Run an installation on ``options.home`` until it is interrupted, or until the sample is told (``once``)."""
    started = time.monotonic()
    if not options.once:
        require_port(HOST, options.port)
    home = options.home.resolve()
    stack = EmbeddedStack(home)
    with ExitStack() as leaving, stack as running:
        keycloak = None if options.once else _keycloak(options, home, stack.supervisor, leaving, console)
        environment = {**_environment(running.env), **(keycloak.environment if keycloak else {})}
        use({**environment, OWNER: running.owner_url})
        remember(home, running)
        console.print("数据库与队列已启动，正在更新结构 · engines are up, migrating")
        bring_up_to_date()
        supervisor: Supervisor = stack.supervisor
        supervisor.start(_worker(home, environment))
        supervisor.start(_beat(home, environment))
        use_queue()
        owner = owner_engine()
        progress = Progress(owner, options.arguments, lambda line: console.print(line, highlight=False), check=supervisor.check)
        summary, accounts, password = tell(progress, home)
        if options.summary_file:
            options.summary_file.write_text(json.dumps(summary, ensure_ascii=False, indent=2), encoding="utf-8")
        _show(console, summary)
        if options.once:
            app_engine().dispose()
            owner.dispose()
            return
        if keycloak is not None:
            _provide(keycloak, accounts, password, console)
        supervisor.start(_web(home, environment, options.port), ready=lambda: _serving(options.port))
        _show_accounts(console, accounts, password)
        console.print(f"\n[bold]http://{HOST}:{options.port}[/bold]  （{time.monotonic() - started:.0f} 秒，Ctrl-C 停止）")
        app_engine().dispose()
        owner.dispose()
        supervisor.watch()


def _keycloak(options: Options, home: Path, supervisor: Supervisor, leaving: ExitStack, console: Console) -> Addresses | None:
    public_url = f"http://{HOST}:{options.port}"
    if not options.keycloak:
        return keycloak_beside(home, public_url)
    console.print("正在启动 Keycloak（首次需下载和构建）· starting Keycloak, the first time it is fetched and built")
    return keycloak_of_its_own(home, public_url, supervisor, leaving)


def _provide(keycloak: Addresses, accounts: list[DemoAccount], password: str, console: Console) -> None:
    # Imported only here: it brings python-keycloak.
    from deploy.keycloak.people import carry_over

    count = carry_over(keycloak, [(account.login, account.name) for account in accounts], password)
    console.print(f"登录经 Keycloak {keycloak.url}，已备 {count} 个账号 · sign-in through Keycloak", highlight=False)


def _show(console: Console, summary: Mapping[str, Any]) -> None:
    table = Table(title="样例年度汇总 · summary of the sample's year", show_header=False)
    for name, zh in (
        ("counties", "县（市、区）"),
        ("households", "建档户数"),
        ("persons", "人数"),
        ("eligible", "认定困难户"),
        ("cases", "救助事项"),
    ):
        table.add_row(zh, f"{summary[name]:,}")
    for source, purposes in summary["paid_fen"].items():
        for purpose, fen in purposes.items():
            table.add_row(f"发放 {label('fund_source', source)} / {label('fund_purpose', purpose)}", format_yuan(fen))
    for severity, zh in (("critical", "严重"), ("major", "较重"), ("minor", "一般")):
        table.add_row(f"审计问题（{zh}）", str(summary["findings"].get(severity, 0)))
    for step, seconds in summary["seconds"].items():
        table.add_row(f"用时 {step}", f"{seconds:.1f} 秒")
    console.print(table)


def _show_accounts(console: Console, accounts: list[DemoAccount], password: str) -> None:
    table = Table(title=f"演示账号（密码均为 {password}） · demo accounts")
    for heading in ("单位", "岗位", "账号", "姓名"):
        table.add_column(heading)
    shown = accounts[:_ACCOUNTS_SHOWN]
    for account in shown:
        table.add_row(account.union_name, account.role, account.login, account.name)
    console.print(table)
    if len(accounts) > len(shown):
        console.print(f"其余 {len(accounts) - len(shown)} 个账号同此规则：县代码-岗位 · the rest by the same pattern")
