"""The rules of living relief: difficulty, grounds and amounts (困难认定与救助测算, domain 4.4.1, 10).

All sums are whole fen and all comparisons exact: shares are compared by multiplying, never by dividing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import InvalidInput
from core.rules.declarations import Figure, KindLabel, Predicate, ProgrammeRule, RuleSet
from plugins.living_relief.columns import COLUMNS, COSTS
from plugins.living_relief.persons import PERSON_FIGURES

if TYPE_CHECKING:
    from core.rules.batch import Array, Reader

CITY_RANK_OR_ABOVE = ("national", "provincial", "prefecture")

_MOST_BASIS_POINTS = 10**5
_MOST_MONTHS = 1200
_KINDS = ("none", "deep", "relative", "accident")

# Households


def _yearly_income(read: Reader) -> Array:
    return 12 * read.household_sum("counted_income") + read["other_yearly_income"]


def _rigid(read: Reader) -> Array:
    total = read.zeros()
    for kind in read.listed("rigid_expense_kinds", "rigid_expense_kind"):
        if kind not in COSTS:
            raise InvalidInput(f"刚性支出类别 {kind} 尚未登记金额", f"no cost of the kind {kind} is kept", where=kind)
        total = total + read[f"cost_{kind}"]
    return total


def _per_head(read: Reader, yearly: Array) -> Array:
    found: Array = yearly // (12 * read["members"].clip(min=1))
    return found


def _income_per_head(read: Reader) -> Array:
    return _per_head(read, read["yearly_income"])


def _net_per_head(read: Reader) -> Array:
    return _per_head(read, read["net_income"])


def _kind(read: Reader) -> Array:
    import numpy as np

    conditions = [read["deep"], read["relative"], read["accident"]]
    found = np.select(conditions, [np.int64(_KINDS.index(kind)) for kind in _KINDS[1:]], np.int64(0))
    return np.where(read["has_exclusion"], np.int64(0), found)


def _living_amount(read: Reader) -> Array:
    import numpy as np

    by_kind = np.array(
        [read.number(f"living_amount_{name}") for name in ("model_worker", *(kind for kind in _KINDS if kind != "none"))],
        dtype=np.int64,
    )
    ceiling = read.number("minimum_living_standard") * read.number("living_ceiling_months", _MOST_MONTHS)
    return np.minimum(by_kind[read["kind"]], ceiling)


def _medical_amount(read: Reader) -> Array:
    import numpy as np

    share = read["cost_illness"] * read.number("medical_rate", _MOST_BASIS_POINTS) // 10_000
    amount: Array = np.minimum(share, read.number("medical_cap"))
    return amount


FIGURES = (
    *PERSON_FIGURES,
    Figure("members", "家庭人口", "members", "count", "domain 10", (), lambda read: read.members()),
    Figure(
        "yearly_income",
        "家庭年度总收入",
        "yearly income",
        "fen",
        "domain 10",
        ("counted_income", "other_yearly_income"),
        _yearly_income,
    ),
    Figure(
        "rigid",
        "刚性支出合计",
        "rigid costs",
        "fen",
        "domain 10",
        ("rigid_expense_kinds", *(f"cost_{kind}" for kind in COSTS)),
        _rigid,
    ),
    Figure(
        "net_income",
        "扣除刚性支出后年收入",
        "yearly income less rigid costs",
        "fen",
        "domain 10",
        ("yearly_income", "rigid"),
        lambda read: read["yearly_income"] - read["rigid"],
    ),
    Figure(
        "income_per_head",
        "家庭月人均收入",
        "income a month per head",
        "fen",
        "domain 10, 11",
        ("yearly_income", "members"),
        _income_per_head,
    ),
    Figure(
        "net_per_head",
        "扣除刚性支出后月人均收入",
        "income a month per head less rigid costs",
        "fen",
        "domain 10",
        ("net_income", "members"),
        _net_per_head,
    ),
    Figure(
        "line_of_household",
        "家庭年低保线",
        "the line for the household and a year",
        "fen",
        "domain 10",
        ("minimum_living_standard", "members"),
        lambda read: read.number("minimum_living_standard") * 12 * read["members"],
    ),
    Figure(
        "net_loss",
        "补偿后净损失",
        "loss after compensation",
        "fen",
        "domain 10",
        ("loss", "compensation"),
        lambda read: (read["loss"] - read["compensation"]).clip(min=0),
    ),
    Figure(
        "kind", "困难类别", "kind of difficulty", "code", "domain 10", ("has_exclusion", "deep", "relative", "accident"), _kind
    ),
    Figure(
        "living_amount",
        "年度生活救助金额",
        "amount of yearly relief",
        "fen",
        "domain 4.4.1",
        (
            "kind",
            "living_amount_deep",
            "living_amount_relative",
            "living_amount_accident",
            "living_amount_model_worker",
            "minimum_living_standard",
            "living_ceiling_months",
        ),
        _living_amount,
    ),
    Figure(
        "medical_amount",
        "医疗救助金额",
        "amount of medical aid",
        "fen",
        "domain 10",
        ("cost_illness", "medical_rate", "medical_cap"),
        _medical_amount,
    ),
    Figure(
        "schooling_amount",
        "金秋助学金额",
        "amount of schooling aid",
        "fen",
        "domain 10",
        ("student_amount",),
        lambda read: read.household_sum("student_amount"),
    ),
)


# Conditions


def _has_exclusion(read: Reader) -> Array:
    return read.any_of("property_flags", read.listed("property_exclusions", "property_exclusion"))


def _relative(read: Reader) -> Array:
    line = read["line_of_household"] * read.number("relative_multiple", _MOST_BASIS_POINTS)
    return ~read["deep"] & (read["net_income"] * 10_000 < line)


def _accident(read: Reader) -> Array:
    share = read["yearly_income"] * read.number("accident_share", _MOST_BASIS_POINTS)
    heavy = read["net_loss"] * 10_000 > share
    sunk = read["net_income"] - read["net_loss"] < read["line_of_household"]
    return (read["net_loss"] > 0) & (heavy | sunk)


def _model_worker(read: Reader) -> Array:
    return read.any_of("model_worker_rank", CITY_RANK_OR_ABOVE) & ~read["has_exclusion"]


def _medical(read: Reader) -> Array:
    return read["eligible"] & (read["cost_illness"] >= read.number("medical_self_paid_threshold"))


PREDICATES = (
    Predicate(
        "has_exclusion",
        "有财产限制情形",
        "property bars aid",
        "domain 10",
        ("property_flags", "property_exclusions"),
        _has_exclusion,
    ),
    Predicate(
        "deep",
        "扣除刚性支出后低于低保线",
        "below the line after rigid costs",
        "domain 10",
        ("net_income", "line_of_household"),
        lambda read: read["net_income"] < read["line_of_household"],
    ),
    Predicate(
        "relative",
        "扣除刚性支出后低于相对困难线",
        "below the relative line after rigid costs",
        "domain 10",
        ("deep", "net_income", "line_of_household", "relative_multiple"),
        _relative,
    ),
    Predicate(
        "accident",
        "意外损失达到致困标准",
        "loss brings difficulty",
        "domain 10",
        ("net_loss", "yearly_income", "net_income", "line_of_household", "accident_share"),
        _accident,
    ),
    Predicate(
        "eligible", "认定为困难职工家庭", "household in difficulty", "domain 10", ("kind",), lambda read: read["kind"] > 0
    ),
    Predicate(
        "below_line",
        "家庭人均收入低于低保标准",
        "income per head below the line",
        "domain 4.4.1",
        ("yearly_income", "line_of_household", "has_exclusion"),
        lambda read: (read["yearly_income"] < read["line_of_household"]) & ~read["has_exclusion"],
    ),
    Predicate(
        "special_difficulty",
        "特别困难职工",
        "special difficulty",
        "domain 4.4.1",
        ("kind",),
        lambda read: read["kind"] == _KINDS.index("deep"),
    ),
    Predicate(
        "model_worker",
        "市级以上劳动模范",
        "model worker of city rank or above",
        "domain 4.4.1",
        ("model_worker_rank", "has_exclusion"),
        _model_worker,
    ),
    Predicate(
        "qualifies_yearly_living",
        "符合年度生活救助条件",
        "qualifies for yearly relief",
        "domain 4.4.1",
        ("below_line", "special_difficulty", "model_worker"),
        lambda read: read["below_line"] | read["special_difficulty"] | read["model_worker"],
    ),
    Predicate(
        "qualifies_medical",
        "符合医疗救助条件",
        "qualifies for medical aid",
        "domain 10",
        ("eligible", "cost_illness", "medical_self_paid_threshold"),
        _medical,
    ),
    Predicate(
        "qualifies_schooling",
        "符合金秋助学条件",
        "qualifies for schooling aid",
        "domain 10",
        ("eligible", "schooling_amount"),
        lambda read: read["eligible"] & (read["schooling_amount"] > 0),
    ),
)

PROGRAMMES = (
    ProgrammeRule(
        "yearly_living",
        "年度生活救助",
        "yearly living relief",
        "domain 4.4.1",
        "qualifies_yearly_living",
        "living_amount",
        ("below_line", "special_difficulty", "model_worker"),
    ),
    ProgrammeRule("medical", "医疗救助", "medical aid", "domain 10", "qualifies_medical", "medical_amount", ("eligible",)),
    ProgrammeRule(
        "schooling",
        "金秋助学",
        "autumn schooling aid",
        "domain 10",
        "qualifies_schooling",
        "schooling_amount",
        ("eligible",),
        shares="student_amount",
    ),
)

RULES = RuleSet(
    name="living_relief",
    version="2025.1",
    plugin="living_relief",
    zh="困难职工家庭认定与救助测算",
    en="determination of households in difficulty and amounts of relief",
    clause="domain 4.4.1, 10",
    columns=COLUMNS,
    figures=FIGURES,
    predicates=PREDICATES,
    programmes=PROGRAMMES,
    parameters=(
        "minimum_living_standard",
        "minimum_wage",
        "impute_minimum_wage",
        "count_residents_pension",
        "rigid_expense_kinds",
        "relative_multiple",
        "accident_share",
        "property_exclusions",
        "working_age_from",
        "working_age_to_male",
        "working_age_to_female",
        "living_amount_deep",
        "living_amount_relative",
        "living_amount_accident",
        "living_amount_model_worker",
        "living_ceiling_months",
        "medical_self_paid_threshold",
        "medical_rate",
        "medical_cap",
        "schooling_amount_higher",
        "schooling_amount_secondary",
    ),
    kinds=(
        KindLabel("none", "不属困难", "not in difficulty"),
        KindLabel("deep", "深度困难", "deep difficulty"),
        KindLabel("relative", "相对困难", "relative difficulty"),
        KindLabel("accident", "意外致困", "difficulty through an accident"),
    ),
    kind="kind",
    eligible="eligible",
    difficulty=frozenset({"deep", "relative", "accident"}),
)

RULE_SETS = (RULES,)
"""All versions of the rules, the newest last: a decision is explained and run again by the version that it names."""
