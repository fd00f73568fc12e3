"""Cases of headings: those that nobody knows, those that a county has said, those that are like a known one."""

from __future__ import annotations

from datetime import date

from core.spreadsheets.cells import Cell, Merge
from tests.roster_corpus.case import HEAD, OTHER, SON, WIFE, Case, Sheet, places


def _one(name: str, rows: list[list[Cell]], *merges: Merge) -> tuple[Sheet, ...]:
    return (Sheet(name, rows, merges),)


HEADINGS = (
    Case(
        "unknown_and_blank_headings",
        _one(
            "名册",
            [
                ["姓名", "关系", None, "怪列", "绰号"],
                ["陈安", "户主", HEAD, "13800000001", "甲"],
                ["李宁", "妻子", WIFE, "13800000002", "乙"],
                ["陈小", "儿子", SON, "13800000003", "丙"],
            ],
        ),
        (("陈安", "李宁", "陈小"),),
        warnings=places(
            ("名册", 1, "", "found_by_content"),
            ("名册", 1, "怪列", "found_by_content"),
            ("名册", 1, "绰号", "heading_unknown"),
        ),
        values={("陈安", "phone"): "13800000001", ("陈小", "number"): SON},
    ),
    Case(
        "remembered_headings",
        _one("名册", [["称呼", "证照", "绰号", "关系"], ["陈安", HEAD, "甲", "户主"], ["李宁", WIFE, "乙", "妻子"]]),
        (("陈安", "李宁"),),
        remembered={"称呼": "name", "证照": "identity_number", "绰号": None},
        layouts=("flat",),
    ),
    Case(
        "two_phones_and_two_numbers",
        _one(
            "名册",
            [
                ["姓名", "身份证号", "手机", "联系电话", "证件号码", 2025],
                ["陈安", HEAD, "13800000001", "0839-1234567", OTHER, None],
            ],
        ),
        (("陈安",),),
        warnings=places(("名册", 1, "证件号码", "column_doubled")),
        values={("陈安", "phone"): "13800000001", ("陈安", "other_contact"): "0839-1234567"},
    ),
    Case(
        "headings_that_wear_more_than_a_name",
        _one(
            "名册",
            [
                [
                    "1 姓名",
                    "公民的身份证的号码",
                    "家庭的住址",
                    "个人的月收入（元）",
                    "家庭的年收入（万元）",
                    "联系电话信息",
                    "A.学历",
                ],
                ["陈安", HEAD, "甲路1号", "1,200", 2, "13800000001", "大专"],
            ],
        ),
        (("陈安",),),
        warnings=places(
            ("名册", 1, "1 姓名", "heading_guessed"),
            ("名册", 1, "公民的身份证的号码", "heading_guessed"),
            ("名册", 1, "家庭的住址", "heading_guessed"),
            ("名册", 1, "个人的月收入（元）", "heading_guessed"),
            ("名册", 1, "家庭的年收入（万元）", "heading_guessed"),
            ("名册", 1, "家庭的年收入（万元）", "unit_converted"),
            ("名册", 2, "家庭的年收入（万元）", "total_differs"),
            ("名册", 1, "联系电话信息", "heading_guessed"),
            ("名册", 1, "A.学历", "heading_guessed"),
        ),
        values={
            ("陈安", "address"): "甲路1号",
            ("陈安", "income_unsorted_fen"): 120_000,
            ("陈安", "phone"): "13800000001",
            ("陈安", "education"): "30",
        },
    ),
    Case(
        "headings_with_one_character_mistyped",
        _one(
            "名册",
            [
                ["性名", "身份证号", "家庭注址", "政治面帽", "文化成度", "出生日", "建当日期", "配偶性名", "配偶身份证号"],
                ["陈安", HEAD, "甲路1号", "党员", "大专", "1980-03-15", "2024-01-05", "李宁", WIFE],
                ["王立", OTHER, "乙路2号", "群众", "初中", None, None, None, None],
            ],
        ),
        (("陈安", "李宁"), ("王立",)),
        warnings=places(
            *(
                ("名册", 1, heading, "heading_guessed")
                for heading in ("性名", "家庭注址", "政治面帽", "文化成度", "出生日", "建当日期", "配偶性名")
            )
        ),
        values={
            ("陈安", "address"): "甲路1号",
            ("陈安", "political_status"): "cpc_member",
            ("王立", "education"): "70",
            ("陈安", "opened_on"): date(2024, 1, 5),
            ("李宁", "relation"): "wife",
        },
        layouts=("wide",),
    ),
    Case(
        "headings_that_no_likeness_may_bind",
        _one(
            "名册",
            [
                [
                    "姓名",
                    "身份证号",
                    "月收人",
                    "年收人",
                    "银行卡好",
                    "父手机号",
                    "残疾等别",
                    "审批人",
                    "医疗情况",
                    "学厉",
                    "文化成度",
                ],
                ["陈安", HEAD, 100, 200, "6217000123456789012", "13800000001", "二级", "赵某", "尿毒症透析", "大专", "初中"],
            ],
        ),
        (("陈安",),),
        warnings=places(
            *(
                ("名册", 1, heading, "heading_unknown")
                for heading in ("月收人", "年收人", "银行卡好", "父手机号", "残疾等别", "审批人", "医疗情况", "文化成度")
            ),
            ("名册", 1, "学厉", "heading_guessed"),
        ),
        values={("陈安", "income_unsorted_fen"): None, ("陈安", "phone"): None, ("陈安", "education"): "30"},
    ),
    Case(
        "a_known_heading_comes_before_a_like_one",
        _one("名册", [["姓名", "身份证号", "家庭注址", "家庭住址"], ["陈安", HEAD, "甲路1号", "乙路2号"]]),
        (("陈安",),),
        warnings=places(("名册", 1, "家庭注址", "heading_unknown")),
        values={("陈安", "address"): "乙路2号"},
    ),
    Case(
        "a_guess_that_the_county_has_corrected",
        _one("名册", [["姓名", "身份证号", "家庭注址", "学厉"], ["陈安", HEAD, "甲路1号", "大专"]]),
        (("陈安",),),
        remembered={"家庭注址": "remark", "学厉": None},
        values={("陈安", "remark"): "甲路1号", ("陈安", "address"): None, ("陈安", "education"): None},
    ),
    Case(
        "name_and_number_both_mistyped",
        _one(
            "名册",
            [
                ["某县困难职工名册", None, None, None, None, None],
                ["姓铭", "关细", "身份正号码", "月收人", "连系电话", "家庭注址"],
                ["陈安", "户主", HEAD, 1200, "13800000001", "甲路1号"],
                ["李宁", "妻子", WIFE, 300, None, None],
                ["王立", "户主", OTHER, 100, "13800000002", "乙路2号"],
            ],
            Merge(1, 0, 1, 5),
        ),
        (("陈安", "李宁"), ("王立",)),
        warnings=places(
            *(("名册", 2, heading, "heading_guessed") for heading in ("姓铭", "连系电话", "家庭注址", "关细")),
            ("名册", 2, "身份正号码", "found_by_content"),
            ("名册", 2, "月收人", "heading_unknown"),
        ),
        values={("李宁", "income_unsorted_fen"): None, ("王立", "address"): "乙路2号", ("李宁", "relation"): "wife"},
    ),
    Case(
        "a_number_mistyped_and_nothing_like_a_name",
        _one("名册", [["绰号", "身份正号码", "怪列"], ["阿安", HEAD, "甲"], ["阿立", OTHER, "乙"]]),
        refused="columns_missing",
    ),
    Case(
        "numbers_under_words_that_are_no_header",
        _one("名单", [["本月发放名单", None], ["陈安", HEAD], ["王立", OTHER]], Merge(1, 0, 1, 1)),
        refused="no_roster",
    ),
)
