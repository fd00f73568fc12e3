"""Which passwords are taken: length and nothing that is guessed first; the refusal says which rule."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from core.identity import passwords
from core.identity.password_rules import LONGEST, WeakPassword, check_password
from core.identity.passwords import hashed, matches, normalised


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the least cost."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def refused_by(password: str, *, login: str = "li.ming", name: str = "李明", shortest: int = 8) -> str | None:
    try:
        check_password(password, login=login, name=name, shortest=shortest)
    except WeakPassword as error:
        return error.rule if error.where == "password" and error.mend_zh and error.mend_en else "unsaid"
    return None


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("7chars!", "too_short"),
        ("字" * 7, "too_short"),
        ("词" * (LONGEST + 1), "too_long"),
        ("password", "common"),
        ("Password", "common"),
        ("12345678", "common"),
        ("5201314a", "guessable"),
        ("woaini1314", "guessable"),
        ("iloveyou1314", "guessable"),
        ("abcdefgh", "repeats"),
        ("aaaaaaaaaaaa", "repeats"),
        ("重复重复重复重复", "repeats"),
        ("liming-的猫爱吃鱼", "personal"),
        ("Li.Ming 养的三只猫", "personal"),
        ("李 明家的三只老猫爱吃鱼", "personal"),
        ("ｌｉｍｉｎｇ养的三只老猫", "personal"),
        ("my bangfu works well", "personal"),
        ("天天上班的困难职工之家", "personal"),
    ],
)
def test_a_refusal_says_which_rule(password: str, rule: str) -> None:
    assert refused_by(password) == rule


@pytest.mark.parametrize(
    "password",
    [
        "正确的马电池订书钉",
        "窗外 three 只麻雀在数星星",
        "kxqzwvbn",
        "correct horse battery staple",
        "明天去看李花开 or not",
        "字词句篇章段落行" * 16,
    ],
)
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    assert refused_by(password) in (None, "repeats" if len(password) == LONGEST else None)


def test_short_parts_of_a_login_and_numbers_in_it_do_not_count() -> None:
    assert refused_by("kxqz510104wvbn", login="510104-li", name="李") is None
    assert refused_by("qx-caseworker-kzv", login="510104-caseworker") == "personal"


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused_with_a_rule(password: str) -> None:
    rule = refused_by(password)
    length = len(normalised(password))
    assert (rule == "too_short") == (length < 8)
    assert (rule == "too_long") == (length > LONGEST)


@given(st.text(alphabet="abcdefghijkmnpqrstuvwxyz", min_size=1, max_size=30), st.integers(8, 64))
def test_the_shortest_length_is_a_setting(password: str, shortest: int) -> None:
    assert (refused_by(password, shortest=shortest) == "too_short") == (len(password) < shortest)


@given(st.text(alphabet="ＡＢ１２ａｂc3 你好", min_size=1, max_size=12))
def test_a_password_is_the_same_in_full_width(password: str) -> None:
    stored = hashed(password)
    assert matches(stored, normalised(password))
    assert not matches(stored, password + "x")
