"""Employers (用人单位): each county's list, tests of the firm (domain 3.1), their workers seen as one matter (domain 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.persons import text_of
from core.people.employers.models import Employer, EmployerChange, EmployerTest
from core.people.entry import Faults, Item, read, shown
from core.people.life.steps import ENDED
from core.people.models import Person, WorkerFile
from core.scope import current_scope
from core.text.normalise import fold, squash
from core.text.pinyin import place_pinyin
from core.trail.service import record

ITEMS: Final = (
    Item("name", "单位名称", "name", required=True),
    Item("credit_code", "统一社会信用代码", "unified social credit code", most=30, hint_zh="18 位；老企业没有的可以不填"),
    Item("nature", "单位性质", "nature", "code", codes="employer_nature"),
    Item("industry", "所属行业", "industry", "code", codes="industry"),
    Item("condition", "企业状况", "condition", "code", codes="employer_condition"),
    Item("loss_years", "亏损年度", "years that closed with a loss", most=200, hint_zh="如 2023、2024；连续两年以上为经营困难"),
    Item("bankrupt_on", "法院宣告破产日期", "declared bankrupt on", "date"),
    Item("court_reference", "裁定书案号", "reference of the court's ruling"),
    Item("allowance_unpaid", "基本生活费未按规定发放", "basic living allowance not paid as prescribed", "yes_no"),
    Item("contact_name", "联系人", "contact", most=50),
    Item("office_phone", "办公电话", "office telephone", most=30, hint_zh="单位的办公电话，不填个人手机"),
    Item("address", "单位地址", "address", most=200),
)
TEST_ITEMS: Final = (
    Item("tested_on", "核查日期", "day of the test", "date", required=True),
    Item("workers", "在册职工人数", "workers on the books", "number", required=True),
    Item("below_line", "家庭人均生活费低于当地低保标准的人数", "of them below the standard", "number", required=True),
    Item("evidence", "依据材料", "evidence", "long_text", required=True, most=1_000, hint_zh="材料名称、文号或编号"),
)
_EARLIEST_YEAR: Final = 1990
_MATTERS: Final = """
select c.plugin, count(distinct c.id) as open from worker_file f
join party p on p.tenant = :tenant and (p.household_id = f.household_id or p.person_id = f.worker_id)
join case_record c on c.tenant = :tenant and c.id = p.case_id and c.closed_on is null and c.handlers is null
where f.tenant = :tenant and f.employer_id = :employer and f.status not in ('moved', 'died', 'cancelled')
group by c.plugin order by c.plugin
"""


@dataclass(frozen=True, slots=True)
class EmployerRow:
    """A line in the list: the employer with how many files of its workers are alive."""

    employer: Employer
    files: int


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker of an employer with the household's file."""

    household_id: UUID
    name: str
    file_number: str
    status: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class EmployerView:
    """An employer as its page shows it. ``matters`` counts the open cases of its workers by line; sealed ones never count."""

    employer: Employer
    tests: Sequence[EmployerTest]
    changes: Sequence[EmployerChange]
    workers: Sequence[WorkerLine]
    files: int
    matters: Mapping[str, int]
    difficulty: Sequence[str]


def in_difficulty(employer: Employer, latest: EmployerTest | None) -> list[str]:
    """What of domain 3.1 holds of the firm: ``losses`` (two or more years running), ``bankrupt``, ``allowance_unpaid``,
    ``majority_below``; a firm in difficulty whose workers the centre helps has one of the first two and both others."""
    years = set(employer.loss_years)
    found = ["losses"] if any(year + 1 in years for year in years) else []
    found += ["bankrupt"] if employer.bankrupt_on is not None else []
    found += ["allowance_unpaid"] if employer.allowance_unpaid else []
    return found + (["majority_below"] if latest is not None and latest.majority else [])


