"""The yearly review of access as a workbook, to be printed, signed and filed (权限复核表)."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.identity.models import Account
from core.identity.review import Held, ends_on, posts_to_review, standing
from core.scope import current_scope
from core.spreadsheets.writing import SpreadsheetWriting

_COLUMNS = (
    ("姓名", 12),
    ("登录名", 22),
    ("岗位", 14),
    ("权限", 60),
    ("从未使用的权限", 40),
    ("自", 12),
    ("至", 12),
    ("授予人", 14),
    ("授予依据", 30),
    ("最近办理", 12),
    ("账号", 8),
    ("本年度确认", 14),
    ("确认人", 14),
)
_PAGE = 500


def review_file(session: Session) -> tuple[str, bytes]:
    """The workbook of the tenant in scope, its name and its bytes: all posts that hold today, and who confirmed them.

    Needs ``staff.see_review``. Cells hold texts alone, so that nothing in them is taken for a formula.
    """
    scope = current_scope()
    held = _all(session)
    names = _names(session, held)
    stands, until = standing(session), ends_on(session)
    kept = io.BytesIO()
    told = f"{scope.business_date} 在任岗位 {stands.posts} 个，未确认 {stands.unconfirmed} 个；复核期限 {until}"
    with SpreadsheetWriting(kept) as book:
        sheet = book.sheet("权限复核")
        sheet.paper()
        sheet.widths(dict(enumerate(width for _, width in _COLUMNS)))
        sheet.row(1, [f"{scope.union_name or scope.tenant} {scope.business_date.year} 年度岗位权限复核表"], head=True)
        sheet.row(2, [told])
        sheet.header(3, [title for title, _ in _COLUMNS])
        for number, row in enumerate(held, 4):
            sheet.row(number, _cells(row, names), wrapped=True)
    return f"{scope.tenant}-{scope.business_date.year}-岗位权限复核表.xlsx", kept.getvalue()


def _all(session: Session) -> list[Held]:
    held: list[Held] = []
    while page := posts_to_review(session, after=held[-1].post.id if held else None, limit=_PAGE):
        held += page
    return held


def _names(session: Session, held: list[Held]) -> Mapping[str, str]:
    wanted = {actor for row in held for actor in (row.post.granted_by, row.post.reviewed_by) if actor}
    ids = [uuid.UUID(actor) for actor in wanted if not actor.startswith("system:")]
    known = select(Account.id, Account.display_name).where(Account.id.in_(ids))
    return {str(account): name for account, name in session.execute(known)}


def _cells(row: Held, names: Mapping[str, str]) -> list[str]:
    post = row.post
    return [
        row.name,
        row.login,
        post.title + ("（代理）" if post.delegated_from else ""),
        "、".join(right.zh for right in row.rights),
        "、".join(right.zh for right in row.unused),
        str(post.valid_from),
        str(post.valid_to or ""),
        names.get(post.granted_by, "系统") if post.granted_by else "开通单位时",
        post.reason or "",
        str(post.last_used_on or "从未"),
        "已停用" if row.disabled else "正常",
        str(post.reviewed_on) if row.confirmed else "未确认",
        names.get(post.reviewed_by or "", "") if row.confirmed else "",
    ]
