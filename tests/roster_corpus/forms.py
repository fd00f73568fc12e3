"""Cases of forms: one household a sheet, and several one under another."""

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
    number,
    places,
)


def _one(name: str, rows: list[list[Cell]], *merges: Merge) -> tuple[Sheet, ...]:
    return (Sheet(name, rows, merges),)


def _form(
    name: Cell, identity: Cell, *members: list[Cell], title: str | None = "困难职工档案表", **more: Cell
) -> list[list[Cell]]:
    """The rows of one form, its table as long as its household."""
    rows: list[list[Cell]] = [
        ["职工编号", more.get("file_number"), "困难类别", None],
        ["姓名", name, "性别", more.get("gender")],
        ["身份证号", identity, "手机", more.get("phone")],
        ["住址", more.get("address")],
    ]
    if title:
        rows.insert(0, [title])
    if members:
        rows += [["姓名", "关系", "身份证号", "月收入"], *members]
    return [*rows, ["备注", more.get("remark")]]


def _many(count: int) -> list[list[Cell]]:
    """So many forms, more rows than one form has and than come at once."""
    rows: list[list[Cell]] = []
    for place in range(count):
        rows += [*_form(f"甲{'一二三四五六七八九十'[place % 10]}", number("19800101", 1 + 2 * place), title=None), []]
    return rows


