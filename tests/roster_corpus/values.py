"""Cases of values: one cell each, as offices and their programs leave them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from core.spreadsheets.cells import Cell, FaultyCell
from tests.roster_corpus.case import HEAD, OTHER, SON, THIRD, WIFE, Case, Place, Sheet, number, places

MOMENT = datetime.fromisoformat("2024-05-06 07:08")
RARE = "\U0002a6d6\U00031350"
MINORITY = "阿卜杜拉•买买提"
LATE = number("19900512", 100)[:17]
ZEROS = next(
    number(f"1990{month:02d}{day:02d}", 0, county="510105")
    for month in range(1, 13)
    for day in range(1, 29)
    if number(f"1990{month:02d}{day:02d}", 0, county="510105").endswith("000")
)
OF_NAMES = ("name_wrong", "name_missing", "name_private_character", "too_long", "control_character")
ZEROS_WRONG = f"{HEAD[:15]}000"


def fifteen(whole: str) -> str:
    """The number of the first generation of somebody born in the 20th century."""
    return whole[:6] + whole[8:17]


def cells(name: str, *columns: tuple[str, Cell, str | None, Any], **more: Any) -> Case:
    """A case of single cells: each column with the cell of the one household's head, the kind of problem that it has (in
    capitals nothing is held back), and the value that is read under the key after the heading's ``|``."""
    headings = ["关系", "姓名", "身份证号", *(heading.partition("|")[0] for heading, *_ in columns)]
    row = ["户主", "陈安", HEAD, *(cell for _, cell, *_ in columns)]
    errors = [("名册", 2, heading.partition("|")[0], kind) for heading, _, kind, _ in columns if kind and kind.islower()]
    warnings = [
        ("名册", 2, heading.partition("|")[0], kind.lower()) for heading, _, kind, _ in columns if kind and kind.isupper()
    ]
    wanted: Mapping[tuple[str, str], Any] = {
        ("陈安", heading.partition("|")[2]): value for heading, _, _, value in columns if "|" in heading and not errors
    }
    return Case(
        name,
        (Sheet("名册", [[*headings], row]),),
        () if errors else (("陈安",),),
        held_back=1 if errors else 0,
        errors=places(*errors),
        warnings=places(*warnings),
        values=wanted,
        **more,
    )


def persons(name: str, people: list[tuple[Cell, Cell, str | None]], **more: Any) -> Case:
    """A case of names and identity numbers: a household a row, each with the kind of problem at the number or (``name_``)
    at the name; in capitals nothing is held back."""
    rows: list[list[Cell]] = [["姓名", "身份证号"], *([told, given] for told, given, _ in people)]
    errors: list[Place] = []
    warnings: list[Place] = []
    good: list[tuple[str, ...]] = []
    for place, (told, _, kind) in enumerate(people, start=2):
        at = (
            "姓名"
            if kind
            and kind.lower() in ("name_wrong", "name_missing", "name_private_character", "too_long", "control_character")
            else "身份证号"
        )
        if kind:
            (warnings if kind.isupper() else errors).append(("名册", place, at, kind.lower()))
        if kind is None or kind.isupper():
            good.append((str(told).strip("'\u200b\xa0"),))
    return Case(
        name,
        (Sheet("名册", rows),),
        tuple(good),
        len(people) - len(good),
        errors=places(*errors),
        warnings=places(*warnings),
        **more,
    )


