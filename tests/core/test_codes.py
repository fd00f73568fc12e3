"""Code lists: every list loads, labels read back, refusals name what is allowed."""

from __future__ import annotations

import pytest

from core.codes import code_from_label, code_list, code_list_names, label
from core.errors import InvalidInput, NotFound


def test_every_list_reads_its_own_labels() -> None:
    assert len(code_list_names()) == 72
    for name in code_list_names():
        listed = code_list(name)
        assert listed.zh
        assert listed.en
        assert listed.extra["mark"] in {"national standard", "union form", "proposed"}
        for item in listed.items:
            assert label(name, item.code) == item.zh
            assert code_from_label(name, item.zh) == item.code
            assert item.code in listed


@pytest.mark.parametrize(
    ("name", "typed", "code"),
    [
        ("political_status", "中共党员", "01"),
        ("political_status", " 群 众 ", "13"),
        ("gender", "男", "1"),
        ("gender", "女性", "2"),
        ("exit_reason", "迁出(转出)", "moved_away"),
        ("health_status_form", "癌症", "cancer"),
    ],
)
def test_labels_as_typed(name: str, typed: str, code: str) -> None:
    assert code_from_label(name, typed) == code


def test_an_old_value_reads_but_is_not_offered() -> None:
    listed = code_list("health_status_form")
    assert listed.item("cancer").old
    assert listed.item("malignant_tumour").extra["replaces"] == "cancer"
    with pytest.raises(InvalidInput) as refused:
        listed.from_label("感冒")
    assert "恶性肿瘤" in str(refused.value)
    assert "癌症" not in str(refused.value)


def test_a_refusal_names_list_and_allowed_values() -> None:
    with pytest.raises(InvalidInput) as refused:
        label("gender", "3")
    assert "性别" in refused.value.zh
    assert "gender" in refused.value.en
    assert refused.value.mend_zh == "可选：0、1、2、9"


def test_a_long_list_is_named_in_part() -> None:
    with pytest.raises(InvalidInput) as refused:
        code_from_label("ethnic_group", "火星族")
    assert refused.value.mend_zh is not None
    assert refused.value.mend_zh.endswith(" 等")


def test_a_number_from_a_shifted_column_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refused:
        code_from_label("gender", "51080219900101002X")
    assert "1990" not in str(refused.value)


def test_an_unknown_list_is_refused() -> None:
    with pytest.raises(NotFound, match="no_such_list"):
        code_list("no_such_list")
