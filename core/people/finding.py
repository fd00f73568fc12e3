"""The search box (查找人员): a name, pinyin, initials, last four or file number; or a whole number by its token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.text.normalise import fold_name, squash
from core.vault.tokens import TokenKind

_IDENTITY: Final = re.compile(r"[0-9]{17}[0-9Xx]")
_MOBILE: Final = re.compile(r"1[0-9]{10}")
_ACCOUNT: Final = re.compile(r"[0-9]{16,32}")

_BY_WORD: Final = """
select distinct subject_id as id from search_token
where tenant = :tenant and subject_kind = 'person' and token like :value
"""
_BY_TOKEN: Final = {
    TokenKind.IDENTITY: "select id from person where tenant = :tenant and identity_token = :value",
    TokenKind.PHONE: "select id from person where tenant = :tenant and phone_token = :value",
    TokenKind.ACCOUNT: "select worker_id as id from worker_file where tenant = :tenant and account_token = :value",
}
_FOUND: Final = """
with hit as ({hit}),
latest as (
    select distinct on (m.person_id, m.household_id) m.person_id, m.household_id, m.relation, m.present
    from membership m join hit on hit.id = m.person_id
    where m.tenant = :tenant and m.valid_from <= :on
    order by m.person_id, m.household_id, m.valid_from desc, m.recorded_at desc
)
select p.id, p.name, p.identity_masked, p.birth_date, l.relation, f.household_id, f.id, f.file_number, f.status, f.kind
from hit
join person p on p.tenant = :tenant and p.id = hit.id and p.erased_at is null
left join latest l on l.person_id = p.id and l.present
left join worker_file f on f.tenant = :tenant and f.household_id = l.household_id
order by p.pinyin collate "C", p.id
limit :most
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A person that the search box found, with the household's file where there is one; identity masked."""

    person_id: UUID
    name: str
    identity_masked: str | None
    birth_date: date | None
    relation: str | None
    household_id: UUID | None
    file_id: UUID | None
    file_number: str | None
    status: str | None
    kind: str | None


def find(session: Session, text: str, limit: int = 20) -> list[Found]:
    """People whom ``text`` fits, by pinyin. A whole identity number, mobile number or account is compared by its token; all
    else is the beginning of a name, pinyin, initials, last four or file number."""
    plain = squash(text)
    if not plain:
        return []
    hit, value = _question(plain, text)
    bound = {"value": value, "on": current_scope().business_date, "most": limit}
    return [Found(*row) for row in session.execute(tenant_sql(_FOUND.replace("{hit}", hit)), bound)]


def _question(plain: str, text: str) -> tuple[str, object]:
    for kind, form in ((TokenKind.IDENTITY, _IDENTITY), (TokenKind.PHONE, _MOBILE), (TokenKind.ACCOUNT, _ACCOUNT)):
        if form.fullmatch(plain):
            return _BY_TOKEN[kind], tokens().tenant_token(current_scope().tenant, kind, plain)
    word = fold_name(text)
    for sign in ("\\", "%", "_"):
        word = word.replace(sign, "\\" + sign)
    return _BY_WORD, word + "%"
