"""A figure of policy as people type and read it: yuan, percent, days, yes or no, boxes to tick (政策参数的填写).

The form's field is the one that settings have (``core.tenancy.setting_fields``), made from the declaration instead of a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import InvalidInput
from core.host.declarations import ParameterDecl
from core.parameters.service import MOST
from core.tenancy.setting_fields import Kind, SettingField, read_typed, text_of, words_of

UNITS: Mapping[str, str] = {
    "fen": "元",
    "days": "天",
    "working_days": "个工作日",
    "basis_points": "%",
    "years": "周岁",
    "months": "个月",
    "count": "",
    "flag": "",
    "codes": "",
}
FOLLOWS = "沿用上级"
_PERCENT = re.compile(r"([0-9]{1,6})(?:[.]([0-9]{1,2}))?%?")
_KINDS: Mapping[str, Kind] = {"fen": "money", "flag": "yes_no", "codes": "choices", "basis_points": "text"}


def field_of(declared: ParameterDecl) -> SettingField:
    """The form's field for a figure. A share is typed in percent, with up to two decimals."""
    numbers = declared.unit not in {"flag", "codes", "basis_points"}
    return SettingField(
        name="value",
        title=declared.zh,
        help="",
        kind=_KINDS.get(declared.unit, "integer"),
        group="",
        unit=UNITS[declared.unit],
        optional=False,
        least=declared.least if numbers else None,
        most=MOST[declared.unit] if numbers else None,
        pattern=r"[0-9]{1,6}([.][0-9]{1,2})?%?" if declared.unit == "basis_points" else None,
        shortest=1 if declared.unit == "basis_points" else None,
        options=(("yes", "是"), ("no", "否")) if declared.unit == "flag" else tuple(_options(declared).items()),
    )


def _options(declared: ParameterDecl) -> Mapping[str, str]:
    return declared.options() if declared.options is not None else {}


def read(declared: ParameterDecl, texts: Sequence[str]) -> Any:
    """The value that a form sent; whether it fits the bounds is asked when it is proposed. Raises ``InvalidInput``."""
    if declared.unit == "codes" and declared.options is None:
        return [line.strip() for text in texts for line in text.split("\n") if line.strip()]
    if declared.unit == "basis_points":
        return _percent(texts[0] if texts else "")
    value = read_typed(field_of(declared), texts)
    if value is None:
        raise InvalidInput("尚未填写", "is missing", where="value")
    return value


def _percent(text: str) -> int:
    found = _PERCENT.fullmatch(text.strip().replace("％", "%").replace(",", ""))
    if found is None:
        raise InvalidInput(
            "百分比格式不正确",
            "not a percentage with up to two decimals",
            where="value",
            mend_zh="请按 80 或 80.5 的写法填写",
            mend_en="write it as 80 or 80.5",
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _in_percent(points: int) -> str:
    whole, rest = divmod(points, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def texts_of(declared: ParameterDecl, value: Any) -> list[str]:
    """The value as the form's field holds it; boxes have a text each."""
    if value is None:
        return []
    if declared.unit == "codes":
        return [str(code) for code in value]
    if declared.unit == "basis_points":
        return [_in_percent(value)]
    return [text_of(field_of(declared), value)]


def said(declared: ParameterDecl, value: Any) -> str:
    """The value as a page says it; of none that the level above holds."""
    if value is None:
        return FOLLOWS
    if declared.unit == "basis_points":
        return f"{_in_percent(value)}%"
    if declared.unit == "codes":
        names = _options(declared)
        return "、".join(names.get(code, code) for code in value) or "（空）"
    return words_of(field_of(declared), value)
