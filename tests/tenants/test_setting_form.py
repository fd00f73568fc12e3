"""The form of a line's settings, made from its model; and how levels and days come together, whatever they say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from core.errors import InvalidInput
from core.host.manager import host
from core.tenancy.setting_fields import UnsuitedSetting, bounds_of, fields_of, read_typed, text_of, words_of
from core.tenancy.settings import Layer, Resolved, layer_of
from tests.tenants.steered import Settings

FIELDS = {one.name: one for one in fields_of(Settings)}
DAY = date(2025, 1, 1)


def test_every_kind_of_field_is_known() -> None:
    assert {name: one.kind for name, one in FIELDS.items()} == {
        "limit": "integer",
        "share": "decimal",
        "gift": "money",
        "steps": "lines",
        "visits": "yes_no",
        "visitors": "integer",
        "way": "choice",
        "kinds": "choices",
        "from_day": "date",
        "hour": "time",
        "note": "text",
        "letter": "long_text",
        "places": "lines",
        "gateway": "secret",
    }
    limit, gift = FIELDS["limit"], FIELDS["gift"]
    assert (limit.title, limit.help, limit.group, limit.unit, limit.required) == (
        "每户上限",
        "每户每年最多几次",
        "数量",
        "次",
        True,
    )
    assert (bounds_of(limit), bounds_of(gift), gift.unit) == (("1", "9"), ("1.00", "1000.00"), "元")
    assert FIELDS["way"].options == (("visit", "上门"), ("post", "邮寄"))
    assert FIELDS["visitors"].shown_if == ("visits", ("yes",))
    assert (FIELDS["from_day"].optional, FIELDS["from_day"].required, FIELDS["note"].longest) == (True, False, 20)


@pytest.mark.parametrize(
    ("name", "typed", "value", "text", "words"),
    [
        ("limit", ["5"], 5, "5", "5 次"),
        ("share", ["0.25"], "0.25", "0.25", "0.25"),
        ("gift", ["1,200.5"], 120_050, "1200.50", "1,200.50 元"),
        ("steps", ["1\r\n 2 \n\n3"], [1, 2, 3], "1\n2\n3", "1 份、2 份、3 份"),
        ("visits", ["no"], False, "no", "否"),
        ("way", ["post"], "post", "post", "邮寄"),
        ("kinds", ["child", "elder"], ["child", "elder"], None, "儿童、老人"),
        ("kinds", [], [], None, "（空）"),
        ("from_day", ["2026-01-01"], "2026-01-01", "2026-01-01", "2026-01-01"),
        ("from_day", [""], None, "", "（空）"),
        ("note", [" 备注 "], "备注", "备注", "备注"),
        ("letter", ["一\r\n二"], "一\n二", "一\n二", "一\n二"),
        ("places", ["锦江\n青羊"], ["锦江", "青羊"], "锦江\n青羊", "锦江、青羊"),
    ],
)
def test_what_is_typed_becomes_a_value_and_is_said_back(
    name: str, typed: Sequence[str], value: Any, text: str | None, words: str
) -> None:
    one = FIELDS[name]
    assert read_typed(one, typed) == value
    if text is not None:
        assert text_of(one, value) == text
    assert words_of(one, value) == words


def test_what_cannot_be_read_is_refused_with_its_field() -> None:
    for name, typed in (("gift", "12.345"), ("gift", "-1"), ("limit", "")):
        with pytest.raises(InvalidInput) as error:
            read_typed(FIELDS[name], [typed])
        assert error.value.where == name
    # what is no number goes to the model, which says so in words
    assert read_typed(FIELDS["limit"], ["五"]) == "五"


def test_a_secret_has_no_text() -> None:
    assert text_of(FIELDS["gateway"], "x") == ""
    assert (words_of(FIELDS["gateway"], True), words_of(FIELDS["gateway"], False)) == ("已设置", "未设置")


def test_the_settings_of_every_installed_line_are_shown_by_a_form() -> None:
    for name, model in host().installed("bangfu_settings"):
        assert fields_of(model), name
        assert all(one.title and re.search("[\u4e00-\u9fff]", one.title) for one in fields_of(model)), name


class WithoutDefault(BaseModel):
    needed: int


class Nested(BaseModel):
    inner: WithoutDefault = Field(default_factory=lambda: WithoutDefault(needed=1))


class Astray(BaseModel):
    one: int = Field(1, json_schema_extra={"shown_if": {"two": True}})


class Numbers(BaseModel):
    one: Literal[1, 2] = 1


class Lists(BaseModel):
    one: list[list[str]] = []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (WithoutDefault, "needs a default"),
        (Nested, "cannot show this type"),
        (Astray, "shown_if"),
        (Numbers, "among texts"),
        (Lists, "plain lines"),
    ],
)
def test_a_model_that_no_form_can_show_is_named(model: type[BaseModel], said: str) -> None:
    with pytest.raises(UnsuitedSetting, match=said):
        fields_of(model)


@dataclass(frozen=True)
class Said:
    """A change as a strategy makes it."""

    version: int
    valid_from: date
    given: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    resets: Sequence[str] = ()
    locks: Mapping[str, bool] = field(default_factory=dict)
    withdraws: Sequence[int] = ()


def _changes() -> st.SearchStrategy[list[Said]]:
    """Changes of the two fields ``limit`` and ``note`` by one level; versions count up, days lie around ``DAY``."""
    given = st.fixed_dictionaries({}, optional={"limit": st.integers(3, 9), "note": st.sampled_from(["a", "b"])})
    one = st.tuples(
        st.integers(-3, 3),
        given,
        st.lists(st.sampled_from(["limit", "note"]), unique=True),
        st.sampled_from([{}, {"limit": True}]),
    )
    return st.lists(one, max_size=6).map(
        lambda drawn: [
            Said(
                number, DAY + timedelta(days=days), values, resets=[name for name in resets if name not in values], locks=locks
            )
            for number, (days, values, resets, locks) in enumerate(drawn, 1)
        ]
    )


def _last_word(changes: Sequence[Said], name: str) -> Any:
    """What one level says of a field on ``DAY``, found the slow way; None where it says nothing or took it back."""
    spoken = [said for said in changes if said.valid_from <= DAY and (name in said.given or name in said.resets)]
    last = max(spoken, key=lambda said: (said.valid_from, said.version), default=None)
    return last.given.get(name) if last is not None else None


@given(st.lists(_changes(), min_size=3, max_size=3))
def test_the_lower_level_wins_then_the_later_day_then_the_later_version(levels: list[list[Said]]) -> None:
    layers = [
        (code, level, layer_of(changes, DAY))
        for code, level, changes in zip(("1", "2", "3"), ("province", "prefecture", "county"), levels, strict=True)
    ]
    found = Resolved("steered", Settings, layers)
    for name, default in (("limit", 3), ("note", "")):
        expected, locked = default, False
        for changes in levels:
            said = _last_word(changes, name)
            if said is not None and not locked:
                expected = said
            locked = locked or (name == "limit" and any(one.locks and one.valid_from <= DAY for one in changes))
        assert getattr(found.instance, name) == expected


@given(_changes(), st.integers(0, 6))
def test_a_layer_until_a_version_is_as_if_no_later_one_had_been_made(changes: list[Said], until: int) -> None:
    assert layer_of(changes, DAY, until=until) == layer_of([one for one in changes if one.version <= until], DAY)


@given(_changes())
def test_what_is_withdrawn_counts_for_nothing(changes: list[Said]) -> None:
    gone = Said(len(changes) + 1, DAY, withdraws=[one.version for one in changes])
    assert layer_of([*changes, gone], DAY) == Layer()
