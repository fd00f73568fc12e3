"""Why a setting was refused, in Chinese and English: what pydantic says of a value, as an official would read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import InvalidInput
from core.money import format_yuan
from core.tenancy.setting_fields import SettingField, fields_of, words_of

_Said = Callable[[Mapping[str, Any]], tuple[str, str]]


def _fixed(zh: str, en: str) -> _Said:
    return lambda _context: (zh, en)


def _bound(zh: str, en: str, key: str) -> _Said:
    return lambda context: (f"{zh} {context[key]}", f"{en} {context[key]}")


_NUMBER = _fixed("应为数字", "not a number")
_WHOLE = _fixed("应为整数", "not a whole number")
_DAY = _fixed("应为日期，如 2026-01-01", "not a date like 2026-01-01")
_TEXT = _fixed("应为文字", "not a text")
_SAID: Mapping[str, _Said] = {
    "missing": _fixed("尚未填写", "is missing"),
    "extra_forbidden": _fixed("没有这一项", "is not declared"),
    "greater_than_equal": _bound("不得小于", "at least", "ge"),
    "less_than_equal": _bound("不得大于", "at most", "le"),
    "greater_than": _bound("须大于", "more than", "gt"),
    "less_than": _bound("须小于", "less than", "lt"),
    "multiple_of": _bound("须是整倍数：", "a multiple of", "multiple_of"),
    "string_too_short": lambda context: (f"至少 {context['min_length']} 个字", f"at least {context['min_length']} characters"),
    "string_too_long": lambda context: (
        f"不能超过 {context['max_length']} 个字",
        f"at most {context['max_length']} characters",
    ),
    "too_short": lambda context: (f"至少 {context['min_length']} 项", f"at least {context['min_length']} items"),
    "too_long": lambda context: (f"不能超过 {context['max_length']} 项", f"at most {context['max_length']} items"),
    "string_pattern_mismatch": _fixed("格式不符合要求", "does not have the form asked for"),
    "literal_error": _fixed("不在可选项中", "not one of the choices"),
    "enum": _fixed("不在可选项中", "not one of the choices"),
    "bool_parsing": _fixed("应为是或否", "neither yes nor no"),
    "bool_type": _fixed("应为是或否", "neither yes nor no"),
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "date_parsing": _DAY,
    "date_type": _DAY,
    "date_from_datetime_parsing": _DAY,
    "time_parsing": _fixed("应为时间，如 08:30", "not a time like 08:30"),
    "string_type": _TEXT,
    "list_type": _fixed("应为列表", "not a list"),
}
_BOUNDS = frozenset({"ge", "le", "gt", "lt"})
_ELSE = _fixed("填写的内容不符合要求", "is not accepted")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field; with the settings as a whole where ``field`` is empty."""

    field: str
    zh: str
    en: str


class SettingsRefused(InvalidInput):
    """Settings do not fit the plugin's model; ``problems`` names every field. No text repeats a value."""

    code = "settings_refused"

    def __init__(self, model: type[BaseModel], problems: Sequence[Problem]) -> None:
        titles = {field.name: field.title for field in fields_of(model)}
        super().__init__(
            "；".join(f"“{titles.get(found.field, found.field)}”{found.zh}" if found.field else found.zh for found in problems),
            "; ".join(f"{found.field}: {found.en}" if found.field else found.en for found in problems),
            where=problems[0].field or None,
        )
        self.problems = tuple(problems)


def refused(model: type[BaseModel], error: ValidationError) -> SettingsRefused:
    """The refusal that says in two languages what pydantic found, one problem a field."""
    known = {field.name: field for field in fields_of(model)}
    problems: dict[str, Problem] = {}
    for found in error.errors(include_input=False, include_url=False):
        place = str(found["loc"][0]) if found["loc"] else ""
        if place not in problems:
            field, before_zh, before_en = _column(known.get(place), found["loc"])
            zh, en = _said(field, found["type"], found.get("ctx", {}), found["msg"])
            problems[place] = Problem(place, before_zh + zh, before_en + en)
    return SettingsRefused(model, list(problems.values()))


def _column(field: SettingField | None, loc: Sequence[int | str]) -> tuple[SettingField | None, str, str]:
    """Of a list of objects the column in question, with the words that say which row it stands in."""
    if field is None or not field.columns or len(loc) < 3 or not isinstance(loc[1], int):
        return field, "", ""
    column = next((one for one in field.columns if one.name == f"{field.name}.{loc[2]}"), None)
    title = column.title if column is not None else str(loc[2])
    return column, f"第 {loc[1] + 1} 行“{title}”", f"row {loc[1] + 1}, {loc[2]}: "


def _said(field: SettingField | None, kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    if kind in {"value_error", "assertion_error"}:
        # The plugin's own words: Chinese as its author wrote them.
        own = message.partition(", ")[2] or message
        return own, own
    say = _SAID.get(kind, _ELSE)
    zh, en = say(_in_words(field, context))[0], say(_plainly(field, context))[1]
    if field is not None and field.options and kind in {"literal_error", "enum"}:
        zh += f"：{'、'.join(label for _, label in field.options)}"
        en += f": {', '.join(code for code, _ in field.options)}"
    return zh, en


def _plainly(field: SettingField | None, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bounds for English: numbers as they are, money in yuan."""
    if field is None or (field.item or field).kind != "money":
        return context
    return {name: format_yuan(bound).replace("元", "yuan") if name in _BOUNDS else bound for name, bound in context.items()}


def _in_words(field: SettingField | None, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bounds as the field shows its values: money in yuan, with the unit."""
    inner = field and (field.item or field)
    if inner is None or inner.kind not in {"money", "integer", "decimal"}:
        return context
    return {name: words_of(inner, bound) if name in _BOUNDS else bound for name, bound in context.items()}
