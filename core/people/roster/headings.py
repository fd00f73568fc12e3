"""What a heading says: folded, without numbering, stars and brackets; the field it names, whose it is, in which unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from core.people.roster.fields import BY_CODE, FIELDS, ROLES, Field
from core.people.roster.problems import named
from core.text.normalise import fold, squash

How = Literal["official", "synonym", "remembered", "guessed", "content", "place", "doubled", "unknown", "left"]

_NUMBERING: Final = re.compile(r"^(?:\(?\d{1,2}[)、.．](?!\d)|\(?[一二三四五六七八九十]{1,3}[)、.])")
_CIRCLED: Final = re.compile(r"^[\s*★☆※#]*[①-⑳]")
_STARS: Final = re.compile(r"[*★☆※#]|\(?(?:必填|选填|必填项)\)?")
_BRACKETS: Final = re.compile(r"[(\[【〔{]([^()\[\]【】〔〕{}]*)[)\]】〕}]")
_UNIT_TAIL: Final = re.compile(r"[:,/]?(?:单位[:]?)?(万元|千元|元|平方米|㎡|m2)(?:/(年|月))?$")
_ORDINAL: Final = {zh: number for number, zh in enumerate("一二三四五六七八九十", start=1)}
_ROLE_WORDS: Final = sorted(((word, role) for role in ROLES for word in role.words), key=lambda pair: -len(pair[0]))
_MOST_MEMBERS: Final = 20

_AMOUNTS: Final = {"万元": 10_000, "万": 10_000, "千元": 1_000, "元": 1}
_PERIODS: Final = {"年": "year", "每年": "year", "月": "month", "每月": "month", "全年": "year"}


@lru_cache(maxsize=8192)
def heading_key(heading: str) -> str:
    """A heading as it is compared and remembered: ``" * 1、身份证\\n号码（必填）"`` becomes ``身份证号码``."""
    plain = squash(fold(_CIRCLED.sub("", heading)))
    plain = _STARS.sub("", plain)
    plain = _NUMBERING.sub("", plain)
    return named(plain.strip(":：;,、.。-_"))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a heading means: ``target`` (None where nothing is known by it), how it was found, how amounts are converted."""

    target: str | None
    how: How
    times: int = 1
    """Amounts in the column are multiplied by this, and divided by ``parts``."""
    parts: int = 1


UNKNOWN: Final = Meaning(None, "unknown")


def _table() -> dict[str, tuple[Field, How, bool]]:
    """Keys of headings with their field, whether they are official, and whether they name the other period."""
    found: dict[str, tuple[Field, How, bool]] = {}
    for field in FIELDS:
        for word, how, other in (
            (field.zh, "official", False),
            *((word, "synonym", False) for word in field.also),
            *((word, "synonym", True) for word in field.other_period),
        ):
            former = found.setdefault(heading_key(word), (field, how, other))  # type: ignore[arg-type]  # a literal of How
            if former[0] is not field:
                raise ValueError(f"the heading {word} names two fields: {former[0].code} and {field.code}")
    return found


HEADINGS: Final = _table()


@lru_cache(maxsize=8192)
def plain_meaning(key: str) -> Meaning:
    """The meaning of one heading by itself, without asking whose it is."""
    found = HEADINGS.get(key)
    if found is not None:
        return _converted(found, [])
    hints = _BRACKETS.findall(key)
    base = _BRACKETS.sub("", key).strip(":")
    tail = _UNIT_TAIL.search(base)
    if tail and base != tail[0]:
        hints.append(tail[0].strip(":,/"))
        base = base[: tail.start()]
    found = HEADINGS.get(base)
    return UNKNOWN if found is None else _converted(found, hints)


def _converted(found: tuple[Field, How, bool], hints: Sequence[str]) -> Meaning:
    field, how, other = found
    if field.holds not in ("money", "sum"):
        return Meaning(field.code, how)
    times, period = 1, field.period
    if other:
        period = "year" if field.period == "month" else "month"
    for hint in hints:
        for part in re.split(r"[/,，、:]", hint.replace("单位", "")):
            times = _AMOUNTS.get(part, times)
            period = _PERIODS.get(part, period)  # type: ignore[assignment]  # the values are periods
    parts = 1
    if field.period and period != field.period:
        if field.period == "month":
            parts = 12
        else:
            times *= 12
    return Meaning(field.code, how, times, parts)


@lru_cache(maxsize=8192)
def role_of(key: str) -> tuple[str, str]:
    """Whom a key speaks of and what is left of it: ``家庭成员2姓名`` gives ``member2`` and ``姓名``; ("", key) else."""
    for word, role in _ROLE_WORDS:
        if not key.startswith(word):
            continue
        rest = key[len(word) :]
        number, rest = _number(rest)
        if not number and rest[-1:].isdecimal() and rest[:-1] and not rest[:-1].isdecimal():
            number, rest = int(rest[-1]), rest[:-1]
        if number and not (role.many and number <= _MOST_MEMBERS):
            continue
        rest = rest.lstrip("的:-_/.")
        return f"{role.code}{number}" if number > 1 else role.code, rest
    return "", key


def _number(rest: str) -> tuple[int, str]:
    """A number at the beginning of ``rest``, in brackets or not, Chinese or not, and what follows it."""
    match = re.match(r"\(?(\d{1,2}|[一二三四五六七八九十])\)?", rest)
    if not match:
        return 0, rest
    number = int(match[1]) if match[1].isdecimal() else _ORDINAL[match[1]]
    return number, rest[match.end() :]


def meaning_of(path: Sequence[str]) -> Meaning:
    """The meaning of a heading with the merged headings above it, outermost first."""
    keys = [key for key in map(heading_key, path) if key]
    if not keys:
        return UNKNOWN
    whole, last = "".join(keys), keys[-1]
    for tried in dict.fromkeys((whole, last)):
        # The office's own word first: 职工编号 is a column of the form, not the number of a worker of the row.
        found = plain_meaning(tried)
        if found.target is not None and (tried == whole or len(keys) == 1):
            return found
    role = ""
    for key in keys[:-1]:
        above, rest = role_of(key)
        if above and not rest:
            role = above
    own, rest = role_of(last)
    found = plain_meaning(rest) if own and rest else UNKNOWN
    if found.target is not None:
        return of_role(found, own if not role or own != "head" else role)
    found = plain_meaning(last)
    if found.target is None and last[-1] in "0123456789" and len(keys) == 1:
        return _numbered(last)
    if found.target is None and len(keys) > 1:
        found = next((tried for tried in map(plain_meaning, (keys[-2] + last, last + keys[-2])) if tried.target), UNKNOWN)
    return of_role(found, role) if found.target is not None else UNKNOWN


def _numbered(key: str) -> Meaning:
    """``姓名2``: a person of the row by number alone."""
    base = key.rstrip("0123456789")
    number, found = int(key[len(base) :]), plain_meaning(base)
    if found.target is None or not BY_CODE[found.target].of_person or not 0 < number <= _MOST_MEMBERS:
        return UNKNOWN
    return of_role(found, "member" if number == 1 else f"member{number}")


def of_role(found: Meaning, role: str) -> Meaning:
    """``found`` said of the persons of a role; what is the household's has no role."""
    if found.target is None or not role or not BY_CODE[found.target].of_person:
        return found
    return Meaning(f"{role}:{found.target}", found.how, found.times, found.parts)
