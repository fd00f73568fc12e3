"""What the rules of living relief derive for each member of a household: age, income that counts, schooling aid (domain 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.rules.declarations import Figure

if TYPE_CHECKING:
    from core.rules.batch import Array, Reader

OUT_OF_WORK = ("unemployed", "laid_off")
HIGHER = ("undergraduate", "postgraduate")
SECONDARY = ("senior_high", "secondary_vocational")

_MOST_YEARS = 150


def _age(read: Reader) -> Array:
    import numpy as np

    return np.where(read["birth_date"] > 0, (read.day - read["birth_date"]) // 10_000, -1)


def _out_of_work(read: Reader) -> Array:
    import numpy as np

    female = read.any_of("gender", ("2",))
    upper = np.where(female, read.number("working_age_to_female", _MOST_YEARS), read.number("working_age_to_male", _MOST_YEARS))
    of_age = (read["age"] >= read.number("working_age_from", _MOST_YEARS)) & (read["age"] < upper)
    return of_age & read["able_to_work"] & read.any_of("identity_status", OUT_OF_WORK)


def _uncounted_pension(read: Reader) -> Array:
    import numpy as np

    pension: Array = np.minimum(read["residents_pension"], read["monthly_income"])
    return np.zeros_like(pension) if read.value("count_residents_pension") else pension


def _imputed_income(read: Reader) -> Array:
    import numpy as np

    income = read["monthly_income"] - read["uncounted_pension"]
    if not read.value("impute_minimum_wage"):
        return np.zeros_like(income)
    return np.where(read["able_out_of_work"], np.maximum(read.number("minimum_wage") - income, 0), 0)


def _counted_income(read: Reader) -> Array:
    income: Array = read["monthly_income"] - read["uncounted_pension"] + read["imputed_income"]
    return income


def _student_amount(read: Reader) -> Array:
    import numpy as np

    higher = np.where(read.any_of("identity_status", HIGHER), read.number("schooling_amount_higher"), 0)
    both = np.where(read.any_of("identity_status", SECONDARY), read.number("schooling_amount_secondary"), higher)
    return np.where(read["aided_elsewhere"], 0, both)


PERSON_FIGURES = (
    Figure("age", "周岁", "age in full years", "years", "domain 10", ("birth_date",), _age, "person"),
    Figure(
        "able_out_of_work",
        "劳动年龄内有劳动能力未就业",
        "able, of working age, out of work",
        "flag",
        "domain 10",
        (
            "age",
            "gender",
            "able_to_work",
            "identity_status",
            "working_age_from",
            "working_age_to_male",
            "working_age_to_female",
        ),
        _out_of_work,
        "person",
    ),
    Figure(
        "uncounted_pension",
        "不计入的居民养老金",
        "residents' pension that does not count",
        "fen",
        "domain 10",
        ("monthly_income", "residents_pension", "count_residents_pension"),
        _uncounted_pension,
        "person",
    ),
    Figure(
        "imputed_income",
        "按最低工资补足",
        "what brings the income up to the minimum wage",
        "fen",
        "domain 10",
        ("monthly_income", "uncounted_pension", "able_out_of_work", "impute_minimum_wage", "minimum_wage"),
        _imputed_income,
        "person",
    ),
    Figure(
        "counted_income",
        "计入的月收入",
        "monthly income that counts",
        "fen",
        "domain 10",
        ("monthly_income", "uncounted_pension", "imputed_income"),
        _counted_income,
        "person",
    ),
    Figure(
        "student_amount",
        "助学金额",
        "schooling aid of the student",
        "fen",
        "domain 10",
        ("identity_status", "aided_elsewhere", "schooling_amount_higher", "schooling_amount_secondary"),
        _student_amount,
        "person",
    ),
)
