"""Cases of careless hands: whose members they are, what is signed below, what stands for a number of the file."""

from __future__ import annotations

from tests.roster_corpus.case import HEAD, OTHER, OTHER_WIFE, SON, THIRD, WIFE, Case, Sheet, places

OFFICES = (
    Case(
        "townships_number_for_themselves",
        (
            Sheet(
                "东街道",
                [["户号", "关系", "姓名", "身份证号"], [1, "户主", "陈安", HEAD], [1, "妻子", "李宁", WIFE]],
            ),
            Sheet(
                "西街道",
                [["户号", "关系", "姓名", "身份证号"], [1, "妻子", "周平", OTHER_WIFE], [2, "户主", "王立", OTHER]],
            ),
        ),
        (("陈安", "李宁"), ("王立",)),
        held_back=1,
        errors=places(("西街道", 2, "关系", "no_head")),
    ),
    Case(
        "members_in_a_sheet_of_their_own",
        (
            Sheet("户主", [["户号", "关系", "姓名", "身份证号"], [1, "户主", "陈安", HEAD], [2, "户主", "王立", OTHER]]),
            Sheet("成员", [["户号", "关系", "姓名", "身份证号"], [2, "妻子", "周平", OTHER_WIFE], [1, "妻子", "李宁", WIFE]]),
        ),
        (("陈安", "李宁"), ("王立", "周平")),
    ),
    Case(
        "a_head_of_whom_nothing_is_told",
        (
            Sheet(
                "名册",
                [
                    ["序号", "姓名", "关系", "身份证号", "住址"],
                    [1, "陈安", "户主", HEAD, "蜀门北路1号"],
                    [2, "李宁", "妻子", WIFE],
                    [3, None, "户主"],
                    [4, "周平", "妻子", OTHER_WIFE],
                ],
            ),
        ),
        (("陈安", "李宁"),),
        held_back=1,
        errors=places(("名册", 4, "姓名", "name_missing"), ("名册", 4, "身份证号", "identity_missing")),
    ),
    Case(
        "signatures_under_the_columns",
        (
            Sheet(
                "名册",
                [
                    ["姓名", "身份证号", "月收入"],
                    ["陈安", HEAD, 100],
                    ["填表人：李某", "审核人：赵某", "2025年9月1日"],
                    ["负责人：", "（盖章）"],
                    ["填海", "没有证号", 100],
                ],
            ),
        ),
        (("陈安",),),
        held_back=1,
        errors=places(("名册", 5, "身份证号", "identity_form")),
    ),
    Case(
        "a_supplement_that_speaks_of_heads",
        (
            Sheet("名册", [["姓名", "身份证号"], ["陈安", HEAD]]),
            Sheet("补充", [["身份证号", "户主手机", "户主学历"], [HEAD, "13800000001", "大专"]]),
        ),
        (("陈安",),),
        values={("陈安", "phone"): "13800000001", ("陈安", "education"): "30"},
        layouts=("flat", "supplement"),
    ),
    Case(
        "digits_that_are_none",
        (
            Sheet(
                "名册",
                [["姓名", "身份证号", "家庭人口", "姓名٣", "建档日期"], ["陈安", HEAD, "①", None, "①②③④⑤"]],
            ),
        ),
        held_back=1,
        errors=places(("名册", 2, "家庭人口", "wrong_type"), ("名册", 2, "建档日期", "date_wrong")),
        warnings=places(("名册", 1, "姓名٣", "heading_unknown")),
    ),
    Case(
        "circles_before_headings",
        (
            Sheet(
                "名册",
                [
                    ["①姓名", "② 身份证号", "★③月收入（元）"],
                    ["陈安", HEAD, "1,200"],
                ],
            ),
        ),
        (("陈安",),),
        values={("陈安", "income_unsorted_fen"): 120_000},
    ),
    Case(
        "identity_numbers_as_other_numbers",
        (
            Sheet(
                "名册",
                [
                    ["家庭编号", "关系", "姓名", "身份证号", "职工编号"],
                    [f"{HEAD[:6]} {HEAD[6:14]} {HEAD[14:]}", "户主", "陈安", HEAD, HEAD],
                    [f"户-{OTHER}", "户主", "王立", OTHER, "D-0001"],
                    [THIRD.lower(), "户主", "郑三", THIRD, f" {THIRD} "],
                    ["2024-0017", "户主", "张四", SON, None],
                ],
            ),
        ),
        (("陈安",), ("王立",), ("郑三",), ("张四",)),
        warnings=places(("名册", 2, "职工编号", "file_number_is_identity"), ("名册", 4, "职工编号", "file_number_is_identity")),
        values={
            ("陈安", "key"): "名册!2",
            ("王立", "key"): "名册!3",
            ("郑三", "key"): "名册!4",
            ("张四", "key"): "2024-0017",
            ("陈安", "file_number"): None,
            ("王立", "file_number"): "D-0001",
        },
    ),
)
