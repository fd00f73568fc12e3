"""Whether a county is ready to be written to a file: asked before anything happens, and once more of the very snapshot."""

from __future__ import annotations

from typing import Final

from core.errors import Conflict, NotFound
from core.scope import Standing
from deploy.county_archive.tables import Driver

RUNNING: Final = "select count(*) from job where tenant = %s and state in ('queued', 'running')"
UNSENT: Final = "select topic, count(*) from outbox where tenant = %s and sent_at is null group by 1 order by 1"
MATTERS: Final = (
    "select count(*) from envelope where tenant = %s and kind = 'matter' and state in ('sealed', 'delivered', 'taken')"
)
TRANSFERS: Final = "select count(*) from household_transfer where tenant = %s and state in ('offered', 'accepted', 'sent')"
_UNDER_WAY: Final = {
    "支付批次 payment_batch": "select count(*) from payment_batch where tenant = %s and state in ('draft', 'approved', 'sent')",
    "家庭转移 household_transfer": TRANSFERS,
    "移交件 envelope": MATTERS,
}
"""What has a second side, a bank or another union, that would answer to an installation where nobody is any more."""


def ready(driver: Driver, code: str, *, final: bool) -> None:
    """Refuse with ``NotFound`` what is no county, with ``Conflict`` one that was never opened or has work under way. ``final``:
    also while the outbox has unsent items, or something is under way with a bank or another union."""
    row = driver.execute("select level, state, union_name from tenant where code = %s", [code]).fetchone()
    if row is None or row[0] != "county":
        raise NotFound(f"没有代码为 {code} 的县级单位", f"no county has the code {code}", where=code)
    if row[1] == Standing.PLANNED:
        raise Conflict(f"{row[2]}尚未开通，没有可导出的数据", "the county was never opened", where=code)
    if running := count_of(driver, RUNNING, code):
        raise Conflict(
            f"有 {running} 项后台任务尚未结束",
            f"{running} jobs are not over",
            where=code,
            mend_zh="请等其完成，或先取消（bangfu job list）",
            mend_en="wait for them, or cancel them (bangfu job list)",
        )
    if final:
        if row[1] == Standing.PREPARING:
            raise Conflict(
                f"{row[2]}尚在开通中，不能迁出",
                "the county has not gone live and is not moved",
                where=code,
                mend_zh="请先正式开通；或不加 --final 导出副本",
                mend_en="have it go live first, or write a copy without --final",
            )
        _refuse_under_way(driver, code)


def _refuse_under_way(driver: Driver, code: str) -> None:
    if unsent := driver.execute(UNSENT, [code]).fetchall():
        raise Conflict(
            "还有未送出的事项，迁移前须由后台送完",
            "some items of the outbox were not carried out yet",
            where=", ".join(f"{topic} {count}" for topic, count in unsent),
            mend_zh="请让后台任务进程运行片刻后重试",
            mend_en="let the worker run for a while, then try again",
        )
    counted = {name: count_of(driver, query, code) for name, query in _UNDER_WAY.items()}
    if any(counted.values()):
        raise Conflict(
            "还有与银行或其他单位往来未办结的事项，迁出前须办结",
            "something is under way with a bank or another union",
            where=", ".join(f"{name} {count}" for name, count in counted.items() if count),
            mend_zh="请先发放并录入退汇或撤销支付批次，办结或撤回家庭转移和移交件；单位已暂停的，先由上级恢复办理",
            mend_en="finish or cancel batches, transfers and matters; have a suspended county resumed for that",
        )


def count_of(driver: Driver, query: str, code: str) -> int:
    """The one number that ``query`` gives for the county."""
    row = driver.execute(query, [code]).fetchone()
    return int(row[0]) if row else 0
