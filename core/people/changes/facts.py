"""What a clerk records of a person or a household from a day on (核实与更正), and what stands on the file itself.

Facts are added and never overwritten: what was decided on former ones can still be seen. The file's version tells whether
somebody else changed the household meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BangfuError, Conflict, InvalidInput, NotFound
from core.people import townships
from core.people.changes.act import locked_files
from core.people.changes.membership import ADDRESS_LENGTH
from core.people.damage import whole_key
from core.people.employers.service import link_columns
from core.people.entry import Fault, Faults, Item, Refused, read
from core.people.models import CIRCUMSTANCES, INCOME_LINES, Household, HouseholdFact, Person, PersonFact, WorkerFile
from core.people.repository import latest_facts, members_on
from core.people.sealing import Sealer
from core.rules.batch import MAX_FEN
from core.scope import current_scope
from core.trail.service import record
from core.vault import masking
from core.vault.sensitive import Sensitive
from core.vault.tokens import TokenKind, normalised

SOURCES: Final = ("correction", "visit")
PERSON_ITEMS: Final = (
    Item("income_wage_fen", "工资性收入", "wages", "money"),
    Item("income_business_fen", "经营净收入", "net business income", "money"),
    Item("income_property_fen", "财产净收入", "net property income", "money"),
    Item("income_pension_fen", "职工养老金（离退休金）", "pension of employees", "money"),
    Item("residents_pension_fen", "城乡居民基础养老金", "residents' basic pension", "money"),
    Item("income_transfer_fen", "其他转移净收入", "other net transfers", "money"),
    Item("income_union_grant_fen", "工会帮扶金", "grants of unions", "money", hint_zh="折算为每月；节日小额慰问不计"),
    Item("income_other_fen", "其他应计入的收入", "other countable income", "money"),
    Item("income_unsorted_fen", "未分项收入", "income not told apart", "money", hint_zh="只有一个合计数时填写"),
    Item("identity_status", "身份", "standing", "code", codes="identity_status"),
    Item("employment_status", "就业状况", "work status", "code", codes="employment_status"),
    Item("employment_since", "就业状况起始日", "since", "date"),
    Item("able_to_work", "有劳动能力", "able to work", "yes_no"),
    Item("unit_or_school", "单位或学校", "unit or school"),
    Item("education", "学历", "education", "code", codes="education"),
    Item("aided_elsewhere", "已获其他助学", "aided elsewhere for schooling", "yes_no"),
    Item("medical_insurance", "医疗保险", "medical insurance", "code", codes="medical_insurance_kind"),
    Item("health_status", "健康状况", "health", "code", codes="health_status_form"),
    Item("disability_kind", "残疾类别", "kind of disability", "code", codes="disability_kind"),
    Item("disability_grade", "残疾等级", "grade of disability", "code", codes="disability_grade"),
)
HOUSEHOLD_ITEMS: Final = (
    Item("other_yearly_income_fen", "家庭其他年收入", "other yearly income", "money"),
    Item("cost_illness_fen", "因病刚性支出", "illness", "money"),
    Item("cost_disability_fen", "因残刚性支出", "disability", "money"),
    Item("cost_schooling_fen", "因学刚性支出", "schooling", "money"),
    Item("cost_housing_fen", "住房刚性支出", "housing", "money"),
    Item("cost_long_term_care_fen", "长期照料费用", "long-term care", "money"),
    Item("cost_work_cost_fen", "必要就业成本", "necessary cost of working", "money"),
    Item("cost_other_fen", "其他刚性支出", "other", "money"),
    Item("property_flags", "财产情形", "property", "codes", codes="property_exclusion"),
    Item("loss_fen", "意外损失", "loss", "money"),
    Item("compensation_fen", "已获赔偿（补偿）", "compensation", "money"),
)
FILE_ITEMS: Final = (
    Item("employer_name", "工作单位", "employer"),
    Item("employer_nature", "单位性质", "nature of the employer", "code", codes="employer_nature"),
    Item("employer_condition", "企业状况", "condition of the employer", "code", codes="employer_condition"),
    Item("industry", "所属行业", "industry", "code", codes="industry"),
    Item("work_started_on", "参加工作时间", "began to work on", "date"),
    Item("model_worker_rank", "劳模类型", "rank of model worker", "code", codes="model_worker_rank"),
    Item("categories", "帮扶对象类别", "whom the centre helps", "codes", codes="worker_category"),
    Item("single_parent", "单亲家庭", "single parent", "yes_no"),
    Item("self_help_ability", "有自救能力", "able to help itself", "yes_no"),
    Item("zero_employment", "零就业家庭", "nobody employed", "yes_no"),
    Item("main_cause", "主要致困原因", "main cause", "code", codes="main_cause"),
    Item("secondary_causes", "次要致困原因", "secondary causes", "codes", codes="main_cause", most=3),
    Item("other_contact", "其他联系方式", "other contact"),
    Item("bank_name", "开户银行", "bank"),
    Item("bank_branch", "支行名称", "branch"),
    Item("remark", "备注", "remark", "long_text", most=500),
)
"""What stands on the file itself. The account is typed apart: it is sealed and never written back into a form."""
PERSON_ROW_ITEMS: Final = (
    Item("ethnic_group", "民族", "ethnic group", "code", codes="ethnic_group"),
    Item("political_status", "政治面貌", "political status", "code", codes="political_status_form"),
    Item("marital_status", "婚姻状况", "marital status", "code", codes="marital_status_form"),
    Item("registration_kind", "户口类型", "registration", "code", codes="household_registration_kind"),
)
TOWNSHIP: Final = Item(
    "township", "乡镇（街道）", "township", most=townships.MOST, hint_zh="如：书院街道；不填的按住址识别，识别不了的留空"
)
"""Stands on the file: households are listed by it. An address that names it fills it in."""
HOUSING_ITEMS: Final = (
    Item("postcode", "邮编", "postcode", most=6),
    Item("housing_kind", "住房类型", "housing", "code", codes="housing_kind"),
)


def record_person_facts(
    session: Session,
    household_id: UUID,
    person_id: UUID,
    filled: Mapping[str, str],
    *,
    valid_from: date,
    source: str,
    version: int | None = None,
) -> PersonFact:
    """Record what is so of a member from a day on; a name of ``PERSON_ITEMS`` that is not in ``filled`` stays as known for
    that day. Raises ``Refused`` with all faults, ``Conflict`` where ``version`` is not the file's, ``NotFound``."""
    file = _open_file(session, household_id, version)
    _refuse_day_and_source(valid_from, source)
    belongs = members_on(session, household_id, max(valid_from, current_scope().business_date))
    if person_id not in belongs and person_id not in members_on(session, household_id, valid_from):
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    former = latest_facts(session, [person_id], valid_from).get(person_id)
    values = _told(PERSON_ITEMS, filled)
    _refuse_sum(sum(values.get(line) or 0 for line in INCOME_LINES))
    kept = {name: getattr(former, name) for name in (*INCOME_LINES, *CIRCUMSTANCES)} if former else {}
    if (values.get("disability_grade") or kept.get("disability_grade")) and not (
        values["disability_kind"] if "disability_kind" in values else kept.get("disability_kind")
    ):
        raise _fault("disability_kind", "残疾类别", "填写残疾等级的须选择残疾类别", "a grade needs a kind of disability")
    fact = PersonFact(person_id=person_id, valid_from=valid_from, source=source, **kept | values)
    session.add(fact)
    _touch(session, file, "people.facts_recorded", {"person": person_id, "valid_from": valid_from, "source": source})
    return fact