def save_employer(
    session: Session, employer_id: UUID | None, filled: Mapping[str, str], *, reason: str = "", version: int | None = None
) -> Employer:
    """Put an employer on the list, or change it, from what was typed by names of ``ITEMS``; what changed stays on record.

    Raises ``Refused`` with all faults, ``Conflict`` for a credit code that is on the list or where ``version`` is not the
    present one, ``NotFound``, ``Forbidden`` without people.write.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    faults = Faults()
    values = read(ITEMS, filled, faults, on=scope.business_date)
    values = _checked(values, faults, scope.business_date)
    faults.raise_any()
    employer = _locked(session, employer_id) if employer_id else None
    if employer is not None and version is not None and version != employer.version:
        raise Conflict(
            "此单位的信息已被他人更改", "the employer was changed meanwhile", where="version",
            mend_zh="请对照现在登记的内容核对后再保存", mend_en="compare with what is recorded now",
        )  # fmt: skip
    _refuse_twin(session, employer_id, values["credit_code"])
    values |= _readings(values["name"])
    if employer is None:
        employer = Employer(**values)
        session.add(employer)
        session.flush()
        record(session, "employer.added", "employer", employer.id, {})
        return employer
    why = text_of(reason, "reason", "更改原因", 500)
    changed = _apply(employer, values)
    if changed:
        employer.version += 1
        session.add(
            EmployerChange(
                employer_id=employer.id, changed=changed, reason=why, actor=scope.actor, business_date=scope.business_date
            )
        )
        _rename(session, employer)
        record(session, "employer.changed", "employer", employer.id, {"fields": sorted(changed)})
    session.flush()
    return employer


def _checked(values: dict[str, Any], faults: Faults, on: date) -> dict[str, Any]:
    code = squash(values.get("credit_code") or "").upper()
    if code:
        try:
            values["credit_code"] = str(uscc.validate(code))
        except ValidationError:
            zh = "代码不正确：应为 18 位，且末位校验码须相符"
            en = "the code has 18 characters and its check digit must fit"
            faults.add("credit_code", "统一社会信用代码", zh, en, "请与营业执照核对", "compare it with the licence")
    else:
        values["credit_code"] = None
    years = [
        part
        for part in fold(values.get("loss_years") or "").replace("、", ",").replace("，", ",").replace(" ", ",").split(",")
        if part
    ]
    if all(part.isdigit() and len(part) == 4 and _EARLIEST_YEAR <= int(part) <= on.year for part in years):
        values["loss_years"] = sorted({int(part) for part in years})
    else:
        faults.add("loss_years", "亏损年度", "请填写四位年度，用顿号分开", "years of four digits, with commas between")
    if "bankrupt_on" in values and (values["bankrupt_on"] is None) != (values.get("court_reference") is None):
        faults.add(
            "court_reference", "裁定书案号", "破产日期和裁定书案号须同时填写", "give the day and the court's reference together"
        )
    return values


def _readings(name: str) -> dict[str, str]:
    read = place_pinyin(name)
    return {"pinyin": read.sort_key, "spoken": read.full, "initials": read.initials}


def _refuse_twin(session: Session, employer_id: UUID | None, code: str | None) -> None:
    if code is None:
        return
    twin = session.scalar(select(Employer).where(Employer.credit_code == code, Employer.id != employer_id))
    if twin is not None:
        raise Conflict(
            f"此代码已登记为“{twin.name}”", f"the code is on the list as {twin.name}", where="credit_code",
            mend_zh="请打开该单位；名称有变的，更改其名称", mend_en="open that employer and change its name",
        )  # fmt: skip


def _apply(employer: Employer, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    plain = {item.name: item for item in ITEMS}
    changed: dict[str, list[Any]] = {}
    for name, value in values.items():
        former = getattr(employer, name)
        if former != value:
            setattr(employer, name, value)
            if name in plain:
                changed[name] = [_plain(former), _plain(value)]
    return changed


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _rename(session: Session, employer: Employer) -> None:
    """Files that are linked show what the list says; those that have ended keep what they had."""
    session.flush()
    session.execute(
        tenant_sql(
            "update worker_file f set employer_name = e.name, employer_nature = e.nature, employer_condition = e.condition,"
            " industry = e.industry, version = f.version + 1 from employer e"
            " where f.tenant = :tenant and e.tenant = :tenant and e.id = :employer and f.employer_id = e.id"
            " and f.status not in ('moved', 'died', 'cancelled')"
        ),
        {"employer": employer.id},
    )


def record_test(session: Session, employer_id: UUID, filled: Mapping[str, str]) -> EmployerTest:
    """Record a test of the firm with its day, counts and evidence (domain 3.1). Raises ``Refused``, ``NotFound``."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    employer, faults = _locked(session, employer_id), Faults()
    values = read(TEST_ITEMS, filled, faults, on=scope.business_date)
    if values.get("workers") == 0:
        faults.add("workers", "在册职工人数", "应大于 0", "there is at least one")
    elif "below_line" in values and "workers" in values and values["below_line"] > values["workers"]:
        faults.add("below_line", "低于标准的人数", "不能多于在册职工人数", "not more than there are workers")
    faults.raise_any()
    test = EmployerTest(employer_id=employer.id, actor=scope.actor, **values)
    session.add(test)
    session.flush()
    record(session, "employer.tested", "employer", employer.id, {"tested_on": test.tested_on, "majority": test.majority})
    return test


def _locked(session: Session, employer_id: UUID) -> Employer:
    found = session.scalar(select(Employer).where(Employer.id == employer_id).with_for_update())
    if found is None:
        raise NotFound("没有这个单位", "no such employer", where="employer_id")
    return found


