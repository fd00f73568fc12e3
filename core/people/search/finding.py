"""The search box (查找): people by a name or a part of it, pinyin, initials, last four, file number, a whole number by its
token; employers by name, pinyin, initials, credit code; cases by number or party.

Every branch of the question is an equality or a range on one index and reads at most ``_READ`` rows in the index's order, so
that the commonest surname costs no more than a rare one (docs/decisions/0026-search-and-duplicates.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, case, func, select
from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.people.employers.models import Employer
from core.people.employers.service import fits
from core.people.identity_number import lengthened
from core.people.search.words import INITIALS, LAST, PART
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.text.normalise import NAME_DOT, fold, fold_name, squash
from core.text.pinyin import confused, confused_so_far, name_pinyin, other_pinyin
from core.text.surnames import COMPOUND_SURNAMES
from core.vault.tokens import TokenKind

_IDENTITY: Final = re.compile(r"[0-9]{17}[0-9Xx]")
_OLD_IDENTITY: Final = re.compile(r"[0-9]{15}")
_PHONE: Final = re.compile(r"(?:\+?86)?[0-9]{7,12}")
_ACCOUNT: Final = re.compile(r"[0-9]{16,32}")
_LETTERS: Final = re.compile(r"[a-z]+")
_BETWEEN: Final = re.compile(r"[\s'’`·-]+")
_LAST_FOUR_SO_FAR: Final = re.compile(r"[0-9]{1,3}|[0-9]{3}[0-9Xx]").fullmatch
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_READ: Final = 60
"""Rows that a branch of the question reads, in its index's order."""
_LOOKED_AT: Final = 100
"""Of whom the household is looked up: the best of all branches, which is more than a list shows."""
_END: Final = "\U0010ffff"
_SHORTEST_MISTYPED: Final = 4
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"

EXACT, BEGINS, WITHIN, SOUNDS, CONFUSABLE, MISTYPED = range(6)
"""How well a person fits, best first."""

_BY_COLUMN: Final = "select id from person where tenant = :tenant and"
_BY_WORD: Final = "select subject_id as id from search_token where tenant = :tenant and subject_kind = 'person' and"
_BY_TOKEN: Final = {
    TokenKind.IDENTITY: f"{_BY_COLUMN} identity_token",
    TokenKind.PHONE: f"{_BY_COLUMN} phone_token",
    TokenKind.ACCOUNT: "select worker_id as id from worker_file where tenant = :tenant and account_token",
}
_FOUND: Final = """
with hit as materialized (
    select coalesce(r.survivor_id, c.id) as id, min(c.place) as place
    from ({branches}) c
    left join record_merge r on r.tenant = :tenant and r.merged_id = c.id and r.undone_on is null
    group by 1 order by 2 limit {looked_at}
),
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
order by hit.place / {read}, l.relation is distinct from 'head', p.pinyin, p.id
limit :most
"""
_CASES: Final = """
select distinct subject_id from (
    (select subject_id from search_token where tenant = :tenant and subject_kind = 'case' and token = :word limit :read)
    union all
    (select subject_id from search_token where tenant = :tenant and subject_kind = 'case' and token >= :word and token < :end
        order by token limit :read)
) c limit :most
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


@dataclass(slots=True)
class _Question:
    """Branches of one statement with what they are bound to."""

    branches: list[str] = field(default_factory=list)
    bound: dict[str, object] = field(default_factory=dict)

    def _bind(self, value: object) -> str:
        name = f"v{len(self.bound)}"
        self.bound[name] = value
        return name

    def number(self, kind: TokenKind, value: str) -> None:
        """Whoever has exactly this number."""
        token = tokens().tenant_token(current_scope().tenant, kind, value)
        self._branch(f"{_BY_TOKEN[kind]} = :{self._bind(token)}", EXACT)

    def word(self, word: str, rank: int) -> None:
        """Whoever has exactly this further word."""
        self._branch(f"{_BY_WORD} token = :{self._bind(word)}", rank)

    def further(self, word: str, rank: int) -> None:
        """Whoever has a further word that begins so, in the words' order."""
        self._branch(f"{_BY_WORD} {self._range('token', word)} order by token", rank)

    def exactly(self, column: str, value: str, rank: int) -> None:
        """Whoever has exactly this in a column of his own row."""
        self._branch(f"{_BY_COLUMN} {column} = :{self._bind(value)}", rank)

    def one_of(self, column: str, values: Sequence[str], rank: int) -> None:
        """Whoever has one of these in a column of his own row."""
        self._branch(f"{_BY_COLUMN} {column} = any (cast(:{self._bind(list(values))} as text[]))", rank)

    def begins(self, column: str, value: str, rank: int) -> None:
        """Whose column begins so, in the column's order. Of names that begin so, ``pinyin`` holds the sort keys."""
        self._branch(f"{_BY_COLUMN} {self._range(column, value)} order by {column}", rank)

    def spelt(self, letters: str, rank: int) -> None:
        """Whose pinyin is exactly this: found by its sounds, of which it is one spelling."""
        sounds = self._bind(confused(letters))
        self._branch(f"{_BY_COLUMN} sounds = :{sounds} and spelling = :{self._bind(letters)}", rank)

    def spelt_so_far(self, letters: str, rank: int) -> None:
        """Whose pinyin begins so: found by how its sounds begin."""
        sounds = self._range("sounds", confused_so_far(letters))
        self._branch(f"{_BY_COLUMN} {sounds} and {self._range('spelling', letters)} order by sounds", rank)

    def _range(self, column: str, beginning: str) -> str:
        return f"{column} >= :{self._bind(beginning)} and {column} < :{self._bind(beginning + _END)}"

    def _branch(self, question: str, rank: int) -> None:
        """A place tells the rank, and within it the row's number in its branch."""
        place = f"{rank * _READ} + row_number() over () - 1"
        part = f"(select id, {place} as place from ({question} limit {_READ}) b)"  # noqa: S608 - every value is bound
        self.branches.append(part)

    def statement(self) -> TextClause:
        """All branches as one statement."""
        return tenant_sql(_FOUND.format(branches=" union all ".join(self.branches), read=_READ, looked_at=_LOOKED_AT))


