"""Folding for comparison, and pinyin of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.normalise import fold, fold_name, fold_width, squash
from core.text.pinyin import name_pinyin
from core.text.surnames import COMPOUND_SURNAMES, SURNAME_READINGS, surname_length


@pytest.mark.parametrize(
    ("function", "text", "folded"),
    [
        (fold_width, "ＡＢ１２（）　", "AB12() "),
        (squash, " 1\u00a02\u30003\u200b4\n", "1234"),
        (fold, "  Ｌｉ\u00a0\u3000Ming ", "li ming"),
        (fold, "阿里•买买提", "阿里·买买提"),
        (fold, "A—B", "a-b"),
        (fold_name, "李　明", "李明"),
        (fold_name, "阿里・买买提", "阿里·买买提"),
        (fold_name, "阿里．买买提", "阿里·买买提"),
        (fold_name, "阿里 · 买买提", "阿里·买买提"),
        (fold_name, "John  Smith", "john smith"),
    ],
)
def test_folding(function: object, text: str, folded: str) -> None:
    assert callable(function)
    assert function(text) == folded


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert squash(squash(text)) == squash(text)
    assert fold_width(fold_width(text)) == fold_width(text)


@pytest.mark.parametrize(
    ("name", "full", "first"),
    [
        ("李明", "liming", "lm"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("解缙", "xiejin", "xj"),
        ("仇英", "qiuying", "qy"),
        ("曾国藩", "zengguofan", "zgf"),
        ("查良镛", "zhaliangyong", "zly"),
        ("区大任", "oudaren", "odr"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("万俟卨", "moqixie", "mqx"),
        ("欧阳修", "ouyangxiu", "oyx"),
        ("令狐冲", "linghuchong", "lhc"),
        ("单于", "shanyu", "sy"),
        ("吕布", "lvbu", "lb"),
        ("任单", "rendan", "rd"),
        ("阿卜杜拉·买买提", "abudulamaimaiti", "abdlmmt"),
        ("Li Ming", "liming", "liming"),
        ("", "", ""),
    ],
)
def test_readings(name: str, full: str, first: str) -> None:
    read = name_pinyin(name)
    assert (read.full, read.initials) == (full, first)


def test_names_sort_by_syllable_tone_and_surname() -> None:
    names = ["李明", "连城", "曾一", "里安", "李安", "利民", "阿·里", "单立", "邓丽"]
    assert sorted(names, key=lambda name: name_pinyin(name).sort_key) == [
        "阿·里",
        "邓丽",
        "李安",
        "李明",
        "里安",
        "利民",
        "连城",
        "单立",
        "曾一",
    ]


def test_the_surname_tables_hold_readings() -> None:
    readings = [*SURNAME_READINGS.values(), *(part for parts in COMPOUND_SURNAMES.values() for part in parts)]
    assert all(reading[:-1].isalpha() and reading[-1] in "1234" for reading in readings)
    assert {len(surname) for surname in COMPOUND_SURNAMES} == {2}
    assert surname_length("欧阳修") == 2
    assert surname_length("欧阳") == 1
