"""Cases of contradiction: what only the row, the household or the whole file shows."""

from __future__ import annotations

from core.spreadsheets.cells import Cell
from tests.roster_corpus.case import DAUGHTER, HEAD, OTHER, OTHER_WIFE, SON, THIRD, WIFE, Case, Sheet, number, places


def roster(*rows: list[Cell]) -> tuple[Sheet, ...]:
    """One sheet."""
    return (Sheet("名册", list(rows)),)


_LARGE: list[list[Cell]] = [[1, "其他", "甲", number("19900101", place)] for place in range(1, 33)]
_TOO_MANY: list[list[Cell]] = [[1, "其他", "甲", HEAD] for _ in range(200)]
DOUBTS = (
    Case(
        "against_the_identity_number",
        roster(
            ["姓名", "身份证号", "性别", "出生日期"],
            ["陈安", HEAD, "女", "1980-03-15"],
            ["王立", OTHER, "男", "1975-01-03"],
            ["郑三", THIRD, "男", "1969年4月"],
        ),
        (("郑三",),),
        held_back=2,
        errors=places(("名册", 2, "性别", "sex_differs"), ("名册", 3, "出生日期", "birth_date_differs")),
    ),
    Case(
        "sums_and_sizes",
        roster(
            [
                "家庭编号",
                "关系",
                "姓名",
                "身份证号",
                "月收入",
                "家庭年度总收入",
                "家庭人口",
                "家庭月人均收入",
                "所属区县",
                "户籍地区划代码",
            ],
            [1, "户主", "陈安", HEAD, 1000, 20000, 3, 900, "成华区", "510108"],
            [1, "妻子", "李宁", WIFE, 500, None, None, None, None, None],
            [2, "户主", "王立", OTHER, 1000, 12000, 1, 1000, "锦江区", "510104"],
        ),
        (("陈安", "李宁"), ("王立",)),
        warnings=places(
            ("名册", 2, "家庭年度总收入", "total_differs"),
            ("名册", 2, "家庭人口", "size_differs"),
            ("名册", 2, "家庭月人均收入", "per_head_differs"),
            ("名册", 2, "所属区县", "other_county"),
            ("名册", 2, "户籍地区划代码", "other_county"),
        ),
    ),
    Case(
        "heads",
        roster(
            ["家庭编号", "关系", "姓名", "身份证号"],
            [1, "户主", "陈安", HEAD],
            [1, "本人", "李宁", WIFE],
            [2, "妻子", "周兰", OTHER_WIFE],
            [2, "儿子", "陈小", SON],
            [3, "户主", "王立", OTHER],
            [3, None, "陈丫", DAUGHTER],
        ),
        held_back=3,
        errors=places(
            ("名册", 3, "关系", "two_heads"), ("名册", 4, "关系", "no_head"), ("名册", 7, "关系", "relation_missing")
        ),
    ),
    Case(
        "the_same_person",
        roster(
            ["家庭编号", "关系", "姓名", "身份证号"],
            [1, "户主", "陈安", HEAD],
            [2, "户主", "陈安", HEAD],
            [3, "户主", "王立", OTHER],
            [4, "户主", "郑三", THIRD],
            [4, "妻子", "王丽", OTHER],
            [5, "户主", "周五", number("19900512", 9)],
            [5, "儿子", "陈小", SON],
            [6, "户主", "周六", number("19900512", 11)],
            [6, "儿子", "陈小", SON],
        ),
        held_back=6,
        errors=places(
            ("名册", 2, "身份证号", "head_twice"),
            ("名册", 3, "身份证号", "head_twice"),
            ("名册", 4, "身份证号", "number_two_names"),
            ("名册", 6, "身份证号", "number_two_names"),
            ("名册", 8, "身份证号", "person_twice"),
            ("名册", 10, "身份证号", "person_twice"),
        ),
        warnings=places(("名册", 6, "关系", "sex_and_relation")),
    ),
    Case(
        "ages_and_relations",
        roster(
            ["家庭编号", "关系", "姓名", "身份证号", "死亡日期"],
            [1, "户主", "陈安", HEAD, None],
            [1, "儿子", "王立", OTHER, None],
            [1, "岳父", "郑三", THIRD, "2024-05-01"],
            [2, "户主", "李宁", WIFE, "2025-10-01"],
        ),
        (("陈安", "王立", "郑三"),),
        held_back=1,
        errors=places(("名册", 5, "死亡日期", "died_in_future")),
        warnings=places(
            ("名册", 3, "关系", "age_and_relation"),
            ("名册", 4, "关系", "relation_other"),
            ("名册", 4, "死亡日期", "person_died"),
        ),
    ),
    Case(
        "many_persons",
        roster(["家庭编号", "关系", "姓名", "身份证号"], [1, "户主", "陈安", HEAD], *_LARGE),
        (("陈安", *("甲" for _ in _LARGE)),),
        warnings=places(("名册", 2, "家庭编号", "household_large")),
    ),
    Case(
        "too_many_persons",
        roster(["家庭编号", "关系", "姓名", "身份证号"], [1, "户主", "陈安", HEAD], *_TOO_MANY),
        held_back=1,
        errors=places(("名册", 2, "家庭编号", "household_too_large")),
    ),
    Case(
        "rows_of_one_household_differ",
        roster(
            ["家庭编号", "关系", "姓名", "身份证号", "住址", "单位性质"],
            [1, "户主", "陈安", HEAD, "甲路1号", "国企"],
            [1, "妻子", "李宁", WIFE, "乙路2号", "私企"],
            [1, "儿子", "陈小", SON, "甲路1号", None],
        ),
        (("陈安", "李宁", "陈小"),),
        warnings=places(("名册", 3, "住址", "differs_within_household"), ("名册", 3, "单位性质", "only_head")),
        values={("陈安", "address"): "甲路1号", ("陈安", "employer_nature"): "state_owned"},
    ),
    Case(
        "two_columns_of_one_thing",
        roster(["姓名", "身份证号", "月收入", "个人收入"], ["陈安", HEAD, 100, 200], ["王立", OTHER, 100, 100]),
        (("王立",),),
        held_back=1,
        errors=places(("名册", 2, "个人收入", "two_values")),
    ),
    Case(
        "lines_above_their_sum",
        roster(
            ["姓名", "身份证号", "月收入", "工资性收入", "居民养老金"],
            ["陈安", HEAD, 100, 200, None],
            ["王立", OTHER, 100, None, 150],
        ),
        held_back=2,
        errors=places(("名册", 2, "月收入", "income_above_sum"), ("名册", 3, "居民养老金", "pension_above_income")),
    ),
    Case(
        "file_numbers_and_dates",
        roster(
            ["姓名", "身份证号", "职工编号", "建档日期", "档案更新日期"],
            ["陈安", HEAD, "D1", "2024-01-01", "2024-06-01"],
            ["王立", OTHER, "D1", "2024-01-01", "2024-06-01"],
            ["郑三", THIRD, "D2", "2024-07-01", "2024-06-01"],
        ),
        held_back=3,
        errors=places(
            ("名册", 2, "职工编号", "file_number_twice"),
            ("名册", 3, "职工编号", "file_number_twice"),
            ("名册", 4, "档案更新日期", "dates_order"),
        ),
    ),
    Case(
        "supplement_twice",
        (
            *roster(["姓名", "身份证号"], ["陈安", HEAD], ["王立", OTHER]),
            Sheet("补充", [["身份证号", "因病刚性支出"], [HEAD, 1], [HEAD, 1]]),
            Sheet("没有表头", [["甲", HEAD], ["乙", OTHER]]),
            Sheet("缺列", [["姓名", "证件", "性别", "住址"], ["丙", "另有", "男", THIRD]]),
        ),
        (("王立",),),
        held_back=1,
        errors=places(("补充", 3, "身份证号", "supplement_twice"), ("缺列", 1, "", "columns_missing")),
        warnings=places(("没有表头", 0, "", "sheet_unread")),
    ),
    Case(
        "one_bad_row_holds_back_one_household",
        roster(
            ["家庭编号", "关系", "姓名", "身份证号"],
            [1, "户主", "陈安", HEAD],
            [1, "妻子", "李宁", float(WIFE)],
            [2, "户主", "王立", OTHER],
            [2, "妻子", "周兰", OTHER_WIFE],
        ),
        (("王立", "周兰"),),
        held_back=1,
        errors=places(("名册", 3, "身份证号", "identity_as_number")),
    ),
)
