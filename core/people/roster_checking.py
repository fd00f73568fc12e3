"""Judging a roster (domain 11): every row is read whole, every problem is noted, a household with one is held back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from core.divisions import is_known_code
from core.errors import InvalidInput
from core.people.identity_number import IdentityNumber, check_identity_number
from core.people.roster_cells import Cells, Problem, by_household
from core.people.roster_drafts import Checked, HouseholdDraft, PersonDraft
from core.people.roster_reading import FILE_SHEET, SUPPLEMENT_SHEET, SheetRow, Workbook
from core.rules.batch import MAX_MEMBERS
from core.vault.sensitive import Sensitive
from core.vault.tokens import TokenKind, normalised

HEAD: Final = "head"
_COSTS: Final = {
    "因病刚性支出": "cost_illness_fen",
    "因残刚性支出": "cost_disability_fen",
    "因学刚性支出": "cost_schooling_fen",
    "住房刚性支出": "cost_housing_fen",
    "长期照料费用": "cost_long_term_care_fen",
    "必要就业成本": "cost_work_cost_fen",
    "其他刚性支出": "cost_other_fen",
}
_OPINIONS: Final = (("unit", "单位工会意见"), ("county", "县总工会意见"), ("upper", "上级工会意见"))
_MOST_SECONDARY_CAUSES: Final = 3


def check(book: Workbook, on: date, programmes: Mapping[str, str]) -> Checked:
    """Judge a workbook as of the business date ``on``. ``programmes`` maps labels of 申请项目 to programme codes."""
    checked = Checked()
    supplements = by_household(book.supplements, checked.problems)
    forms = by_household(book.forms, checked.problems)
    for key, rows in forms.items():
        before = len(checked.problems)
        draft = _Household(key, on, programmes, checked.problems).read(rows, supplements.get(key, []))
        if draft is None or len(checked.problems) > before:
            checked.held_back.add(key)
        else:
            checked.drafts.append(draft)
    for key in supplements.keys() - forms.keys():
        Cells(supplements[key][0], key, checked.problems).note(
            "家庭编号",
            f"“{FILE_SHEET}”中没有此家庭",
            "no such household in the form's sheet",
            "请补录家庭或删除此行",
            "add the household or delete the row",
        )
    _refuse_doubles(checked)
    return checked


def _refuse_doubles(checked: Checked) -> None:
    """One identity number and one file number stand once in a roster; every household that repeats one is held back."""
    persons = Counter(person.identity.number.reveal() for draft in checked.drafts for person in draft.people)
    files = Counter(draft.file["file_number"] for draft in checked.drafts if draft.file["file_number"])
    for draft in checked.drafts:
        for person in draft.people:
            if persons[person.identity.number.reveal()] > 1:
                checked.hold_back(
                    draft,
                    person,
                    "身份证号",
                    "同一身份证号在表中出现多次",
                    "the identity number stands there twice",
                )
        if files[draft.file["file_number"]] > 1:
            checked.hold_back(draft, draft.worker, "职工编号", "职工编号在表中重复", "the file number stands there twice")


class _Household:
    """Reads one household's rows."""

    def __init__(self, key: str, on: date, programmes: Mapping[str, str], problems: list[Problem]) -> None:
        self._key = key
        self._on = on
        self._programmes = programmes
        self._problems = problems

    def read(self, rows: list[SheetRow], supplements: list[SheetRow]) -> HouseholdDraft | None:
        """The household, or None where it cannot be put together at all; either way problems are noted."""
        cells = [Cells(row, self._key, self._problems) for row in rows]
        related = [(row, row.code("关系", "relationship_form", required=True)) for row in cells]
        related.sort(key=lambda pair: pair[1] != HEAD)
        heads = sum(relation == HEAD for _, relation in related)
        if heads != 1:
            cells[0].note(
                "关系",
                f"每户应有一名户主，此户有 {heads} 名",
                f"a household has one head, this one has {heads}",
                "请核对“关系”列",
                "check the column 关系",
            )
            return None
        head = related[0][0]
        if len(rows) > MAX_MEMBERS:
            head.note(
                "家庭编号",
                f"一户 {len(rows)} 人，超过 {MAX_MEMBERS} 人",
                f"a household of {len(rows)} persons, more than {MAX_MEMBERS}",
                "请核对“家庭编号”列",
                "check the column 家庭编号",
            )
            return None
        facts = self._facts_by_identity(supplements)
        supplement = facts.get(head.plain_number("身份证号"))
        people = [self._person(row, relation or "other", facts) for row, relation in related]
        for left in facts.values():
            left.note(
                "身份证号", "家庭成员中没有此人", "no such person in the household", "请与档案表核对", "compare the two sheets"
            )
        whole = [person for person in people if person is not None]
        draft = self._draft(head, whole)
        if supplement is None:
            return None
        draft.file |= self._supplement(supplement)
        draft.fact |= self._supplement_fact(supplement)
        if len(whole) < len(people):
            return None
        self._tally(head, draft)
        return draft

    def _facts_by_identity(self, rows: list[SheetRow]) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        for row in rows:
            cells = Cells(row, self._key, self._problems)
            if cells.text("身份证号", required=True) is None:
                continue
            number = cells.plain_number("身份证号")
            if number in found:
                cells.note("身份证号", "同一人有多行核定补充", "one person has several rows", "请保留一行", "keep one row")
            found[number] = cells
        return found

    def _person(self, cells: Cells, relation: str, facts: dict[str, Cells]) -> PersonDraft | None:
        identity = self._identity(cells)
        name = cells.text("姓名", required=True)
        gender = cells.code("性别", "gender", required=True)
        birth = cells.day("出生日期")
        phone = self._number(cells, "手机", TokenKind.PHONE)
        columns: dict[str, Any] = {
            "name": name,
            "ethnic_group": cells.code("民族", "ethnic_group"),
            "political_status": cells.code("政治面貌", "political_status_form"),
            "marital_status": cells.code("婚姻状况", "marital_status_form"),
            "registration_kind": cells.code("户口类型", "household_registration_kind"),
            "registration_division": self._division(cells),
        }
        supplement = facts.pop(cells.plain_number("身份证号"), None)
        if supplement is None:
            cells.note(
                "身份证号",
                f"“{SUPPLEMENT_SHEET}”中没有此人",
                "the person has no row in the supplement",
                "请补填",
                "add the row",
            )
        fact = self._fact(cells, supplement, is_head=relation == HEAD)
        if identity is None or name is None or supplement is None:
            return None
        if gender is not None and gender != identity.sex:
            cells.note("性别", "与身份证号不符", "differs from the identity number", "请与身份证核对", "compare with the card")
        if birth is not None and birth != identity.birth_date:
            cells.note(
                "出生日期", "与身份证号不符", "differs from the identity number", "请与身份证核对", "compare with the card"
            )
        columns |= {"gender": identity.sex.value, "birth_date": identity.birth_date}
        return PersonDraft(cells.row, relation, identity, phone, columns, fact)

    def _identity(self, cells: Cells) -> IdentityNumber | None:
        text = cells.text("身份证号", required=True)
        if text is None:
            return None
        if cells.is_number("身份证号"):
            self._as_number(cells, "身份证号")
            return None
        try:
            return check_identity_number(text, self._on)
        except InvalidInput as error:
            cells.refused("身份证号", error)
            return None

    def _number(self, cells: Cells, column: str, kind: TokenKind) -> Sensitive[str] | None:
        text = cells.text(column)
        if text is None:
            return None
        if cells.is_number(column) and len(text) > 15:
            self._as_number(cells, column)
            return None
        try:
            return Sensitive(normalised(kind, text))
        except InvalidInput as error:
            cells.refused(column, error)
            return None

    @staticmethod
    def _as_number(cells: Cells, column: str) -> None:
        cells.note(
            column,
            "单元格为数字格式，末几位已丢失",
            "the cell is a number, so its last digits are lost",
            "请将单元格设为文本格式后重新填写",
            "make the cell a text and type the value again",
        )

    @staticmethod
    def _division(cells: Cells) -> str | None:
        code = cells.text("户口所在地行政区划")
        if code is None or is_known_code(code):
            return code
        cells.note(
            "户口所在地行政区划", "不是行政区划代码", "no division code", "请填写六位行政区划代码", "give a code of six digits"
        )
        return None

    @staticmethod
    def _fact(cells: Cells, supplement: Cells | None, *, is_head: bool) -> dict[str, Any]:
        income, status = ("本人月平均收入", "工作状态") if is_head else ("月收入", "身份")
        fact: dict[str, Any] = {
            "monthly_income_fen": cells.money(income),
            "identity_status": cells.code(status, "employment_status" if is_head else "identity_status"),
            "medical_insurance": cells.code("医保状况", "medical_insurance_kind"),
            "health_status": cells.code("健康状况", "health_status_form"),
            "disability_kind": cells.code("残疾类别", "disability_kind"),
            "unit_or_school": cells.text("工作单位" if is_head else "单位或学校"),
        }
        if supplement is None:
            return fact
        fact["residents_pension_fen"] = supplement.money("其中居民养老金(月)")
        fact["able_to_work"] = supplement.yes("有劳动能力")
        fact["aided_elsewhere"] = supplement.yes("已获其他助学")
        if fact["residents_pension_fen"] > fact["monthly_income_fen"]:
            supplement.note(
                "其中居民养老金(月)",
                "大于本人月收入",
                "more than the monthly income that it is a part of",
                "请核对两项金额",
                "check both amounts",
            )
        return fact

    def _draft(self, head: Cells, people: list[PersonDraft]) -> HouseholdDraft:
        return HouseholdDraft(
            key=self._key,
            people=people,
            address=head.text("住址", required=True) or "",
            account=self._number(head, "银行卡号", TokenKind.ACCOUNT),
            household={
                "postcode": head.text("邮编"),
                "housing_kind": head.code("住房类型", "housing_kind"),
                "floor_area_dm2": head.area("建筑面积"),
            },
            file=self._employment(head) | self._situation(head) | self._foot(head),
            fact={"other_yearly_income_fen": head.money("家庭其他年收入")},
        )

    @staticmethod
    def _employment(head: Cells) -> dict[str, Any]:
        return {
            "file_number": head.text("职工编号"),
            "employer_name": head.text("工作单位"),
            "employer_nature": head.code("单位性质", "employer_nature"),
            "employer_condition": head.code("企业状况", "employer_condition"),
            "industry": head.code("所属行业", "industry"),
            "work_started_on": head.day("工作时间"),
            "model_worker_rank": head.code("劳模类型", "model_worker_rank"),
        }

    @staticmethod
    def _situation(head: Cells) -> dict[str, Any]:
        secondary = head.codes("次要致困原因", "main_cause")
        if len(secondary) > _MOST_SECONDARY_CAUSES:
            head.note("次要致困原因", "最多三项", "three at most", "请保留最主要的三项", "keep the three that weigh most")
        return {
            "single_parent": head.yes("是否单亲"),
            "self_help_ability": head.yes("有无自救能力", "self_help_ability"),
            "zero_employment": head.yes("是否零就业家庭"),
            "main_cause": head.code("主要致困原因", "main_cause"),
            "secondary_causes": secondary,
        }

    @staticmethod
    def _foot(head: Cells) -> dict[str, Any]:
        opinions = []
        for union, column in _OPINIONS:
            text, day = head.text(column), head.day(f"{column}日期")
            if text is not None:
                opinions.append({"union": union, "text": text, "on": day.isoformat() if day else None})
        return {
            "bank_name": head.text("开户银行"),
            "bank_branch": head.text("支行名称"),
            "other_contact": head.text("其他联系方式"),
            "attachments_note": head.text("附件"),
            "remark": head.text("备注"),
            "file_opener": head.text("建档人"),
            "reviewer": head.text("审核人"),
            "data_entry_clerk": head.text("录入人"),
            "opinions": opinions,
        }

    def _supplement(self, cells: Cells) -> dict[str, Any]:
        applied = []
        for label in cells.parts("申请项目"):
            if label in self._programmes:
                applied.append(self._programmes[label])
            else:
                cells.note(
                    "申请项目",
                    f"没有名为“{label[:20]}”的救助项目",
                    f"no programme is called {label[:20]!r}",
                    f"可选：{'、'.join(self._programmes)}",
                    f"allowed: {', '.join(self._programmes.values())}",
                )
        opened, updated = cells.day("建档日期", required=True), cells.day("档案更新日期", required=True)
        if opened and updated and not opened <= updated <= self._on:
            cells.note(
                "档案更新日期",
                "建档日期、更新日期应依次不晚于办理日期",
                "the file is opened, then updated, neither after the business date",
                "请核对两个日期",
                "check both dates",
            )
        return {
            "categories": cells.codes("帮扶对象类别", "worker_category"),
            "applied_programmes": applied,
            "opened_on": opened,
            "updated_on": updated,
        }

    @staticmethod
    def _supplement_fact(supplement: Cells) -> dict[str, Any]:
        return {column: supplement.money(name) for name, column in _COSTS.items()} | {
            "property_flags": supplement.codes("财产情形", "property_exclusion"),
            "loss_fen": supplement.money("意外损失"),
            "compensation_fen": supplement.money("已获赔偿补偿"),
        }

    @staticmethod
    def _tally(head: Cells, draft: HouseholdDraft) -> None:
        """The form's own sums: 家庭人口 and 家庭年度总收入, where filled, agree with the rows."""
        size = head.text("家庭人口")
        if size is not None and size != str(len(draft.people)):
            head.note(
                "家庭人口",
                f"与登记的 {len(draft.people)} 名家庭成员不符",
                f"differs from the {len(draft.people)} persons listed",
                "请补齐成员或更正人数",
                "add members or correct the number",
            )
        total = 12 * sum(person.fact["monthly_income_fen"] for person in draft.people)
        total += draft.fact["other_yearly_income_fen"]
        if head.text("家庭年度总收入") is not None and head.money("家庭年度总收入") != total:
            head.note(
                "家庭年度总收入",
                "不等于各成员月收入 × 12 与其他年收入之和",
                "is not twelve times the monthly incomes plus the other income",
                "请核对各项收入",
                "check the incomes",
            )
