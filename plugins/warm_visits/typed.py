"""What was typed in the line's forms, read strictly: days, whole numbers, names one a line."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from core.errors import InvalidInput
from plugins.warm_visits.visits import Made

_GOODS = "goods-"


def day_in(filled: Mapping[str, str], name: str) -> date:
    """The day in the field ``name``; raises ``InvalidInput``."""
    try:
        return date.fromisoformat(filled.get(name, "").strip())
    except ValueError:
        raise InvalidInput(
            "请填写日期", "a day is wanted", where=name, mend_zh="例如 2026-01-20", mend_en="as 2026-01-20"
        ) from None


def whole_in(filled: Mapping[str, str], name: str) -> int:
    """The whole number in the field ``name``; raises ``InvalidInput``."""
    text = filled.get(name, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput("请填写整数", "a whole number is wanted", where=name)
    return int(text)


def names_in(filled: Mapping[str, str], name: str) -> list[str]:
    """Names, one a line or parted by 、."""
    return filled.get(name, "").replace("、", "\n").splitlines()


def made_in(filled: Mapping[str, str]) -> Made:
    """A visit as the route's form tells it; each kind of goods has a field of its own. Raises ``InvalidInput``."""
    goods = {}
    for name, text in filled.items():
        if name.startswith(_GOODS) and text.strip():
            try:
                goods[uuid.UUID(name.removeprefix(_GOODS))] = whole_in(filled, name)
            except ValueError:
                raise InvalidInput("没有这种慰问品", "no such goods", where=name) from None
    return Made(
        made_on=day_in(filled, "made_on"),
        visitors=names_in(filled, "visitors"),
        received_by=filled.get("received_by", ""),
        goods=goods,
        note=filled.get("note", ""),
    )
