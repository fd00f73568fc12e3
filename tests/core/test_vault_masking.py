"""Masked forms of names, numbers and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault import masking


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (masking.identity_number, "510899199001012046", "510899********2046"),
        (masking.identity_number, "51089919900101204x", "510899********204X"),
        (masking.identity_number, "510899900101204", "****"),
        (masking.phone, "13800006207", "138****6207"),
        (masking.phone, "138 0000 6207", "138****6207"),
        (masking.phone, "0839-3272046", "0839-****046"),
        (masking.phone, "327", "****"),
        (masking.bank_account, "6222 0212 3456 7730", "**** 7730"),
        (masking.bank_account, "7730", "****"),
        (masking.public_name, "李建国", "李**"),
        (masking.public_name, "李明", "李*"),
        (masking.public_name, "李　明", "李*"),
        (masking.public_name, "欧阳修文", "欧阳**"),
        (masking.public_name, "欧阳修", "欧阳*"),
        (masking.public_name, "欧阳", "欧*"),
        (masking.public_name, "李", "*"),
        (masking.public_name, "", ""),
        (masking.public_name, "阿卜杜拉·买买提", "阿***·***"),
        (masking.public_name, "阿卜杜拉•买买提", "阿***·***"),
        (masking.public_name, "司马义·艾买提", "司**·***"),
        (masking.public_name, "John Smith", "J*** S****"),
        (masking.address, "广元市利州区东坝街道蜀门北路128号3栋2单元501室", "广元市利州区东坝街道蜀门北路****"),
        (masking.address, "利州区南河街道滨河路１２８号", "利州区南河街道滨河路****"),
        (masking.address, "宝轮镇老林沟村三组十二号", "宝轮镇老林沟村****"),
        (masking.address, "东坝街道七一路二号", "东坝街道七一路****"),
        (masking.address, "成都市锦江区春熙路B座", "成都市锦江区春熙路****"),
        (masking.address, "三号桥街老鹰嘴", "三号桥街老鹰嘴"),
    ],
)
def test_masks(mask: masking.Mask, value: str, shown: str) -> None:
    assert mask(value) == shown


def test_hidden_tells_not_even_the_length() -> None:
    assert masking.hidden("高血压") == masking.hidden("慢性肾功能衰竭") == "****"


@given(st.text(max_size=30))
def test_numbers_of_an_unexpected_form_show_at_most_what_a_proper_one_would(text: str) -> None:
    for mask in (masking.identity_number, masking.phone, masking.bank_account):
        shown = mask(text)
        assert shown == "****" or "****" in shown