def record_household_facts(
    session: Session,
    household_id: UUID,
    filled: Mapping[str, str],
    *,
    valid_from: date,
    source: str,
    version: int | None = None,
) -> HouseholdFact:
    """Record what is so of a household from a day on: costs, property, loss. As ``record_person_facts``."""
    file = _open_file(session, household_id, version)
    _refuse_day_and_source(valid_from, source)
    values = _told(HOUSEHOLD_ITEMS, filled)
    former = latest_household_fact(session, household_id, valid_from)
    kept = {item.name: getattr(former, item.name) for item in HOUSEHOLD_ITEMS} if former else {}
    fact = HouseholdFact(household_id=household_id, valid_from=valid_from, source=source, **kept | values)
    session.add(fact)
    _touch(session, file, "people.facts_recorded", {"valid_from": valid_from, "source": source})
    return fact


def latest_household_fact(session: Session, household_id: UUID, on: date) -> HouseholdFact | None:
    """What was so of the household on a day, as known now."""
    return session.scalar(
        select(HouseholdFact)
        .where(HouseholdFact.household_id == household_id, HouseholdFact.valid_from <= on)
        .order_by(HouseholdFact.valid_from.desc(), HouseholdFact.recorded_at.desc())
        .limit(1)
    )


def change_particulars(
    session: Session,
    household_id: UUID,
    filled: Mapping[str, str],
    *,
    employer_id: UUID | None = None,
    account: str = "",
    version: int | None = None,
) -> WorkerFile:
    """Change what stands on the file: names of ``FILE_ITEMS``, the account (银行卡号, sealed) where one is typed, the employer.

    With an employer of the list, the file takes its name, nature, condition and industry from there; a name that differs from
    the one that was linked ends the link. Raises as ``record_person_facts``, and ``SealedDamaged`` for an account.
    """
    file = _open_file(session, household_id, version)
    values = _told(FILE_ITEMS, filled)
    if values.get("main_cause") is not None and values["main_cause"] in values.get("secondary_causes", []):
        raise _fault("secondary_causes", "次要致困原因", "与主要致困原因重复", "the main cause is among them")
    if employer_id is not None:
        values |= link_columns(session, employer_id)
    elif "employer_name" in values and values["employer_name"] != file.employer_name:
        values["employer_id"] = None
    if account.strip():
        values |= _sealed_account(session, file, account)
    changed = sorted(name for name, value in values.items() if getattr(file, name) != value and not name.endswith("_cipher"))
    for name, value in values.items():
        setattr(file, name, value)
    _touch(session, file, "people.particulars_changed", {"fields": changed})
    return file


