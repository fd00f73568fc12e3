"""Dated figures of policy that living relief rests on (生活救助政策参数).

The defaults hold for the whole country until a level below sets its own. What differs from place to place by law, the
minimum living standard and the minimum wage, has no national value.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, Literal

from core.codes import labels
from core.host.declarations import ParameterDecl, ParameterValue

_FROM = date(2020, 1, 1)
_PRACTICE = "各地工会帮扶工作通行做法"
_FUND = "中央财政专项帮扶资金使用管理办法（2015年）"

Unit = Literal["fen", "days", "working_days", "basis_points", "years", "months", "flag", "codes", "count"]


def _national(
    name: str,
    zh: str,
    en: str,
    unit: Unit,
    value: Any,
    clause: str = "domain 10",
    source: str = _PRACTICE,
    code_list: str | None = None,
) -> ParameterDecl:
    options = partial(labels, code_list) if code_list else None
    return ParameterDecl(name, zh, en, unit, clause, (ParameterValue(_FROM, value, source, clause),), options=options)


PARAMETERS: tuple[ParameterDecl, ...] = (
    ParameterDecl(
        "minimum_living_standard",
        "城市居民最低生活保障标准（月人均）",
        "minimum living standard a month per head",
        "fen",
        "domain 10",
    ),
    ParameterDecl("minimum_wage", "最低工资标准（月）", "minimum wage a month", "fen", "domain 10"),
    _national(
        "impute_minimum_wage",
        "有劳动能力未就业人员按最低工资核定收入",
        "count the minimum wage for able persons out of work",
        "flag",
        False,
    ),
    _national(
        "count_residents_pension",
        "城乡居民基本养老金计入家庭收入",
        "count the residents' basic pension as income",
        "flag",
        True,
    ),
    _national(
        "rigid_expense_kinds",
        "计入的刚性支出类别",
        "kinds of rigid expense that count",
        "codes",
        ["illness", "disability", "schooling", "housing", "long_term_care"],
        code_list="rigid_expense_kind",
    ),
    _national(
        "relative_multiple", "相对困难线占低保标准的比例", "relative difficulty as a share of the line", "basis_points", 15_000
    ),
    _national("accident_share", "意外致困损失占家庭年收入的比例", "loss as a share of yearly income", "basis_points", 8_000),
    _national(
        "property_exclusions",
        "不予认定的财产情形",
        "property that bars aid",
        "codes",
        ["two_dwellings", "vehicle", "fee_school", "controlling_owner", "shop_or_employer"],
        source="社会救助暂行办法第九条",
        code_list="property_exclusion",
    ),
    _national("working_age_from", "劳动年龄下限", "working age from", "years", 16),
    _national("working_age_to_male", "劳动年龄上限（男）", "working age of men, below", "years", 60),
    _national("working_age_to_female", "劳动年龄上限（女）", "working age of women, below", "years", 55),
    _national(
        "living_amount_deep", "年度生活救助标准（深度困难）", "yearly relief, deep difficulty", "fen", 120_000, "domain 4.4.1"
    ),
    _national(
        "living_amount_relative",
        "年度生活救助标准（相对困难）",
        "yearly relief, relative difficulty",
        "fen",
        80_000,
        "domain 4.4.1",
    ),
    _national(
        "living_amount_accident", "年度生活救助标准（意外致困）", "yearly relief, accident", "fen", 100_000, "domain 4.4.1"
    ),
    _national(
        "living_amount_model_worker",
        "年度生活救助标准（劳模及低收入）",
        "yearly relief, model workers and low income",
        "fen",
        60_000,
        "domain 4.4.1",
    ),
    _national(
        "living_ceiling_months",
        "生活救助上限（低保标准月数）",
        "ceiling of living relief in months of the line",
        "months",
        12,
        source=_FUND,
    ),
    _national(
        "medical_self_paid_threshold", "医疗救助自付起付线（年）", "medical aid from self-paid cost a year", "fen", 500_000
    ),
    _national("medical_rate", "医疗救助比例", "medical aid as a share of self-paid cost", "basis_points", 5_000, source=_FUND),
    _national("medical_cap", "医疗救助封顶线", "most that medical aid pays", "fen", 500_000, source=_FUND),
    _national(
        "schooling_amount_higher", "金秋助学标准（高等教育）", "schooling aid, higher education", "fen", 500_000, source=_FUND
    ),
    _national(
        "schooling_amount_secondary",
        "金秋助学标准（中等教育）",
        "schooling aid, secondary education",
        "fen",
        300_000,
        source=_FUND,
    ),
)