VALUES = (
    persons(
        "identity_numbers",
        [
            ("陈安", f"'{HEAD}", None),
            ("李宁", f"\u200b{WIFE[:6]} {WIFE[6:]}\xa0", None),
            ("王立", OTHER.translate({48 + digit: 0xFF10 + digit for digit in range(10)}), None),
            ("陈小", fifteen(THIRD), "IDENTITY_FIFTEEN"),
            ("周一", float(SON), "identity_as_number"),
            ("周二", int(SON), "identity_as_number"),
            ("周三", "5.10104E+17", "identity_scientific"),
            ("周四", SON[:17] + "?", "identity_form"),
            ("周五", SON[:17] + str((int(SON[17].replace("X", "3")) + 1) % 10), "identity_check_digit"),
            ("周六", number("20080901", 33, county="999999"), "identity_division"),
            ("周七", number("20080230", 33), "identity_birth_date"),
            ("周八", number("20990101", 33), "identity_birth_date"),
            ("周九", ZEROS, "IDENTITY_ZEROS"),
            ("周十", None, "identity_missing"),
            ("郑一", "无", "identity_missing"),
            ("郑二", FaultyCell("error", "#N/A"), "formula_error"),
        ],
    ),
    persons(
        "identity_numbers_of_a_text",
        [("周九", ZEROS, "identity_rounded"), ("周十", ZEROS_WRONG, "identity_rounded")],
        format="text",
    ),
    persons(
        "names",
        [
            (RARE, HEAD, None),
            (MINORITY, WIFE, None),
            ("\u200b张　三\xa0", OTHER, None),
            ("陈\ue815", SON, "NAME_PRIVATE_CHARACTER"),
            ("陈?", THIRD, "name_wrong"),
            (12345, number("19900512", 1), "name_wrong"),
            ("陈\x07安", number("19900512", 3), "control_character"),
            ("长" * 51, number("19900512", 5), "too_long"),
            (None, number("19900512", 7), "name_missing"),
        ],
    ),
    cells(
        "days",
        ("建档日期|opened_on", "２０２４年１月５日", None, date(2024, 1, 5)),
        ("档案更新日期|updated_on", MOMENT, None, date(2024, 5, 6)),
        ("工作时间|work_started_on", "1999.10", "DATE_MONTH", date(1999, 10, 1)),
        ("出生日期", "1980年3月", None, None),
        ("单位工会意见日期", 45296, None, None),
    ),
    cells("days_in_words", ("建档日期|opened_on", "二〇二四年十二月三十一日", None, date(2024, 12, 31))),
    cells("days_with_times", ("建档日期|opened_on", "2024/1/5 08:30:00", None, date(2024, 1, 5))),
    cells("serial", ("建档日期|opened_on", 45296, None, date(2024, 1, 5))),
    cells("serial_of_1904", ("建档日期|opened_on", 45296 - 1462, None, date(2024, 1, 5)), date_1904=True),
    cells("eight_digits", ("建档日期|opened_on", 20240105, None, date(2024, 1, 5))),
    cells(
        "days_that_are_none",
        ("建档日期", 2024.10, "date_as_number", None),
        ("工作时间", "01/02/2024", "date_order", None),
        ("档案更新日期", "2024-01", "date_no_day", None),
        ("死亡日期", "2024-02-30", "date_wrong", None),
    ),
    cells("days_of_two_digits", ("建档日期", "24-1-5", "date_order", None)),
    cells(
        "amounts",
        ("月收入|income_unsorted_fen", "￥1,200.50元", None, 120050),
        ("其他刚性支出|cost_other_fen", "1.2万", None, 1200000),
        ("因病刚性支出|cost_illness_fen", "三千二百元", None, 320000),
        ("因残刚性支出|cost_disability_fen", "约800", "MONEY_ABOUT", 80000),
        ("因学刚性支出|cost_schooling_fen", "无", "MONEY_NONE", None),
        ("住房刚性支出|cost_housing_fen", 0.1 + 0.2, None, 30),
        ("建筑面积|floor_area_dm2", "85.5㎡", None, 8550),
    ),
    cells(
        "amounts_that_are_none",
        ("月收入", 1200.005, "money_decimals", None),
        ("因病刚性支出", -3, "money_negative", None),
        ("因残刚性支出", 13800000001, "money_large", None),
        ("因学刚性支出", "若干", "money_wrong", None),
        ("住房刚性支出", FaultyCell("no_value", ""), "formula_without_value", None),
        ("建筑面积", "13800000001", "area_wrong", None),
    ),
    Case(
        "units_of_the_heading",
        (
            Sheet(
                "名册",
                [
                    ["姓名", "身份证号", "年收入（万元）", "医疗支出(元/月)", "家庭年收入（万元）"],
                    ["陈安", HEAD, 2.4, 100, "2.4"],
                ],
            ),
        ),
        (("陈安",),),
        warnings=places(
            ("名册", 1, "年收入（万元）", "unit_converted"),
            ("名册", 1, "医疗支出(元/月)", "unit_converted"),
            ("名册", 1, "家庭年收入（万元）", "unit_converted"),
        ),
        values={("陈安", "income_unsorted_fen"): 200000, ("陈安", "cost_illness_fen"): 120000},
    ),
    cells(
        "yes_and_no",
        ("有劳动能力|able_to_work", None, None, None),
        ("是否单亲|single_parent", "√", None, True),
        ("是否零就业家庭|zero_employment", 0, None, False),
        ("有无自救能力|self_help_ability", "无", None, False),
        ("已获其他助学|aided_elsewhere", False, None, False),
    ),
    cells("neither_yes_nor_no", ("是否单亲", "看情况", "yes_no_wrong", None)),
    cells(
        "codes",
        ("民族|ethnic_group", "汉", None, "01"),
        ("政治面貌|political_status", "党员", None, "cpc_member"),
        ("医保状况|medical_insurance", "居民医保", None, "390"),
        ("健康状况|health_status", "患病", "CODE_VAGUE", None),
        ("残疾类别|disability_kind", "无", None, None),
        ("残疾等级|disability_grade", "二级", None, "2"),
        ("工作状态|employment_status", "下岗", None, "laid_off"),
        ("学历|education", "大专", None, "30"),
        ("次要致困原因|secondary_causes", "因病、子女上学", None, ["06", "09"]),
        ("困难类别|former_kind", "低保边缘户", "FORMER_KIND", "low_income_edge"),
    ),
    cells("present_kind_is_not_taken_over", ("困难类别|former_kind", "意外致困", None, None)),
    cells("former_kind_of_one_word_more", ("困难类别|former_kind", "意外致困户", "FORMER_KIND", "accident")),
    cells("kind_of_no_scheme", ("困难类别|former_kind", "一般困难", "KIND_UNKNOWN", None)),
    cells(
        "codes_that_are_none",
        ("住房类型", "窑洞", "code_unknown", None),
        ("申请项目", "买房补贴", "programme_unknown", None),
        ("户口所在地行政区划", "火星区", "division_unknown", None),
        ("次要致困原因", "患病;上学;失业;意外事故", "causes_too_many", None),
        ("家庭人口", "很多", "wrong_type", None),
    ),
    cells(
        "numbers_of_phones_and_accounts",
        ("手机|phone", "138-0000-0001", None, "13800000001"),
        ("银行卡号|account", "6217 0001 2345 6789 012", None, "6217000123456789012"),
        ("户口所在地行政区划|registration_division", "四川省成都市锦江区", None, "510104"),
    ),
    cells(
        "numbers_in_free_texts",
        ("备注|remark", f"妻{WIFE}，卡6217 0001 2345 6789 012", "NUMBER_IN_TEXT", f"妻510104********{WIFE[-4:]}，卡**** 9012"),
        (
            "附件|attachments_note",
            f"残疾证{HEAD}43；老证{fifteen(THIRD)}",
            "NUMBER_IN_TEXT",
            f"残疾证510104********{HEAD[-4:]}43；老证510104******{fifteen(THIRD)[-3:]}",
        ),
        (
            "家庭地址|address",
            f"甲路1号 {OTHER[:6]} {OTHER[6:14]} {OTHER[14:]}",
            "NUMBER_IN_TEXT",
            f"甲路1号 510104********{OTHER[-4:]}",
        ),
        ("工作单位|unit_or_school", f"某厂（{SON.lower()}）", "NUMBER_IN_TEXT", f"某厂（510104********{SON[-4:]}）"),
        ("单位工会意见", "档案2024-0017-000123，发票12345678901234567890，电话13800000001，13900000002", None, None),
    ),
    cells("two_phones", ("手机|phone", "13800000001/0839-1234567", "PHONE_SEVERAL", "13800000001")),
    cells("phone_that_is_none", ("手机", "1380000", None, None), ("银行卡号", 6217000123456789012, "account_as_number", None)),
    cells("account_that_is_none", ("银行卡号", "卡丢了", "account_wrong", None), ("手机", "不肯说", "phone_wrong", None)),
    cells("timedelta_is_no_day", ("建档日期", timedelta(hours=30), "date_wrong", None)),
    Case(
        "income_by_kind",
        (
            Sheet(
                "名册",
                [
                    ["姓名", "身份证号", "月收入", "工资性收入", "退休金", "其中居民养老金(月)", "年工会帮扶金", "慰问金"],
                    ["陈安", HEAD, 1000, 300, 200, 100, None, 500],
                    ["王立", OTHER, None, 50, None, None, 1200, None],
                ],
            ),
        ),
        (("陈安",), ("王立",)),
        warnings=places(("名册", 1, "年工会帮扶金", "unit_converted"), ("名册", 1, "慰问金", "heading_unknown")),
        values={
            ("陈安", "income_unsorted_fen"): 40000,
            ("陈安", "income_wage_fen"): 30000,
            ("陈安", "income_pension_fen"): 20000,
            ("陈安", "residents_pension_fen"): 10000,
            ("陈安", "income_union_grant_fen"): None,
            ("王立", "income_wage_fen"): 5000,
            ("王立", "income_union_grant_fen"): 10000,
            ("王立", "income_unsorted_fen"): None,
        },
    ),
)
