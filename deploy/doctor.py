"""``bangfu doctor``: what an installation needs, looked at, with the mend where something is missing."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.calendar.working_days import CHINA_TIME
from core.db.safety import refuse_unsafe_role
from core.db.session import app_engine, reference_work
from core.errors import BangfuError
from core.host.answers import HOOKS
from core.host.faults import recent_faults
from core.host.manager import host
from core.host.quarantine import quarantined
from core.identity.changes import kept_elsewhere
from core.identity.directory.there import directory
from core.identity.oidc.endpoints import Issuer
from core.jobs.recovery import is_swept, swept_at
from core.printing.fonts import RARE
from core.settings import settings
from deploy.cli_erasures import LOST, LOST_MEND, brought_back, missing_lines
from deploy.connection import connected, is_running
from deploy.embedded.checks import COMFORTABLE_BYTES

_CLOCKS_APART_S = 5.0
"""Half of what tokens are taken with (``TOLERANCE``); a second is lost in asking."""
STATIC = Path(__file__).parent.parent / "core" / "web" / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was seen of it, and what to do where it is not good."""

    zh: str
    good: bool
    said: str = ""
    mend: str = ""


def examine(home: Path) -> Iterator[Check]:
    """Look at Python, disk, front end, plugins, secrets, database, role, queue and identity provider, one after the other.

    What cannot be looked at is a check that is not good.
    """
    yield Check("Python 3.11 或更高", sys.version_info >= (3, 11), sys.version.split()[0], "请安装 Python 3.11")
    free = shutil.disk_usage(home if home.exists() else Path.cwd()).free
    yield Check("磁盘空间", free > COMFORTABLE_BYTES, f"剩余 {free // 2**20} MB", "请清理磁盘")
    built = (STATIC / "tabler.css").exists()
    yield Check(
        "网页资源",
        built,
        "" if built else "缺少 core/web/static/vendor",
        "请运行 make run，或在 core/web/assets 中运行 npm ci 和 npm run build",
    )
    has_fonts = (RARE / "VERSION").exists()
    yield Check(
        "打印字体",
        has_fonts,
        "" if has_fonts else "缺少 core/printing/vendor",
        "请运行 make run，或在 core/web/assets 中运行 npm ci 和 npm run build",
    )
    yield from _plugins()
    if not home.exists():
        yield Check("数据目录", good=False, said=f"{home} 不存在", mend="请先运行 make run，或用 BANGFU_HOME、--home 指明")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    yield Check("数据目录权限 0700", mode == 0o700, f"{mode:o}", f"chmod 700 {home}")
    # before connecting, which makes a key for an embedded installation that is new
    kept = (home / "secrets" / "installation.key").exists()
    yield Check("安装密钥", kept, "" if kept else "缺失，已加密的内容无法打开", "请从备份恢复 secrets/installation.key")
    if kept:
        yield from _engines(home)


def _plugins() -> Iterator[Check]:
    try:
        found = host()
    except Exception as error:
        yield Check("业务插件", good=False, said=f"内置插件无法加载：{error}", mend="请重新安装本程序")
        return
    lines = [info for info in found.infos.values() if info.service_line]
    yield Check("业务插件", bool(lines), f"{len(lines)} 项业务", "请重新安装本程序及其插件")
    for hook in HOOKS:
        # what a stranger's plugin answers wrongly shows only when it is asked
        found.installed(hook)
    for name in found.infos:
        for notice in found.notices(name):
            yield Check(f"插件 {name}", good=True, said=notice.zh)
    for left_out in found.left_out:
        yield Check(f"插件 {left_out.name}", good=False, said=left_out.reason, mend="请升级或卸载该插件")


def _engines(home: Path) -> Iterator[Check]:
    running = is_running(home)
    try:
        with connected(home):
            with app_engine().connect() as connection:
                connection.execute(text("select 1"))
            yield Check("数据库可连接", good=True)
            yield from _faults()
            yield _role()
            yield _erasures()
            yield _queue()
            if kept_elsewhere():
                yield from _identity_provider()
            if running:
                yield _background()
    except BangfuError as error:
        yield Check("数据库可连接", good=False, said=error.zh, mend=error.mend_zh or "")
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        yield Check(
            "数据库可连接",
            good=False,
            said=f"数据库没有响应（{cause}）",
            mend="请检查 BANGFU_DATABASE_URL 的地址、密码和数据库服务",
        )


def _faults() -> Iterator[Check]:
    with reference_work() as session:
        failed, shut = recent_faults(session), quarantined(session)
    for fault in failed:
        said = f"{fault.said}（{fault.count} 次，最近 {fault.last_at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M}）"
        yield Check(f"插件 {fault.plugin}：{fault.place}", good=False, said=said, mend=f"bangfu plugin faults {fault.plugin}")
    for name, row in shut.items():
        yield Check(f"插件 {name} 已全省停用", good=True, said=row.reason)


def _identity_provider() -> Iterator[Check]:
    """Sign-in and the directory: the realm answers by the issuer's name, provisioning is let in, the clocks agree."""
    own = settings()
    try:
        Issuer(own.issuer, ca_file=own.keycloak_ca_file).endpoints()
    except BangfuError as error:
        yield Check(
            "统一身份认证可连接",
            good=False,
            said=f"{error.where}：{error.zh}",
            mend="请核对 BANGFU_KEYCLOAK_URL、BANGFU_KEYCLOAK_REALM",
        )
        return
    yield Check("统一身份认证可连接", good=True, said=own.issuer)
    try:
        there = directory()
        ahead = there.clock_difference()
        there.named("bangfu-doctor")
        there.group_at("/bangfu-doctor")
    except BangfuError as error:
        yield Check("账号管理客户端", good=False, said=error.zh, mend=error.mend_zh or "")
        return
    yield Check("账号管理客户端", good=True, said=own.keycloak_admin_client_id)
    yield Check(
        "与统一身份认证时钟一致",
        abs(ahead) <= _CLOCKS_APART_S,
        f"相差约 {ahead:.0f} 秒",
        "请用 NTP 校准两台服务器的时钟：相差过大时令牌不被接受",
    )


def _role() -> Check:
    try:
        refuse_unsafe_role(app_engine())
    except BangfuError as error:
        return Check("应用账号权限受限", good=False, said=error.zh, mend=error.mend_zh or "")
    return Check("应用账号权限受限", good=True)


def _erasures() -> Check:
    """Nobody who was erased stands in the database again, as a restore would bring him back."""
    zh = "已删除人员未恢复"
    try:
        back, missing = brought_back(), missing_lines()
    except BangfuError as error:
        return Check(zh, good=False, said=f"{error.zh}（{error.where}）", mend=error.mend_zh or "")
    if missing:
        return Check(zh, good=False, said=LOST.format(missing), mend=LOST_MEND)
    said = f"{len(back)} 次删除的人员又在数据库中" if back else ""
    return Check(zh, not back, said, "请运行 bangfu erasures replay")


def _background() -> Check:
    last = swept_at()
    since = f"最近一次巡检 {last.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S}" if last else "还没有巡检过"
    return Check("后台任务循环", is_swept(), since, "请检查 worker 和 beat 进程是否在运行")


def _queue() -> Check:
    import redis

    try:
        with redis.Redis.from_url(settings().valkey_url) as queue:
            queue.ping()
    except (redis.RedisError, ValueError) as error:
        return Check("消息队列", good=False, said=str(error), mend="请检查 BANGFU_VALKEY_URL 和队列服务")
    return Check("消息队列", good=True)
