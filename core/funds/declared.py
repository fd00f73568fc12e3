"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.funds import repository
from core.host.declarations import FactDecl, PermissionDecl, TrailActDecl

PERMISSIONS = (
    PermissionDecl("funds.read", "查看资金账", "read the fund's books", personal=True),
    PermissionDecl("funds.receive", "登记到账资金", "book money received", personal=False),
    PermissionDecl("funds.prepare", "编制发放批次", "prepare payment batches", personal=True),
    PermissionDecl("funds.approve_payment", "审批发放批次", "approve payment batches", personal=True),
    PermissionDecl("funds.pay", "办理发放与回盘", "release payments and take the bank's return", personal=True),
)


def _received(session: Session, year: int) -> list[tuple[str, str, int]]:
    return [
        ("fund.received", f"{row.source}/{row.purpose}", -row.fen)
        for row in repository.balances(session, year)
        if row.state == "income" and row.fen
    ]


def _paid(session: Session, year: int) -> list[tuple[str, str, int]]:
    paid = repository.paid_by_source_and_purpose(session, year)
    return [("fund.paid", f"{row.source}/{row.purpose}", row.fen) for row in paid]


def _grants(session: Session, year: int) -> list[tuple[str, str, int]]:
    return [("fund.grants", programme, count) for programme, count in repository.grants_by_programme(session, year)]


FACTS = (
    FactDecl("fund.received", "到账资金（分，来源/用途）", "money received in fen, by source/purpose", _received),
    FactDecl("fund.paid", "已发放资金（分，来源/用途）", "money paid in fen, by source/purpose", _paid),
    FactDecl("fund.grants", "救助决定数（按项目）", "number of grants, by programme", _grants),
)

TRAIL_ACTS = (
    TrailActDecl("funds.received", "登记到账资金", "money received"),
    TrailActDecl("funds.granted", "作出救助决定", "grant made"),
    TrailActDecl("funds.released", "收回救助决定", "grant taken back"),
    TrailActDecl("funds.opening_told", "登记期初余额", "opening balance told"),
    TrailActDecl("funds.opening_confirmed", "期初余额复核入账", "opening balance booked"),
    TrailActDecl("funds.opening_declined", "退回期初余额", "opening balance declined"),
    TrailActDecl("funds.batch_prepared", "编制发放批次", "payment batch prepared"),
    TrailActDecl("funds.batch_approved", "发放批次已审批", "payment batch approved"),
    TrailActDecl("funds.batch_sent", "发放批次已送银行", "payment batch sent to the bank"),
    TrailActDecl("funds.batch_returned", "登记发放回盘", "bank's return taken"),
    TrailActDecl("funds.batch_cancelled", "发放批次已作废", "payment batch given up"),
    TrailActDecl("funds.reversal_told", "登记退汇", "payment sent back by the bank"),
    TrailActDecl("funds.reversal_approved", "退汇已审批冲销", "reversal approved"),
    TrailActDecl("funds.reversal_declined", "退回退汇登记", "reversal declined"),
    TrailActDecl("funds.carried_out", "撤并划出资金", "balances carried out"),
    TrailActDecl("funds.carried_back", "撤并划出资金未送达，已划回", "balances carried back"),
    TrailActDecl("funds.carried_in", "撤并划入资金", "balances carried in"),
)
