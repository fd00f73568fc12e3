"""Texts of the official form that are too long for their place in the .docx: whole on an extra page (附页), named in the place.

A word processor lets a cell grow, and a row with it, over as many pages as a text has: 2,000 characters in a third of the page
make two of them. The PDF measures (``worker_file.typ``); here the room is counted in characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from unicodedata import east_asian_width

_ROOM: Final[Mapping[str, int]] = MappingProxyType(
    {"住址": 100, "工作单位": 100, "手机": 100, "身份证号": 100, "次要致困原因": 120, "附件": 280, "备注": 280}
    | dict.fromkeys(("主要致困原因", "开户银行", "支行名称", "银行卡号", "建档人", "审核人", "录入人"), 50)
)
"""Full-width characters that a field of the head has room for, four to six lines of its cell."""
_PLAIN, _MEMBER, _OPINION = 40, 48, 150
_THERE, _THERE_SHORT = "内容较长，见附页“{title}”", "见附页"


def shortened(values: Mapping[str, Any], member_fields: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The values of a form with what is too long named instead, and these texts by their titles. ``member_fields`` are
    the headings of a member's line."""
    extra: list[dict[str, str]] = []

    def placed(text: str, title: str, room: int, there: str = _THERE) -> str:
        if _width(text) <= room:
            return text
        extra.append({"title": title, "text": text})
        return there.format(title=title)

    def of_member(told: Sequence[str]) -> list[str]:
        named = zip(told, member_fields, strict=True)
        return [placed(text, f"家庭成员{told[0]}的{field}", _MEMBER, _THERE_SHORT) for text, field in named]

    head = {name: placed(text, name, _ROOM.get(name, _PLAIN)) for name, text in values["head"].items()}
    members = [of_member(told) for told in values["members"]]
    opinions = [one | {"text": placed(one["text"], one["title"], _OPINION)} for one in values["opinions"]]
    return {**values, "head": head, "members": members, "opinions": opinions}, extra


def _width(text: str) -> float:
    """How wide a text is in full-width characters; a line of its own takes a line."""
    return sum(1 if east_asian_width(sign) in "WF" else 10 if sign == "\n" else 0.5 for sign in text)