def find(session: Session, text: str, limit: int = 20) -> list[Found]:
    """People whom ``text`` fits, best first, heads of households before members, by pinyin within.

    A whole identity number, telephone or account is compared by its token. Where nobody fits, letters that differ by one from
    what was typed are tried as well.
    """
    bound = {"on": current_scope().business_date, "most": limit}
    for question in questions(text):
        found = [Found(*row) for row in session.execute(question.statement(), question.bound | bound)]
        if found:
            return found
    return []


def find_cases(session: Session, text: str, limit: int = 5) -> list[UUID]:
    """Cases of whose number, or of a party's name, pinyin or initials ``text`` is the beginning; of confidential ones
    those that the actor handles."""
    text = _UNSTORABLE.sub("", text)
    word = _letters(text) or fold_name(text)
    if len(word) < 2:
        return []
    bound = {"word": word, "end": word + _END, "read": _READ, "most": limit}
    return list(session.scalars(tenant_sql(_CASES), bound))


def find_employers(session: Session, text: str, limit: int = 5) -> list[Employer]:
    """Employers whom ``text`` fits: the name or the code itself first, then a beginning, then a part, by pinyin within."""
    text = _UNSTORABLE.sub("", text)
    word = fold(text)
    if not word:
        return []
    name = func.lower(Employer.name)
    place = case(
        ((name == word) | (Employer.credit_code == squash(text).upper()), EXACT),
        (name.startswith(word, autoescape=True), BEGINS),
        else_=WITHIN,
    )
    return list(session.scalars(select(Employer).where(fits(text)).order_by(place, Employer.pinyin, Employer.id).limit(limit)))


