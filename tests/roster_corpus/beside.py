"""Cases of forms side by side in one sheet, alone and with others below them."""

from __future__ import annotations

from core.spreadsheets.cells import Cell, Merge
from tests.roster_corpus.case import (
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

Rows = list[list[Cell]]
FOURTH = number("19880606", 87)


def _form(name: Cell, identity: Cell, *members: list[Cell], title: str = "困难职工档案表", **more: Cell) -> Rows:
    rows: Rows = [
        [title],
        ["职工编号", more.get("file_number"), "困难类别", None],
        ["姓名", name, "性别", more.get("gender")],
        ["身份证号", identity, "手机", more.get("phone")],
        ["住址", more.get("address")],
    ]
    if members:
        rows += [["姓名", "关系", "身份证号", "月收入"], *members]
    return [*rows, ["备注", more.get("remark")]]


def _signed(name: str, identity: str, phone: Cell, filled_in: list[Cell]) -> Rows:
    return [["姓名", name, "身份证号", identity], ["住址", "甲路1号", "手机", phone], filled_in]


def _beside(*bands: Rows, gap: int = 0, width: int = 4) -> Rows:
    """Forms, or stacks of forms, beside each other, with ``gap`` blank columns between them."""
    rows: Rows = []
    for place in range(max(map(len, bands))):
        row: list[Cell] = []
        for band in bands:
            cells = band[place] if place < len(band) else []
            row += [*cells, *[None] * (width - len(cells)), *[None] * gap]
        rows.append(row if any(cell is not None for cell in row) else [])
    return rows


def _case(name: str, rows: Rows, *merges: Merge, **answers: object) -> Case:
    return Case(name, (Sheet("档案", rows, merges),), layouts=("form",), **answers)  # type: ignore[arg-type]  # of Case


_CHEN = _form("陈安", HEAD, ["李宁", "妻子", WIFE, 500], ["陈小", "儿子", SON, None], address="甲路1号", remark="无房")
_WANG = _form("王立", OTHER, ["周兰", "妻子", OTHER_WIFE, 300], file_number="D-2", phone="13800000002", address="乙路2号")
_ZHENG = _form("郑三", THIRD, gender="男", address="丙路3号", remark="租房")
_WU = _form("吴四", FOURTH, address="丁路4号")

_SIGNATURES: tuple[tuple[str, list[Cell]], ...] = (
    ("filled_them_in", ["填表人", "李某", "填表日期", "2025-08-01"]),
    ("shall_fill_them_in", ["填表人", None, None, None]),
    ("may_be_called", ["联系人："]),
)

BESIDE = (
    _case(
        "two_forms_side_by_side",
        _beside(_CHEN, _WANG, gap=1),
        Merge(1, 0, 1, 3),
        Merge(1, 5, 1, 8),
        Merge(5, 1, 5, 3),
        Merge(5, 6, 5, 8),
        households=(("陈安", "李宁", "陈小"), ("王立", "周兰")),
        values={
            ("陈安", "key"): "档案!3",
            ("王立", "key"): "档案!F3",
            ("陈安", "address"): "甲路1号",
            ("陈安", "file_number"): None,
            ("陈安", "phone"): None,
            ("王立", "file_number"): "D-2",
            ("王立", "phone"): "13800000002",
            ("王立", "address"): "乙路2号",
            ("王立", "remark"): None,
            ("李宁", "income_unsorted_fen"): 50000,
            ("周兰", "income_unsorted_fen"): 30000,
        },
    ),
    _case(
        "forms_side_by_side_and_one_under_another",
        _beside([*_CHEN, [], *_ZHENG], [*_WANG, *_WU], _form(None, None)),
        Merge(1, 0, 1, 11),
        households=(("陈安", "李宁", "陈小"), ("郑三",), ("王立", "周兰"), ("吴四",)),
        values={
            ("郑三", "address"): "丙路3号",
            ("吴四", "address"): "丁路4号",
            ("吴四", "phone"): None,
            ("郑三", "remark"): "租房",
        },
    ),
    _case(
        "forms_side_by_side_that_begin_in_other_rows",
        _beside(_CHEN, [[], [], *_WANG], [[], *_ZHENG]),
        households=(("陈安", "李宁", "陈小"), ("王立", "周兰"), ("郑三",)),
        values={("王立", "address"): "乙路2号", ("郑三", "address"): "丙路3号", ("郑三", "remark"): "租房"},
    ),
    _case(
        "forms_side_by_side_with_faults",
        _beside(
            _form("陈安", HEAD, ["李宁", "妻子", WIFE, "若干"], phone="13800000001", address="甲路1号"),
            _form("王立", OTHER, ["周兰", "儿子", OTHER_WIFE, 300]),
            _form("郑三", THIRD[:17] + "?"),
            gap=1,
        ),
        held_back=2,
        households=(("王立", "周兰"),),
        errors=places(("档案", 7, "月收入", "money_wrong"), ("档案", 4, "身份证号", "identity_form")),
        warnings=places(("档案", 7, "关系", "sex_and_relation"), ("档案", 7, "关系", "age_and_relation")),
    ),
    _case(
        "forms_of_labels_with_values_side_by_side",
        _beside(
            [["姓名：陈安", "性别：男"], [f"身份证号：{HEAD}"], ["住址：甲路1号"]],
            [["姓名：王立", "性别：男"], [f"身份证号：{OTHER}"], ["住址：乙路2号"]],
            width=2,
        ),
        households=(("陈安",), ("王立",)),
        values={("陈安", "address"): "甲路1号", ("王立", "address"): "乙路2号"},
    ),
    _case(
        "forms_that_cannot_be_told_apart",
        [
            ["姓名", "陈安", "身份证号", HEAD, "姓名", "王立"],
            ["住址", "甲路1号", "身份证号", OTHER, None, None],
        ],
        held_back=1,
        errors=places(("档案", 2, "身份证号", "identity_of_nobody")),
        warnings=places(("档案", 1, "姓名", "column_doubled"), ("档案", 2, "身份证号", "column_doubled")),
    ),
    _case(
        "a_spouse_beside_the_worker_is_no_household",
        [
            ["本人", None, None, None, "配偶", None, None, None],
            ["姓名", "陈安", "身份证号", HEAD, "姓名", "李宁", "身份证号", WIFE],
            ["住址", "甲路1号"],
        ],
        Merge(1, 0, 1, 3),
        Merge(1, 4, 1, 7),
        held_back=1,
        errors=places(("档案", 2, "身份证号", "identity_of_nobody")),
        warnings=places(("档案", 2, "姓名", "column_doubled"), ("档案", 2, "身份证号", "column_doubled")),
    ),
    _case(
        "a_spouse_below_the_worker_is_no_household",
        [
            ["姓名", "陈安", "身份证号", HEAD],
            ["住址", "甲路1号"],
            ["配偶", "姓名", "李宁", "身份证号", WIFE],
        ],
        held_back=1,
        errors=places(("档案", 3, "身份证号", "identity_of_nobody")),
        warnings=places(("档案", 3, "姓名", "column_doubled"), ("档案", 3, "身份证号", "column_doubled")),
    ),
    _case(
        "who_acts_for_the_worker_is_nobody_of_the_household",
        [
            ["姓名", "陈安", "身份证号", HEAD],
            ["住址", "甲路1号"],
            ["代理人", "姓名", "李宁", "身份证号", WIFE],
        ],
        households=(("陈安",),),
        values={("陈安", "address"): "甲路1号", ("陈安", "number"): HEAD},
        warnings=places(("档案", 3, "姓名", "column_doubled"), ("档案", 3, "身份证号", "column_doubled")),
    ),
    _case(
        "members_in_a_table_whose_names_stand_in_another_column",
        [
            ["姓名", "陈安"],
            ["身份证号", HEAD],
            ["住址", "甲路1号"],
            ["家庭成员", "关系", "姓名", "身份证号", "月收入"],
            [None, "妻子", "李宁", WIFE, 500],
            [None, "儿子", "陈小", SON, 0],
        ],
        Merge(4, 0, 6, 0),
        households=(("陈安", "李宁", "陈小"),),
        values={("陈安", "address"): "甲路1号", ("李宁", "income_unsorted_fen"): 50000},
    ),
    _case(
        "labels_with_values_above_a_table_whose_names_stand_in_another_column",
        [
            ["姓名：陈安", f"身份证号：{HEAD}"],
            ["住址：甲路1号"],
            ["序号", "姓名", "关系", "身份证号"],
            [1, "李宁", "妻子", WIFE],
        ],
        households=(("陈安", "李宁"),),
    ),
    _case(
        "the_worker_s_name_twice_above_a_table",
        [
            ["职工姓名", "陈安", "户主姓名", "陈安"],
            ["身份证号", HEAD, "手机", "13800000001"],
            ["住址", "甲路1号"],
            ["姓名", "关系", "身份证号", "月收入"],
            ["李宁", "妻子", WIFE, 500],
        ],
        households=(("陈安", "李宁"),),
        values={("陈安", "phone"): "13800000001", ("陈安", "number"): HEAD, ("李宁", "number"): WIFE},
    ),
    _case(
        "one_table_of_members_below_two_names",
        [
            ["姓名", "陈安", "姓名", "王立"],
            ["身份证号", HEAD, "身份证号", OTHER],
            ["住址", "甲路1号", "住址", "乙路2号"],
            ["姓名", "关系", "身份证号", "月收入"],
            ["李宁", "妻子", WIFE, 500],
        ],
        held_back=1,
        errors=places(("档案", 2, "身份证号", "identity_of_nobody")),
        warnings=places(*(("档案", row, name, "column_doubled") for row, name in enumerate(("姓名", "身份证号", "住址"), 1))),
    ),
    *(
        _case(
            f"forms_one_under_another_that_end_with_who_{ends}",
            [*_signed("陈安", HEAD, None, signed), *_signed("王立", OTHER, "13800000001", signed)],
            households=(("陈安",), ("王立",)),
            values={("陈安", "phone"): None, ("王立", "phone"): "13800000001"},
        )
        for ends, signed in _SIGNATURES
    ),
    *(
        _case(
            f"{titled}_beside_the_worker_is_no_household",
            [
                ["本人", None, None, None, word, None, None, None],
                ["姓名", "陈安", "身份证号", HEAD, "姓名", "李宁", "身份证号", WIFE],
                ["住址", "甲路1号", "手机", None, "住址", "甲路1号", "手机", None],
            ],
            Merge(1, 0, 1, 3),
            Merge(1, 4, 1, 7),
            held_back=1,
            errors=places(("档案", 2, "身份证号", "identity_of_nobody")),
            warnings=places(("档案", 2, "姓名", "column_doubled"), ("档案", 2, "身份证号", "column_doubled")),
        )
        for titled, word in (("a_wife", "妻子"), ("a_lover", "爱人"), ("spouse_s_particulars", "配偶基本情况"))
    ),
    Case(
        "a_form_with_a_list_of_persons_beside_it",
        (
            Sheet(
                "档案",
                [
                    ["姓名", "陈安", "姓名", "身份证号", "手机"],
                    ["身份证号", HEAD, "李宁", WIFE, "13800000001"],
                    ["住址", "甲路1号", "王立", OTHER, "13800000002"],
                ],
                (),
            ),
        ),
        layouts=("flat",),
        held_back=2,
        errors=places(("档案", 2, "姓名", "name_wrong"), ("档案", 3, "姓名", "name_wrong")),
        warnings=places(("档案", 1, "陈安", "heading_unknown"), ("档案", 1, "姓名", "heading_unknown")),
    ),
)
