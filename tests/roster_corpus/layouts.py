"""Cases of layout: where headers stand, how households are told apart, what is left aside."""

from __future__ import annotations

from core.spreadsheets.cells import Cell, Merge
from tests.roster_corpus.case import (
    DAUGHTER,
    HEAD,
    OTHER,
    OTHER_WIFE,
    SON,
    THIRD,
    WIFE,
    Case,
    Sheet,
    places,
)

TWO = (("陈安", "李宁"), ("王立",))
_PLAIN: list[list[Cell]] = [
    ["家庭编号", "关系", "姓名", "身份证号"],
    [1, "户主", "陈安", HEAD],
    [1, "妻子", "李宁", WIFE],
    [2, "户主", "王立", OTHER],
]


def _one(name: str, rows: list[list[Cell]], *merges: Merge) -> tuple[Sheet, ...]:
    return (Sheet(name, rows, merges),)


LAYOUTS = (
    Case("plain", _one("名册", _PLAIN), TWO, layouts=("flat",), values={("陈安", "key"): "1", ("陈安", "number"): HEAD}),
    Case(
        "any_order_and_synonyms",
        _one(
            "名册",
            [
                ["* 联系电话", "公民身份\n号码（必填）", "与户主的关系", "1、姓  名", "家庭详细住址", "户 号"],
                ["13800000001", HEAD, "本人", "陈安", "锦江区甲路1号", "A1"],
                [None, WIFE, "妻", "李宁", None, "A1"],
                ["13800000003", OTHER, "户主", "王立", None, "A2"],
            ],
        ),
        TWO,
        layouts=("flat",),
        values={("陈安", "phone"): "13800000001", ("陈安", "address"): "锦江区甲路1号", ("李宁", "relation"): "wife"},
    ),
    Case(
        "titles_totals_and_pages",
        _one(
            "名册",
            [
                ["某区2025年困难职工名册"],
                ["填报单位：某区总工会", None, None, "单位：元"],
                [],
                ["序号", "姓名", "关系", "身份证号", "月收入"],
                [1, 2, 3, 4, 5],
                [1, "陈安", "户主", HEAD, 1200],
                [2, "李宁", "妻子", WIFE, 800.5],
                ["序号", "姓名", "关系", "身份证号", "月收入"],
                [3, "王立", "户主", OTHER, 0],
                [4],
                ["合计", None, None, None, 2000.5],
                ["备注：本表一式两份"],
                ["填表人：某某", None, None, "制表日期：2025-08-30"],
            ],
            Merge(1, 0, 1, 4),
        ),
        TWO,
        layouts=("flat",),
        values={("李宁", "income_unsorted_fen"): 80050, ("王立", "income_unsorted_fen"): 0},
    ),
    Case(
        "a_title_above_each_part",
        _one(
            "名册",
            [
                ["甲镇困难职工名册"],
                ["姓名", "身份证号", "月收入"],
                ["陈安", HEAD, 1],
                ["合计", None, 1],
                [],
                ["乙镇困难职工名册（2025年）"],
                ["姓名", "身份证号", "月收入"],
                ["王立", OTHER, 1],
            ],
        ),
        (("陈安",), ("王立",)),
        layouts=("flat",),
    ),
    Case(
        "two_row_header_with_merges",
        _one(
            "名册",
            [
                ["序号", "户主", None, None, "家庭成员", None, None],
                [None, "姓名", "身份证号", "住址", "姓名", "关系", "身份证号"],
                [1, "陈安", HEAD, "甲路1号", "李宁", "妻子", WIFE],
                [None, None, None, None, "陈小", "儿子", SON],
                [2, "王立", OTHER, "乙路2号", None, None, None],
            ],
            Merge(1, 0, 2, 0),
            Merge(1, 1, 1, 3),
            Merge(1, 4, 1, 6),
            Merge(3, 1, 4, 1),
        ),
        (("陈安", "李宁", "陈小"), ("王立",)),
        layouts=("blocks",),
        values={("陈安", "address"): "甲路1号"},
    ),
    Case(
        "two_row_header_in_a_text",
        _one(
            "名册",
            [
                ["户主", "", "", "家庭成员", "", ""],
                ["姓名", "身份证号", "住址", "姓名", "关系", "身份证号"],
                ["陈安", HEAD, "甲路1号", "李宁", "妻子", WIFE],
            ],
        ),
        (("陈安", "李宁"),),
        layouts=("wide",),
        format="text",
    ),
    Case(
        "blocks_by_relation",
        _one(
            "名册",
            [
                ["姓名", "与户主关系", "身份证号", "家庭住址", "困难类型"],
                ["陈安", "户主", HEAD, "甲路1号", "深度困难"],
                ["李宁", "配偶", WIFE, None, None],
                ["陈小", "之子", SON, None, None],
                ["王立", "本人", OTHER, "乙路2号", None],
            ],
        ),
        (("陈安", "李宁", "陈小"), ("王立",)),
        layouts=("blocks",),
        values={("李宁", "relation"): "wife", ("陈小", "relation"): "son"},
    ),
    Case(
        "identity_number_as_household_number",
        _one(
            "名册",
            [["家庭编号", "关系", "姓名", "身份证号"], [HEAD, "户主", "陈安", HEAD], [HEAD, "妻子", "李宁", WIFE]],
        ),
        (("陈安", "李宁"),),
        values={("陈安", "key"): "名册!2"},
    ),
    Case(
        "number_merged_down",
        _one(
            "名册",
            [
                ["户号", "关系", "姓名", "身份证号", "住址"],
                [7, "户主", "陈安", HEAD, "甲路1号"],
                [None, "妻子", "李宁", WIFE, None],
                [8, "户主", "王立", OTHER, "乙路2号"],
                [None, "妻子", "周兰", OTHER_WIFE, None],
            ],
            Merge(2, 0, 3, 0),
            Merge(4, 0, 5, 0),
        ),
        (("陈安", "李宁"), ("王立", "周兰")),
        layouts=("blocks",),
        values={("王立", "key"): "8"},
    ),
    Case(
        "number_lacking_in_one_row",
        _one("名册", [*_PLAIN, [None, "妻子", "周兰", OTHER_WIFE]]),
        TWO,
        held_back=1,
        errors=places(("名册", 5, "家庭编号", "household_missing"), ("名册", 5, "关系", "no_head")),
    ),
    Case(
        "head_named_in_each_row",
        _one(
            "名册",
            [
                ["户主姓名", "户主身份证号", "姓名", "身份证号", "与户主关系"],
                ["陈安", HEAD, "陈安", HEAD, "户主"],
                ["陈安", HEAD, "李宁", WIFE, "妻子"],
                ["王立", OTHER, "周兰", OTHER_WIFE, "妻子"],
            ],
        ),
        (("陈安", "李宁"), ("王立", "周兰")),
        layouts=("flat",),
    ),
    Case(
        "heads_only",
        _one("名册", [["职工姓名", "身份证号码", "联系电话"], ["陈安", HEAD, 13800000001], ["王立", OTHER, None]]),
        (("陈安",), ("王立",)),
        layouts=("flat",),
        values={("陈安", "phone"): "13800000001"},
    ),
    Case(
        "one_row_a_household",
        _one(
            "名册",
            [
                ["姓名", "身份证号", "电话", "配偶姓名", "配偶身份证号", "家庭成员2姓名", "家庭成员2关系", "家庭成员2身份证号"],
                ["陈安", HEAD, "13800000001", "李宁", WIFE, "陈小", "儿子", SON],
                ["王立", OTHER, None, None, None, None, None, None],
            ],
        ),
        (("陈安", "李宁", "陈小"), ("王立",)),
        layouts=("wide",),
        values={("李宁", "relation"): "wife"},
    ),
    Case(
        "names_repeat_without_words",
        _one(
            "名册",
            [
                ["姓名", "身份证号", "住址", "姓名", "关系", "身份证号", "姓名", "关系", "身份证号"],
                ["陈安", HEAD, "甲路1号", "李宁", "妻子", WIFE, "陈小", "儿子", SON],
            ],
        ),
        (("陈安", "李宁", "陈小"),),
        layouts=("wide",),
    ),
    Case(
        "sheet_a_township",
        (
            Sheet("说明", [["请按本表填写"], ["一、姓名照户口簿填写"]]),
            Sheet("甲镇", _PLAIN[:3]),
            Sheet("乙镇", [_PLAIN[0], [1, "户主", "王立", OTHER]]),
            Sheet("空", []),
        ),
        TWO,
        layouts=("ignored", "flat", "flat", "ignored"),
        values={("陈安", "key"): "甲镇/1", ("王立", "key"): "乙镇/1"},
    ),
    Case(
        "form_and_supplement",
        (
            Sheet("档案", _PLAIN),
            Sheet(
                "补充",
                [
                    ["家庭编号", "身份证号", "有劳动能力", "因病刚性支出", "财产情形", "申请项目"],
                    [1, HEAD, "否", 5000, None, "医疗救助；金秋助学"],
                    [1, WIFE.lower(), "是", None, None, None],
                    [9, THIRD, "是", None, None, None],
                ],
            ),
        ),
        TWO,
        errors=places(("补充", 4, "身份证号", "supplement_unmatched")),
        layouts=("flat", "supplement"),
        values={
            ("陈安", "able_to_work"): False,
            ("李宁", "able_to_work"): True,
            ("陈安", "cost_illness_fen"): 500000,
            ("陈安", "applied_programmes"): ["medical", "schooling"],
        },
    ),
    Case(
        "heads_and_members_apart",
        (
            Sheet("职工", [["姓名", "身份证号", "住址"], ["陈安", HEAD, "甲路1号"]]),
            Sheet(
                "家属",
                [["户主身份证号", "姓名", "关系", "身份证号"], [HEAD, "李宁", "妻子", WIFE], [HEAD, "陈小", "儿子", SON]],
            ),
        ),
        (("陈安", "李宁", "陈小"),),
        layouts=("flat", "flat"),
    ),
    Case(
        "heads_without_a_word",
        _one(
            "名册",
            [
                ["序号", "姓名", "与户主关系", "身份证号"],
                [1, "陈安", None, HEAD],
                [None, "李宁", "妻子", WIFE],
                [2, "王立", None, OTHER],
            ],
        ),
        TWO,
    ),
    Case(
        "members_side_by_side_under_one_heading",
        _one(
            "名册",
            [
                ["户主", None, "家庭成员情况", None, None, None, None, None],
                ["姓名", "身份证号", "姓名", "关系", "身份证号", "姓名", "关系", "身份证号"],
                ["陈安", HEAD, "李宁", "妻子", WIFE, "陈小", "儿子", SON],
            ],
            Merge(1, 0, 1, 1),
            Merge(1, 2, 1, 7),
        ),
        (("陈安", "李宁", "陈小"),),
        layouts=("wide",),
    ),
    Case(
        "head_not_named_in_its_own_row",
        _one(
            "名册",
            [
                ["姓名", "身份证号", "关系", "户主身份证号"],
                ["陈安", HEAD, "户主", None],
                ["李宁", WIFE, "妻子", HEAD],
                ["王立", OTHER, "户主", None],
                ["周兰", OTHER_WIFE, "妻子", OTHER],
            ],
        ),
        (("陈安", "李宁"), ("王立", "周兰")),
    ),
    Case(
        "spouse_by_name_alone",
        _one("名册", [["姓名", "身份证号", "配偶姓名"], ["陈安", HEAD, "李宁"]]),
        (("陈安",),),
        warnings=places(("名册", 1, "配偶姓名", "heading_unknown")),
    ),
    Case("no_roster", _one("说明", [["通知"], ["请各单位报送"]]), refused="no_roster"),
    Case(
        "no_identity_column",
        _one("名册", [["姓名", "关系", "住址"], ["陈安", "户主", "甲路1号"]]),
        refused="columns_missing",
    ),
    Case(
        "hidden_sheet_is_data",
        (Sheet("名册", _PLAIN), Sheet("旧", [["姓名", "身份证号"], ["郑三", THIRD]], visible=False)),
        (*TWO, ("郑三",)),
        layouts=("flat", "flat"),
    ),
    Case(
        "rows_that_are_nobody",
        _one(
            "名册",
            [
                ["姓名", "关系", "身份证号", "住址", "月收入"],
                ["陈安", "户主", HEAD, "甲路1号", 100],
                [None, None, None, "此户待核", None],
                ["陈丫", "女儿", DAUGHTER, None, 0],
                [None, None, None, None, 0],
            ],
        ),
        (("陈安", "陈丫"),),
        warnings=places(("名册", 3, "", "row_ignored")),
    ),
)
