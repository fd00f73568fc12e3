"""The official form 困难职工档案表 (domain 11): what stands in each of its fields, masked unless full values are given.

Fields that the post at the desk may not see (`core.people.fields`) stay blank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from core.codes.loader import code_list
from core.divisions import all_divisions, retired
from core.money import Fen, format_yuan
from core.people.fields import sees
from core.people.models import HouseholdFact, Person, PersonFact, WorkerFile
from core.people.papers.overflow import shortened
from core.people.repository import HouseholdView, MemberView
from core.people.whole_files import FullValues
from core.printing.forms import PrintedForm, Sheet
from core.scope import current_scope
from core.vault import masking

_FOLDER: Final = Path(__file__).parent / "forms"
OPINIONS: Final = (("unit", "单位工会意见"), ("county", "县总工会意见"), ("upper", "上级工会意见"))
HEAD_FIELDS: Final = (
    "职工编号", "困难类别", "姓名", "民族", "性别", "政治面貌", "身份证号", "出生日期",
    "健康状况", "残疾类别", "工作状态", "劳模类型", "住房类型", "建筑面积", "手机", "其他联系方式",
    "邮编", "工作时间", "所属行业", "婚姻状况", "户口类型", "住址", "工作单位", "单位性质",
    "企业状况", "是否单亲", "本人月平均收入", "家庭其他年收入", "家庭年度总收入", "家庭人口", "家庭月人均收入",
    "户口所在地行政区划",
    "医保状况", "有无自救能力", "是否零就业家庭", "主要致困原因", "次要致困原因", "开户银行", "支行名称", "银行卡号",
    "附件", "备注", "建档人", "审核人", "录入人",
)  # fmt: skip
MEMBER_FIELDS: Final = (
    "姓名", "关系", "性别", "政治面貌", "身份证号", "出生日期", "医保状况", "健康状况", "月收入", "身份", "单位或学校",
)  # fmt: skip
WORKER_FILE: Final = PrintedForm(
    "worker_file",
    "困难职工档案表",
    _FOLDER / "worker_file.typ",
    _FOLDER / "worker_file.docx",
    partial(shortened, member_fields=MEMBER_FIELDS),
)
_NOBODY: Final = FullValues()


def label(code: str | None, *lists: str) -> str:
    """The Chinese label of a code, short where forms write it so, in the first list that has it; a code that none has stands as
    it is."""
    if code is None:
        return ""
    found = next((code_list(name).item(code) for name in lists if code in code_list(name)), None)
    return str(found.extra.get("short", found.zh)) if found else code


def kind_label(file: WorkerFile) -> str:
    """The kind of difficulty (困难类别): the one determined, else the former one that the roster stated."""
    if file.kind is not None:
        return label(file.kind, "difficulty_category")
    return label(file.former_kind, "difficulty_category_former", "difficulty_category_oldest")


def sheets_of(
    files: Sequence[HouseholdView],
    union: str,
    *,
    full: Mapping[UUID, FullValues] | None = None,
    photos: Mapping[UUID, bytes] | None = None,
) -> list[Sheet]:
    """The filled forms in order. ``full`` holds the opened values by person, ``photos`` the workers' photos by household."""
    return [_sheet(view, union, full, (photos or {}).get(view.household.id)) for view in files]


def _sheet(view: HouseholdView, union: str, full: Mapping[UUID, FullValues] | None, photo: bytes | None) -> Sheet:
    worker = next((one for one in view.members if view.file is None or one.person.id == view.file.worker_id), None)
    others = [one for one in view.members if one is not worker]
    values: dict[str, Any] = {
        "union": union,
        "head": _head(view, worker, full),
        "members": [list(member_values(one, full).values()) for one in others],
        "opinions": _opinions(view.file),
    }
    return Sheet(values, photo)


def _head(view: HouseholdView, worker: MemberView | None, full: Mapping[UUID, FullValues] | None) -> dict[str, str]:
    opened = (full or {}).get(worker.person.id, _NOBODY) if worker else _NOBODY
    return {
        **dict.fromkeys(HEAD_FIELDS, ""),
        **_person(worker.person if worker else None, opened, full is not None),
        **_fact(worker.fact if worker else None),
        **_home(view, opened, full is not None),
        **_work(view.file),
        **_foot(view.file, opened, full is not None),
        **_means(view),
    }


def _person(person: Person | None, opened: FullValues, is_full: bool) -> dict[str, str]:
    if person is None:
        return {}
    return {
        "姓名": person.name,
        "性别": label(person.gender, "gender"),
        "民族": label(person.ethnic_group, "ethnic_group"),
        "身份证号": opened.identity_number if is_full else person.identity_masked or "",
        "出生日期": _day(person.birth_date),
        "政治面貌": label(person.political_status, "political_status_form"),
        "婚姻状况": label(person.marital_status, "marital_status_form"),
        "户口类型": label(person.registration_kind, "household_registration_kind"),
        "手机": opened.phone if is_full else person.phone_masked or "",
        "户口所在地行政区划": _place(person.registration_division),
    }