def questions(text: str) -> Iterator[_Question]:
    """The questions that ``text`` asks, each where the ones before found nobody; none for an empty text."""
    text = _UNSTORABLE.sub("", text)
    plain = squash(text)
    folded = fold_name(text).lstrip(PART + INITIALS)
    if not plain or not folded:
        return
    letters = _letters(text)
    asked = _Question()
    _numbers(asked, plain)
    asked.word(folded, EXACT)
    if letters != folded:
        asked.further(folded, WITHIN if letters else BEGINS)
    if letters:
        _ask_letters(asked, letters)
    else:
        _ask_beginning(asked, folded)
        if not folded[0].isdigit():
            _ask_within(asked, folded)
    yield asked
    if letters and len(letters) >= _SHORTEST_MISTYPED:
        again = _Question()
        again.one_of("sounds", sorted({confused(one) for one in _one_off(letters)}), MISTYPED)
        yield again


def _numbers(asked: _Question, plain: str) -> None:
    if _IDENTITY.fullmatch(plain):
        asked.number(TokenKind.IDENTITY, plain)
    if _OLD_IDENTITY.fullmatch(plain):
        asked.number(TokenKind.IDENTITY, lengthened(plain))
    if _PHONE.fullmatch(plain.replace("-", "")):
        asked.number(TokenKind.PHONE, plain)
    if _ACCOUNT.fullmatch(plain):
        asked.number(TokenKind.ACCOUNT, plain)
    if _LAST_FOUR_SO_FAR(plain):
        for column in ("last_four", "phone_last_four"):
            asked.begins(column, plain.lower(), EXACT if len(plain) == LAST else BEGINS)


def _letters(text: str) -> str:
    """What was typed as pinyin, without spaces and apostrophes; empty where it is no pinyin."""
    joined = _BETWEEN.sub("", fold_name(text)).replace("ü", "v")
    return joined if _LETTERS.fullmatch(joined) else ""


def _ask_letters(asked: _Question, letters: str) -> None:
    asked.spelt(letters, EXACT)
    asked.word(letters, EXACT)
    asked.begins("initials", f"{letters} ", BEGINS)
    asked.further(f"{INITIALS}{letters} ", BEGINS)
    asked.spelt_so_far(letters, WITHIN)
    asked.further(letters, WITHIN)
    asked.begins("initials", letters, SOUNDS)
    asked.begins("given_name", letters, SOUNDS)
    for sign in (INITIALS, PART):
        asked.further(sign + letters, SOUNDS)
    if len(letters) > 1:
        asked.begins("sounds", confused(letters), CONFUSABLE)


def _ask_beginning(asked: _Question, folded: str) -> None:
    key = name_pinyin(folded).sort_key
    asked.exactly("pinyin", key, EXACT)
    for beginning in sorted({key} | _other_beginnings(folded)):
        asked.begins("pinyin", beginning, BEGINS)


def _ask_within(asked: _Question, folded: str) -> None:
    read = name_pinyin(folded)
    asked.begins("given_name", folded, WITHIN)
    asked.further(PART + folded, WITHIN)
    if len(folded) > 1:
        for spoken in filter(None, [one.full for one in (read, *other_pinyin(folded))]):
            asked.spelt_so_far(spoken, SOUNDS)
            asked.further(spoken, SOUNDS)
        asked.exactly("sounds", confused(read.full), CONFUSABLE)


def _other_beginnings(folded: str) -> set[str]:
    """Sort keys of a name's beginning that is read otherwise where more follows: a compound surname, a name with a dot."""
    dotted = name_pinyin(folded + NAME_DOT).sort_key.removesuffix(f" {NAME_DOT * 2}")
    compound = {
        " ".join(map("".join, zip(readings[: len(folded)], folded, strict=True)))
        for surname, readings in COMPOUND_SURNAMES.items()
        if surname.startswith(folded)
    }
    return compound | {dotted}


def _one_off(letters: str) -> set[str]:
    """All spellings with one letter more, less or other than ``letters``, or two that stand side by side changed round."""
    cuts = [(letters[:place], letters[place:]) for place in range(len(letters) + 1)]
    less = {head + tail[1:] for head, tail in cuts if tail}
    turned = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    other = {head + letter + tail[1:] for head, tail in cuts if tail for letter in _ALPHABET}
    more = {head + letter + tail for head, tail in cuts for letter in _ALPHABET}
    return less | turned | other | more