FORMS = (
    Case(
        "form",
        (
            Sheet(
                "陈安",
                [
                    ["困难职工档案表"],
                    ["职工编号", "D-17", "困难类别", "低保户", None, None],
                    ["姓名", "陈安", "性别", "男", "民族", "汉"],
                    ["身份证号", HEAD, None, None, "出生日期", "1980年3月"],
                    ["住址", "甲路1号", None, None, "手机", "13800000001"],
                    ["家庭成员", "姓名", "关系", "性别", "身份证号", "月收入"],
                    [None, "李宁", "妻子", "女", WIFE, 500],
                    [None, "陈小", "儿子", "男", SON, None],
                    ["主要致困原因", "子女上学", None, "次要致困原因", None, None],
                    ["备注", "无"],
                ],
                (Merge(1, 0, 1, 5), Merge(4, 1, 4, 3), Merge(5, 1, 5, 3), Merge(6, 0, 8, 0)),
            ),
            Sheet("王立", [["姓名", "王立", "性别", "男"], ["身份证号", OTHER, "手机", "13800000002"], ["住址", "乙路2号"]]),
        ),
        (("陈安", "李宁", "陈小"), ("王立",)),
        warnings=places(("陈安", 2, "困难类别", "former_kind")),
        layouts=("form", "form"),
        values={
            ("陈安", "former_kind"): "low_income",
            ("陈安", "file_number"): "D-17",
            ("陈安", "main_cause"): "09",
            ("李宁", "income_unsorted_fen"): 50000,
            ("王立", "address"): "乙路2号",
        },
    ),
    Case(
        "form_of_labels_with_values",
        _one(
            "申请表",
            [
                ["姓名：陈安", "性别：男"],
                [f"身份证号：{HEAD}"],
                ["家庭成员"],
                ["姓名", "关系", "身份证号"],
                ["李宁", "妻子", WIFE],
            ],
        ),
        (("陈安", "李宁"),),
        layouts=("form",),
    ),
    Case(
        "form_with_values_below",
        _one(
            "登记表",
            [
                ["困难职工登记表"],
                ["姓名", "性别", "身份证号", "联系电话"],
                ["陈安", "男", HEAD, "13800000001"],
                ["家庭住址", None, "家庭人口", None],
                ["甲路1号", None, "2", None],
                ["家庭成员情况"],
                ["姓名", "与本人关系", "身份证号", "工作单位"],
                ["李宁", "妻子", WIFE, "某厂"],
                ["社区意见", "情况属实", None, "周某"],
                ["备注", "无房"],
            ],
        ),
        (("陈安", "李宁"),),
        layouts=("form",),
        values={
            ("陈安", "address"): "甲路1号",
            ("陈安", "phone"): "13800000001",
            ("李宁", "unit_or_school"): "某厂",
            ("陈安", "remark"): "无房",
        },
    ),
    Case(
        "forms_one_under_another",
        _one(
            "档案",
            [
                *_form(
                    "陈安", HEAD, ["李宁", "妻子", WIFE, 500], ["陈小", "儿子", SON, None], address="甲路1号", remark="无房"
                ),
                *_form("王立", OTHER, file_number="D-2", phone="13800000002", address="乙路2号"),
                [],
                *_form("郑三", THIRD, ["周平", "妻子", OTHER_WIFE, 300], gender="男", remark="租房"),
            ],
            Merge(1, 0, 1, 3),
            Merge(10, 0, 10, 3),
            Merge(17, 0, 17, 3),
        ),
        (("陈安", "李宁", "陈小"), ("王立",), ("郑三", "周平")),
        layouts=("form",),
        values={
            ("陈安", "key"): "档案!3",
            ("陈安", "remark"): "无房",
            ("李宁", "income_unsorted_fen"): 50000,
            ("王立", "file_number"): "D-2",
            ("王立", "phone"): "13800000002",
            ("王立", "address"): "乙路2号",
            ("王立", "remark"): None,
            ("郑三", "remark"): "租房",
            ("郑三", "address"): None,
            ("周平", "income_unsorted_fen"): 30000,
        },
    ),
    Case(
        "forms_one_under_another_with_faults",
        _one(
            "档案",
            [
                *_form("陈安", HEAD, address="甲路1号"),
                [],
                *_form("王立", OTHER[:17] + "?", ["李宁", "妻子", float(WIFE), 10], address="乙路2号"),
                [],
                *_form("郑三", THIRD, ["陈小", "妻子", SON, "若干"]),
                [],
                *_form(None, number("19900512", 1), address="丙路3号"),
                [],
                *_form("周五", None, address="丁路4号"),
                [],
                *_form(None, None),
                [],
                *_form(None, None, address="戊路5号"),
                [],
                *_form("周六", HEAD),
            ],
        ),
        held_back=6,
        errors=places(
            ("档案", 4, "身份证号", "number_two_names"),
            ("档案", 11, "身份证号", "identity_form"),
            ("档案", 14, "身份证号", "identity_as_number"),
            ("档案", 23, "月收入", "money_wrong"),
            ("档案", 28, "姓名", "name_missing"),
            ("档案", 36, "身份证号", "identity_missing"),
            ("档案", 57, "身份证号", "number_two_names"),
        ),
        warnings=places(
            ("档案", 23, "关系", "sex_and_relation"),
            ("档案", 47, "", "row_ignored"),
        ),
        layouts=("form",),
    ),
    Case(
        "forms_of_labels_one_under_another",
        _one(
            "申请表",
            [
                ["困难职工申请表（2025年）", "单位：元"],
                ["姓名：陈安", "性别：男"],
                [f"身份证号：{HEAD}", "住址：甲路1号"],
                ["家庭成员"],
                ["姓名", "关系", "身份证号"],
                ["李宁", "妻子", WIFE],
                ["填表人：李某", "审核人：赵某"],
                ["困难职工申请表（2024年）", "单位：元"],
                ["姓名：王立", "性别：女"],
                [f"身份证号：{OTHER}"],
                ["家庭成员"],
                ["姓名", "关系", "身份证号"],
                ["周兰", "妻子", OTHER_WIFE],
                ["经办人姓名：李某"],
            ],
        ),
        (("陈安", "李宁"),),
        held_back=1,
        errors=places(("申请表", 9, "性别", "sex_differs")),
        layouts=("form",),
        values={("陈安", "address"): "甲路1号", ("陈安", "reviewer"): "赵某", ("陈安", "employer_name"): None},
    ),
    Case(
        "forms_of_persons_one_under_another",
        _one(
            "登记表",
            [
                ["姓名", "陈安", "与户主关系", "本人", "身份证号", HEAD],
                ["住址", "甲路1号", "手机", "13800000001"],
                ["姓名", "李宁", "与户主关系", "配偶", "身份证号", WIFE],
                ["姓名", "王立", "与户主关系", "本人", "身份证号", OTHER],
                ["备注", "无房"],
                ["填表人", "李某", "姓名", "赵某", "手机", "13800000009"],
            ],
        ),
        (("陈安", "李宁"), ("王立",)),
        warnings=places(("登记表", 6, "姓名", "column_doubled"), ("登记表", 6, "手机", "column_doubled")),
        layouts=("form",),
        values={
            ("李宁", "relation"): "wife",
            ("陈安", "phone"): "13800000001",
            ("王立", "phone"): None,
            ("王立", "remark"): "无房",
        },
    ),
    Case(
        "form_with_labels_of_the_spouse",
        _one(
            "登记表",
            [
                ["姓名", "陈安", "身份证号", HEAD, "手机", "13800000003"],
                ["配偶姓名", "李宁", "配偶身份证号", WIFE, "配偶手机", "13800000002"],
                ["子女姓名", "陈小", "子女学校", "某校"],
                ["姓名", "关系", "身份证号"],
                ["陈丫", "女儿", DAUGHTER],
                [],
                ["姓名", "王立", "身份证号", OTHER],
                ["配偶姓名", "周兰", "配偶身份证号", OTHER_WIFE[:17] + "?", "手机", "13800000004"],
                ["申请人姓名", "王立", "联系电话", "13800000005"],
            ],
        ),
        (("陈安", "李宁", "陈丫"),),
        held_back=1,
        errors=places(("登记表", 8, "配偶身份证号", "identity_form")),
        warnings=places(
            ("登记表", 3, "子女姓名", "heading_unknown"),
            ("登记表", 3, "子女学校", "heading_unknown"),
            ("登记表", 9, "联系电话", "column_doubled"),
        ),
        layouts=("form",),
        values={("李宁", "relation"): "wife", ("李宁", "phone"): "13800000002", ("陈安", "phone"): "13800000003"},
    ),
    Case(
        "forms_with_labels_in_other_places",
        _one(
            "表",
            [
                ["姓名", "陈安", "身份证号", HEAD, "银行卡号", "卡丢了"],
                ["住址", "甲路1号"],
                [],
                [None, "姓名", "王立", "身份证号", OTHER],
                [None, "住址", "乙路2号", "银行卡号", "卡丢了"],
            ],
        ),
        held_back=2,
        errors=places(("表", 1, "银行卡号", "account_wrong"), ("表", 5, "银行卡号", "account_wrong")),
        layouts=("form",),
    ),
    Case(
        "a_label_that_is_left_alone",
        _one(
            "表",
            [
                ["姓名", "陈安", "身份证号", HEAD],
                ["住址", "甲路1号", "备注", "甲"],
                [],
                ["姓名", "王立", "身份证号", OTHER],
                ["备注", "乙"],
            ],
        ),
        (("陈安",), ("王立",)),
        remembered={"备注": None, "住址": "remark"},
        values={("陈安", "remark"): "甲路1号", ("王立", "remark"): None, ("陈安", "address"): None},
        layouts=("form",),
    ),
    Case(
        "hundreds_of_forms_in_one_sheet",
        _one("档案", _many(402)),
        tuple((f"甲{'一二三四五六七八九十'[place % 10]}",) for place in range(402)),
        layouts=("form",),
    ),
)