def _fact(fact: PersonFact | None) -> dict[str, str]:
    health = sees("health", current_scope())
    return {
        "健康状况": label(fact.health_status, "health_status_form") if fact and health else "",
        "残疾类别": label(fact.disability_kind, "disability_kind") if fact and health else "",
        "医保状况": label(fact.medical_insurance, "medical_insurance_kind") if fact else "",
        "工作状态": label(fact.identity_status, "employment_status", "identity_status") if fact else "",
        "本人月平均收入": format_yuan(fact.monthly_income_fen) if fact else "",
    }


def _home(view: HouseholdView, opened: FullValues, is_full: bool) -> dict[str, str]:
    home = view.household
    rest = opened.house_number if is_full else masking.HIDDEN if home.house_number_cipher else ""
    area = f"{home.floor_area_dm2 // 100}.{home.floor_area_dm2 % 100:02d} 平方米" if home.floor_area_dm2 is not None else ""
    return {
        "住址": home.address + rest,
        "邮编": home.postcode or "",
        "住房类型": label(home.housing_kind, "housing_kind"),
        "建筑面积": area,
    }


def _work(file: WorkerFile | None) -> dict[str, str]:
    if file is None:
        return {}
    return {
        "职工编号": file.file_number,
        "困难类别": kind_label(file),
        "劳模类型": label(file.model_worker_rank, "model_worker_rank"),
        "工作时间": _day(file.work_started_on),
        "所属行业": label(file.industry, "industry"),
        "工作单位": file.employer_name or "",
        "单位性质": label(file.employer_nature, "employer_nature"),
        "企业状况": label(file.employer_condition, "employer_condition"),
        "是否单亲": yes_no(file.single_parent),
        "有无自救能力": yes_no(file.self_help_ability, "self_help_ability"),
        "是否零就业家庭": yes_no(file.zero_employment),
    }


def _foot(file: WorkerFile | None, opened: FullValues, is_full: bool) -> dict[str, str]:
    if file is None:
        return {}
    account = sees("account", current_scope())
    return {
        "其他联系方式": (file.other_contact if is_full else masking.phone(file.other_contact)) if file.other_contact else "",
        "主要致困原因": label(file.main_cause, "main_cause"),
        "次要致困原因": "、".join(label(cause, "main_cause") for cause in file.secondary_causes),
        "开户银行": file.bank_name or "",
        "支行名称": file.bank_branch or "",
        "银行卡号": "" if not account else opened.account if is_full else file.account_masked or "",
        "附件": file.attachments_note or "",
        "备注": file.remark or "",
        "建档人": file.file_opener or "",
        "审核人": file.reviewer or "",
        "录入人": file.data_entry_clerk or "",
    }


def _means(view: HouseholdView) -> dict[str, str]:
    total, size = yearly_total(view.members, view.fact), len(view.members)
    return {
        "家庭其他年收入": format_yuan(view.fact.other_yearly_income_fen) if view.fact else "",
        "家庭年度总收入": "" if total is None else format_yuan(total),
        "家庭人口": str(size),
        "家庭月人均收入": "" if total is None else format_yuan(total // (12 * size)),
    }


def yearly_total(members: Sequence[MemberView], fact: HouseholdFact | None) -> Fen | None:
    """The household's income of a year as the form states it: twelve months of all members, and what else comes in. None while
    nothing is known of any member."""
    known = [one.fact.monthly_income_fen for one in members if one.fact]
    if not known:
        return None
    return 12 * sum(known) + (fact.other_yearly_income_fen if fact else 0)


def member_values(member: MemberView, full: Mapping[UUID, FullValues] | None) -> dict[str, str]:
    """A member's line, by the names of ``MEMBER_FIELDS``."""
    person, fact = member.person, member.fact
    number = person.identity_masked or "" if full is None else full.get(person.id, _NOBODY).identity_number
    health = sees("health", current_scope())
    told = (
        person.name,
        label(member.relation, "relationship_form"),
        label(person.gender, "gender"),
        label(person.political_status, "political_status_form"),
        number,
        _day(person.birth_date),
        label(fact.medical_insurance, "medical_insurance_kind") if fact else "",
        label(fact.health_status, "health_status_form") if fact and health else "",
        format_yuan(fact.monthly_income_fen) if fact else "",
        label(fact.identity_status, "identity_status", "employment_status") if fact else "",
        (fact.unit_or_school or "") if fact else "",
    )
    return dict(zip(MEMBER_FIELDS, told, strict=True))


def _opinions(file: WorkerFile | None) -> list[dict[str, str]]:
    told = {one["union"]: one for one in file.opinions} if file and sees("opinions", current_scope()) else {}
    return [
        {"title": title, "text": told.get(union, {}).get("text") or "", "on": told.get(union, {}).get("on") or "    年  月  日"}
        for union, title in OPINIONS
    ]


def yes_no(value: bool | None, list_name: str = "yes_no") -> str:
    """是 or 否 in a list's words; nothing for what is unknown."""
    return "" if value is None else code_list(list_name).item("yes" if value else "no").zh


def _place(code: str | None) -> str:
    found = all_divisions().get(code or "") or retired().get(code or "")
    return f"{code} {found.name}" if found else code or ""


def _day(day: object) -> str:
    return "" if day is None else str(day)
