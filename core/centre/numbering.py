"""How files, cases and payment batches are numbered (编号规则): a pattern of fixed text and a few named parts.

``{county}-{year}-{seq:05d}``: ``county`` is the tenant's code, ``year`` the business year, ``line`` the letters of a case's
workflow, ``seq`` the running number of the year, filled up with zeros. All parts but ``line`` and ``seq`` have one length, the
one is letters and the other digits: two numbers of one pattern are never the same. Nothing else is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sqlalchemy import ColumnElement, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import Numeric, Text

from core.cases.models import Case, SealedCase
from core.funds.models import PaymentBatch
from core.people.models import WorkerFile
from core.scope import current_scope
from core.tenancy.models import TenantCounter
from core.tenancy.service import next_numbers

What = Literal["file", "case", "batch"]
LONGEST = 40
_PART = re.compile(r"\{(county|year|line|seq:0([1-9])d)\}|([^{}]+)")
_FIXED = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\-/_.〔〕（）()第号字]+")
_BORNE: Mapping[What, tuple[InstrumentedAttribute[str], ...]] = {
    "file": (WorkerFile.file_number,),
    "case": (Case.number, SealedCase.number),
    "batch": (PaymentBatch.number,),
}
_COUNTERS: Mapping[What, str] = {"file": "worker_file", "case": "case:", "batch": "payment_batch"}


class BadPattern(ValueError):
    """A pattern that would not give each its own number; the text says why, in Chinese."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was checked: names of parts and fixed texts in their order."""

    parts: tuple[tuple[str, str], ...]
    width: int

    def number(self, county: str, year: int, seq: int, line: str = "") -> str:
        """The number of ``seq``."""
        values = {"county": county, "year": f"{year:04d}", "line": line, "seq": f"{seq:0{self.width}d}"}
        return "".join(values[name] if name else text for name, text in self.parts)

    def regex(self, county: str, year: int) -> str:
        """What all numbers of a year look like, with the running number as the only group; for PostgreSQL as for Python."""
        values = {"county": county, "year": f"{year:04d}", "line": "[A-Z]+", "seq": f"([0-9]{{{self.width},}})"}
        return "^" + "".join(values[name] if name else re.escape(text) for name, text in self.parts) + "$"


@lru_cache(maxsize=512)
def parse(text: str, what: What) -> Pattern:
    """Read a pattern; raises ``BadPattern``."""
    parts: list[tuple[str, str]] = []
    width, at = 0, 0
    for found in _PART.finditer(text):
        if found.start() != at:
            break
        at = found.end()
        name = (found[1] or "").partition(":")[0]
        if name == "seq":
            width = int(found[2])
        if not name and not _FIXED.fullmatch(found[3]):
            raise BadPattern("固定文字只能用汉字、字母、数字和 - / _ . 〔〕（）")
        parts.append((name, found[3] or ""))
    if at != len(text):
        raise BadPattern("花括号内只能是 {county}、{year}、{line} 或 {seq:04d} 这样的项目")
    _check([name for name, _ in parts if name], what)
    if what == "case" and any(re.search(r"[A-Z]", fixed) for _, fixed in parts):
        raise BadPattern("固定文字不能用大写字母，以免与业务代号混淆")
    pattern = Pattern(tuple(parts), width)
    if len(pattern.number("510104", 2025, 10 ** max(width, 6), "ABC")) > LONGEST:
        raise BadPattern(f"编号过长，不能超过 {LONGEST} 个字")
    return pattern


def _check(names: list[str], what: What) -> None:
    if names.count("seq") != 1:
        raise BadPattern("须有一个流水号，如 {seq:04d}")
    if "year" not in names:
        raise BadPattern("须有年度 {year}：流水号每年从 1 起")
    if names.count("line") != (what == "case"):
        raise BadPattern("须有一个业务代号 {line}" if what == "case" else "只有个案编号可以用业务代号 {line}")
    if len(names) != len(set(names)):
        raise BadPattern("同一项目只能出现一次")


def borne(session: Session, what: What, numbers: Iterable[str]) -> set[str]:
    """Those of ``numbers`` that somebody bears already."""
    wanted = list(numbers)
    found: set[str] = set()
    for column in _BORNE[what]:
        found |= set(session.scalars(select(column).where(column == any_(literal(wanted, ARRAY(Text))))))
    return found


def draw(session: Session, what: What, year: int, count: int, *, line: str = "") -> list[str]:
    """The next ``count`` numbers of files, of cases of a ``line``, or of payment batches, by the pattern that holds today.

    A number that somebody bears already, by another pattern or brought along, is passed over. The counter stays locked until
    the commit.
    """
    from core.centre.settings import centre_settings

    pattern = parse(centre_settings(session).pattern_of(what), what)
    county, counter = current_scope().tenant, _COUNTERS[what] + line
    drawn: list[str] = []
    while len(drawn) < count:
        series = next_numbers(session, counter, year, count - len(drawn))
        made = [pattern.number(county, year, seq, line) for seq in series]
        taken = borne(session, what, made)
        drawn += [number for number in made if number not in taken]
    return drawn


def collision(session: Session, what: What, text: str, year: int) -> str | None:
    """A number that somebody of the tenant in scope bears and that the pattern would give again; None where there is none."""
    pattern = parse(text, what)
    regex = pattern.regex(current_scope().tenant, year)
    for column in _BORNE[what]:
        seq = func.substring(column, regex).cast(Numeric)
        ahead = select(column).where(column.regexp_match(regex), seq > _last(what, column, year)).limit(1)
        if (found := session.scalar(ahead)) is not None:
            return found
    return None


def _last(what: What, column: InstrumentedAttribute[str], year: int) -> ColumnElement[int]:
    """The last running number that the counter of a number gave; a case's counter is that of its letters."""
    kind = literal(_COUNTERS["case"]).concat(func.substring(column, "[A-Z]+")) if what == "case" else literal(_COUNTERS[what])
    last = select(TenantCounter.last).where(
        TenantCounter.tenant == current_scope().tenant, TenantCounter.kind == kind, TenantCounter.year == year
    )
    return func.coalesce(last.scalar_subquery(), 0)


def line_of_case(number: str) -> str:
    """The letters of the workflow in a case's number, whatever the pattern that it was given by."""
    found = re.search(r"[A-Z]+", number)
    return found[0] if found else ""
