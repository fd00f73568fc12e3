"""A figure of policy as it is typed and said: in its unit, or refused at its field."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidInput
from core.parameters.service import declared_parameter
from core.parameters.typed import read, said, texts_of
from tests.tenants.test_parameters import LINE, NOTICE, RATIO, Desk, desk

__all__ = ["desk"]


@pytest.mark.parametrize(
    ("name", "typed", "value", "words"),
    [
        (LINE, ["1,062.5"], 106_250, "1,062.50 元"),
        (RATIO, ["150"], 15_000, "150%"),
        (RATIO, ["80.5％"], 8_050, "80.5%"),
        (NOTICE, ["7"], 7, "7 个工作日"),
        ("impute_minimum_wage", ["yes"], True, "是"),
        ("rigid_expense_kinds", ["illness", "schooling"], ["illness", "schooling"], "因病刚性支出、因学刚性支出"),
    ],
)
def test_a_value_is_typed_in_its_unit(desk: Desk, name: str, typed: list[str], value: Any, words: str) -> None:
    declared = declared_parameter(name)
    assert read(declared, typed) == value
    assert said(declared, value) == words
    assert read(declared, texts_of(declared, value)) == value


def test_what_is_no_value_is_told(desk: Desk) -> None:
    for name, typed in ((LINE, "12.345"), (RATIO, "1.234"), (RATIO, "一半"), (NOTICE, ""), ("impute_minimum_wage", "")):
        with pytest.raises(InvalidInput) as error:
            read(declared_parameter(name), [typed])
        assert error.value.where == "value"
    assert said(declared_parameter(NOTICE), None) == "沿用上级"
