"""``bangfu doctor``: what an installation needs, looked at, with the mend where something is missing."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.db.safety import refuse_unsafe_role
from core.db.session import app_engine
from core.errors import BangfuError
from core.host.manager import host
from core.settings import settings
from deploy.connection import connected
from deploy.embedded.checks import COMFORTABLE_BYTES

STATIC = Path(__file__).parent.parent / "core" / "web" / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    zh: str
    good: bool
    said: str = ""
    mend: str = ""


def examine(home: Path) -> Iterator[Check]:
    """Look at Python, disk, front end, plugins, secrets, database role and queue, one after the other."""
    yield Check("Python 3.11 或更高", sys.version_info >= (3, 11), sys.version.split()[0], "请安装 Python 3.11")
    free = shutil.disk_usage(home if home.exists() else Path.cwd()).free
    yield Check("磁盘空间", free > COMFORTABLE_BYTES, f"剩余 {free // 2**20} MB", "请清理磁盘")
    yield Check(
        "网页资源",
        (STATIC / "tabler.css").exists(),
        "缺少 core/web/static/vendor",
        "请运行 make run，或 npm ci 后 npm run build",
    )
    for left_out in host().left_out:
        yield Check(f"插件 {left_out.name}", good=False, said=left_out.reason, mend="请升级或卸载该插件")
    yield Check("业务插件", bool(host().infos), "没有插件", "请重新安装")
    if not home.exists():
        yield Check("数据目录", good=False, said=f"{home} 不存在", mend="请先运行 make run")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    yield Check("数据目录权限 0700", mode == 0o700, f"{mode:o}", f"chmod 700 {home}")
    try:
        with connected(home):
            yield Check("数据库可连接", good=True)
            refuse_unsafe_role(app_engine())
            yield Check("应用账号权限受限", good=True)
            yield Check("安装密钥", settings().installation_key_file.exists(), "缺失", "请从备份恢复")
            yield _queue()
    except BangfuError as error:
        yield Check("数据库", good=False, said=error.zh, mend=error.mend_zh or "")


def _queue() -> Check:
    import redis

    try:
        redis.Redis.from_url(settings().valkey_url).ping()
    except redis.RedisError as error:
        return Check("消息队列", good=False, said=str(error), mend="请运行 make run 重新启动")
    return Check("消息队列", good=True)
