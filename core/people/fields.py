"""What is shown of a person, and to whom (字段可见范围, domain 12): each kind of content with the permissions that open it.

Masked wherever the full value is not needed. Pages and resources ask here; docs/permissions.md prints the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from core.scope import Scope

Sight = Literal["full", "masked", "nothing"]
_NOBODY: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class FieldKind:
    """A kind of content. Any one of the permissions named is enough; what none of them opens is not shown at all."""

    code: str
    zh: str
    en: str
    full: frozenset[str] = _NOBODY
    masked: frozenset[str] = _NOBODY
    on_reason: frozenset[str] = _NOBODY
    """Permissions by which single values are opened in full, each time with a word on why or as part of an act, and on
    record."""
    within: str | None = None
    """The permission without which nobody comes to where it stands."""
    where_zh: str = ""

    def sight(self, rights: frozenset[str]) -> Sight:
        """How somebody with these permissions sees it, without giving a reason."""
        if self.within is not None and self.within not in rights:
            return "nothing"
        return "full" if self.full & rights else "masked" if self.masked & rights else "nothing"


FIELDS: Final = (
    FieldKind(
        "name",
        "姓名",
        "name",
        full=frozenset({"people.read", "case.read", "funds.read", "exchange.take"}),
        where_zh="档案、个案、发放明细、接收的移交事项；公示名单和公开页面只写隐去中间字的姓名",
    ),
    FieldKind(
        "identity_number",
        "身份证号",
        "identity number",
        masked=frozenset({"people.read"}),
        on_reason=frozenset({"people.reveal"}),
        where_zh="档案、查找",
    ),
    FieldKind(
        "phone",
        "电话",
        "phone",
        masked=frozenset({"people.read"}),
        on_reason=frozenset({"people.reveal"}),
        where_zh="档案",
    ),
    FieldKind(
        "account",
        "银行账号",
        "bank account",
        masked=frozenset({"people.reveal", "funds.read"}),
        on_reason=frozenset({"people.reveal", "funds.pay"}),
        where_zh="档案、发放明细；出纳发盘时写入银行文件",
    ),
    FieldKind(
        "area",
        "住址（到社区、村）",
        "address down to the community",
        full=frozenset({"people.read"}),
        where_zh="档案",
    ),
    FieldKind(
        "house_number",
        "门牌号",
        "house number",
        on_reason=frozenset({"people.reveal"}),
        where_zh="档案",
    ),
    FieldKind(
        "means",
        "收入与支出（病残支出除外）",
        "income and costs but for illness",
        full=frozenset({"people.read"}),
        where_zh="档案",
    ),
    FieldKind(
        "health",
        "疾病、残疾与照护支出",
        "costs of illness, disability and care",
        full=frozenset({"survey.read"}),
        where_zh="档案、认定说明",
    ),
    FieldKind(
        "determination",
        "困难认定的依据",
        "why a household was determined so",
        full=frozenset({"survey.read"}),
        where_zh="档案、个案",
    ),
    FieldKind(
        "aid",
        "救助记录",
        "aid received",
        full=frozenset({"case.read"}),
        within="people.read",
        where_zh="档案",
    ),
    FieldKind(
        "opinions",
        "档案表上的三级工会意见",
        "the unions' opinions on the file",
        full=frozenset({"case.read"}),
        within="people.read",
        where_zh="档案",
    ),
    FieldKind(
        "case_notes",
        "个案办理意见",
        "notes of a case's steps",
        full=frozenset({"case.read"}),
        where_zh="个案；保密件只有承办人可见",
    ),
    FieldKind(
        "petition",
        "信访及申请内容",
        "what a petition or application says",
        full=frozenset({"case.read"}),
        where_zh="个案；保密件只有承办人可见",
    ),
    FieldKind(
        "matter",
        "移交事项内容",
        "what a matter handed over says",
        full=frozenset({"exchange.take"}),
        where_zh="接收的移交事项",
    ),
    FieldKind(
        "objection",
        "异议内容",
        "what an objection says",
        full=frozenset({"notice.read"}),
        where_zh="公示与异议",
    ),
    FieldKind(
        "objector",
        "提出异议者的联系方式",
        "how to reach who objected",
        on_reason=frozenset({"notice.answer_objection"}),
        where_zh="公示与异议",
    ),
    FieldKind(
        "finding",
        "审计问题的答复",
        "answers to audit findings",
        full=frozenset({"audit.read"}),
        where_zh="审计问题",
    ),
)
BY_CODE: Final = MappingProxyType({kind.code: kind for kind in FIELDS})
HEALTH_COSTS: Final = frozenset({"illness", "disability", "long_term_care"})
"""Kinds of rigid cost (list rigid_expense_kind) that tell of somebody's health."""


ON_PAGES: Final = MappingProxyType(
    {
        "/households/{household_id}": (
            *("name", "identity_number", "phone", "account", "area", "means", "health", "determination", "aid", "opinions"),
        ),
        "/cases/{case_id}": ("name", "case_notes", "petition", "determination"),
    }
)
"""Kinds of content that stand on the pages of one household and of one case, by the page's address."""


def shown_on(page: str, scope: Scope) -> list[str] | None:
    """Which kinds of content a page shows to the holder of ``scope``; None for pages that are no household's or case's own."""
    kinds = ON_PAGES.get(page.removesuffix("/reveal").removesuffix("/elsewhere"))
    return None if kinds is None else [code for code in kinds if sees(code, scope)]


def sees(code: str, scope: Scope) -> bool:
    """Whether the holder of ``scope`` sees anything of this kind, be it masked."""
    return BY_CODE[code].sight(scope.permissions) != "nothing"