def _sealed_account(session: Session, file: WorkerFile, account: str) -> dict[str, Any]:
    try:
        plain = normalised(TokenKind.ACCOUNT, account)
    except BangfuError as refusal:
        raise Refused([Fault("account", "银行卡号", refusal)]) from None
    return Sealer(session).account(whole_key(session, _worker_of(session, file)), Sensitive(plain, masking.bank_account))


def change_address(
    session: Session, household_id: UUID, address: str, filled: Mapping[str, str], *, version: int | None = None
) -> Household:
    """Change the address (住址; blank leaves it), names of ``HOUSING_ITEMS`` and the ``TOWNSHIP``. The house number is sealed
    under the head's key. Raises as ``record_person_facts``, and ``SealedDamaged`` for an address."""
    file = _open_file(session, household_id, version)
    values, told = _told(HOUSING_ITEMS, filled), _told([TOWNSHIP], filled)
    if values.get("postcode") and not (len(values["postcode"]) == 6 and values["postcode"].isdigit()):
        raise _fault("postcode", "邮编", "应为 6 位数字", "it has six digits")
    household = session.scalars(select(Household).where(Household.id == household_id)).one()
    given = address.strip()
    if len(given) > ADDRESS_LENGTH:
        raise _fault("address", "住址", f"不能超过 {ADDRESS_LENGTH} 字", f"it has at most {ADDRESS_LENGTH} characters")
    if given:
        values |= Sealer(session).address(whole_key(session, _worker_of(session, file)), given)
    for name, value in values.items():
        setattr(household, name, value)
    typed, named = townships.township_of(told.get("township")), townships.township_in(given)
    # The form brings back what stood before: a new address that names its township counts for more than that.
    township = named if named and typed in (None, file.township) else typed
    if told or township:
        file.township = township
    changed = sorted([*(name for name in values if not name.endswith("_cipher")), *told])
    _touch(session, file, "people.address_changed", {"fields": changed})
    return household


