"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.funds import repository
from core.host.declarations import FactDecl, PermissionDecl

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