def list_employers(session: Session, asked: str = "", after: UUID | None = None, limit: int = 50) -> list[EmployerRow]:
    """Employers by pinyin behind the one named: whose name holds ``asked``, whose pinyin or initials begin with it, or whose
    credit code it is."""
    sort = Employer.pinyin.collate("C")
    wanted = select(Employer).order_by(sort, Employer.id).limit(limit)
    if fold(asked):
        wanted = wanted.where(fits(asked))
    if after is not None:
        last = session.scalar(select(Employer.pinyin).where(Employer.id == after))
        wanted = wanted.where(tuple_(sort, Employer.id) > tuple_(last, after)) if last is not None else wanted
    employers = session.scalars(wanted).all()
    counted = dict(
        session.execute(
            select(WorkerFile.employer_id, func.count())
            .where(WorkerFile.employer_id.in_([one.id for one in employers]), WorkerFile.status.not_in(ENDED))
            .group_by(WorkerFile.employer_id)
        ).all()
    )  # fmt: skip
    return [EmployerRow(one, counted.get(one.id, 0)) for one in employers]


def fits(asked: str) -> ColumnElement[bool]:
    """Whether an employer is asked for: by a part of its name, the beginning of its pinyin or initials, or its credit code."""
    word = fold(asked)
    return or_(
        func.lower(Employer.name).contains(word, autoescape=True),
        Employer.spoken.startswith(word, autoescape=True),
        Employer.initials.startswith(word, autoescape=True),
        Employer.credit_code == squash(asked).upper(),
    )


def named(session: Session, name: str) -> Employer | None:
    """The employer whose name was typed on a form, to offer the link; None where none or several bear it."""
    found = session.scalars(select(Employer).where(func.lower(Employer.name) == name.strip().lower()).limit(2)).all()
    return found[0] if len(found) == 1 else None


def employer_view(session: Session, employer_id: UUID, after: UUID | None = None, limit: int = 50) -> EmployerView:
    """An employer with its tests, changes, and a page of its workers' files. Raises ``NotFound``, ``Forbidden`` without
    people.read."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.read")
    employer = session.scalar(select(Employer).where(Employer.id == employer_id))
    if employer is None:
        raise NotFound("没有这个单位", "no such employer", where=str(employer_id))
    newest = (EmployerTest.tested_on.desc(), EmployerTest.recorded_at.desc())
    tests = session.scalars(select(EmployerTest).where(EmployerTest.employer_id == employer_id).order_by(*newest)).all()
    changes = select(EmployerChange).where(EmployerChange.employer_id == employer_id).order_by(EmployerChange.id.desc())
    lines = (
        select(WorkerFile.household_id, Person.name, WorkerFile.file_number, WorkerFile.status, WorkerFile.kind)
        .join(Person, (Person.tenant == WorkerFile.tenant) & (Person.id == WorkerFile.worker_id))
        .where(WorkerFile.employer_id == employer_id)
        .order_by(WorkerFile.household_id)
        .limit(limit)
    )
    if after is not None:
        lines = lines.where(WorkerFile.household_id > after)
    alive = select(func.count()).select_from(WorkerFile)
    alive = alive.where(WorkerFile.employer_id == employer_id, WorkerFile.status.not_in(ENDED))
    return EmployerView(
        employer=employer,
        tests=tests,
        changes=session.scalars(changes.limit(100)).all(),
        workers=[WorkerLine(*row) for row in session.execute(lines)],
        files=session.scalar(alive) or 0,
        matters=_matters(session, employer_id),
        difficulty=in_difficulty(employer, tests[0] if tests else None),
    )


def _matters(session: Session, employer_id: UUID) -> dict[str, int]:
    """Open cases of the employer's workers by line, of the lines that the post reads."""
    scope = current_scope()
    if not (scope.is_system or scope.may("case.read")):
        return {}
    rows = session.execute(tenant_sql(_MATTERS), {"employer": employer_id})
    return {row.plugin: row.open for row in rows if scope.is_system or scope.reads_line(row.plugin)}


def link_columns(session: Session, employer_id: UUID | None) -> dict[str, Any]:
    """What a file takes over from the employer chosen for it; nothing where none is. Raises ``InvalidInput``."""
    if employer_id is None:
        return {}
    employer = session.scalar(select(Employer).where(Employer.id == employer_id))
    if employer is None:
        raise InvalidInput("没有这个单位", "no such employer", where="employer_id", mend_zh="请重新选择单位")
    return {
        "employer_id": employer.id,
        "employer_name": employer.name,
        "employer_nature": employer.nature,
        "employer_condition": employer.condition,
        "industry": employer.industry,
    }


def as_filled(employer: Employer) -> dict[str, str]:
    """The employer as its form writes it."""
    told = {item.name: shown(item, getattr(employer, item.name)) for item in ITEMS if item.name != "loss_years"}
    return told | {"loss_years": "、".join(map(str, employer.loss_years))}