def change_person_particulars(
    session: Session,
    household_id: UUID,
    person_id: UUID,
    filled: Mapping[str, str],
    *,
    phone: str = "",
    version: int | None = None,
) -> Person:
    """Change names of ``PERSON_ROW_ITEMS`` of a member, and the phone (手机, sealed) where one is typed. Raises as
    ``record_person_facts``, and ``SealedDamaged`` for a phone."""
    file = _open_file(session, household_id, version)
    if person_id not in members_on(session, household_id, current_scope().business_date):
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    asked = select(Person).where(Person.id == person_id).with_for_update()
    person = session.scalars(asked.execution_options(populate_existing=True)).one()
    values = _told(PERSON_ROW_ITEMS, filled)
    if phone.strip():
        values |= _sealed_phone(session, person, phone)
    for name, value in values.items():
        setattr(person, name, value)
    unsaid = ("_cipher", "_token", "_last_four")
    fields = {"person": person_id, "fields": sorted(name for name in values if not name.endswith(unsaid))}
    _touch(session, file, "people.particulars_changed", fields)
    return person


def _sealed_phone(session: Session, person: Person, phone: str) -> dict[str, Any]:
    try:
        plain = normalised(TokenKind.PHONE, phone)
    except BangfuError as refusal:
        raise Refused([Fault("phone", "手机", refusal)]) from None
    return Sealer(session).phone(whole_key(session, person), Sensitive(plain, masking.phone))


def _worker_of(session: Session, file: WorkerFile) -> Person:
    return session.scalars(select(Person).where(Person.id == file.worker_id)).one()


def _open_file(session: Session, household_id: UUID, version: int | None) -> WorkerFile:
    """The household's file, locked, for an act of the actor's; raises ``Conflict`` for another version or an ended file."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    file = locked_files(session, [household_id])[household_id]
    if version is not None and version != file.version:
        raise Conflict(
            "该户信息已被他人更改，您填写的内容还没有保存", "the household was changed meanwhile; nothing was saved",
            where="version", mend_zh="请逐项对照现在登记的内容，核对后再保存", mend_en="compare with what is recorded now",
        )  # fmt: skip
    return file


def _touch(session: Session, file: WorkerFile, act: str, fields: Mapping[str, Any]) -> None:
    file.updated_on = max(file.updated_on, current_scope().business_date)
    file.version += 1
    session.flush()
    record(session, act, "household", file.household_id, fields)


def _told(items: Sequence[Item], filled: Mapping[str, str]) -> dict[str, Any]:
    faults = Faults()
    values = read([item for item in items if item.name in filled], filled, faults, on=current_scope().business_date)
    faults.raise_any()
    return values


def _refuse_day_and_source(valid_from: date, source: str) -> None:
    if valid_from > current_scope().business_date:
        raise _fault("valid_from", "起始日期", "不能晚于今天", "the day lies in the future")
    if source not in SOURCES:
        raise _fault("source", "依据", "请选择入户核实或更正", f"one of {', '.join(SOURCES)}")


def _refuse_sum(fen: int) -> None:
    if fen > MAX_FEN:
        raise _fault("income_unsorted_fen", "月收入", "合计过大，请核对", "the sum is too large")


def _fault(where: str, label: str, zh: str, en: str) -> Refused:
    return Refused([Fault(where, label, InvalidInput(zh, en, where=where))])
