"""What a clerk types, field by field: read by kind, with every fault told at once and at its place (录入项目).

Pages draw the items, services read them, the interface for programs sends the same texts: one declaration for all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from core.codes.loader import code_list
from core.errors import BangfuError, InvalidInput
from core.money import format_yuan, parse_yuan
from core.rules.batch import MAX_FEN
from core.text.normalise import squash
from core.vault.in_text import without_numbers_in

Kind = Literal["text", "long_text", "money", "date", "code", "codes", "yes_no", "number"]
TEXT_LENGTH: Final = 100
LONG_TEXT_LENGTH: Final = 2_000
SEPARATOR: Final = ","
"""Between the codes of an item that takes several."""


@dataclass(frozen=True, slots=True)
class Item:
    """A field. ``name`` is the column; ``codes`` names the code list of a choice; ``most`` bounds a text's length, a number, or
    how many codes there may be."""

    name: str
    zh: str
    en: str
    kind: Kind = "text"
    codes: str | None = None
    required: bool = False
    most: int | None = None
    hint_zh: str = ""

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """Values with their Chinese words; values of older forms are not offered."""
        if self.kind == "yes_no":
            return (("yes", "是"), ("no", "否"))
        if self.codes is None:
            return ()
        return tuple((item.code, item.zh) for item in code_list(self.codes).items if not item.old)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field: its place, its label and the refusal."""

    where: str
    label: str
    refusal: BangfuError


class Refused(InvalidInput):
    """Something typed cannot be taken: all faults at once, each at its field."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0].refusal
        zh = "；".join(f"{fault.label}：{fault.refusal.zh}" for fault in faults)
        en = "; ".join(f"{fault.where}: {fault.refusal.en}" for fault in faults)
        files = [file for fault in faults for file in fault.refusal.files]
        super().__init__(zh, en, where=faults[0].where, mend_zh=first.mend_zh, mend_en=first.mend_en, files=files)
        self.faults = tuple(faults)


class Faults:
    """Gathers faults while a form is read; ``raise_any`` refuses them together."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(
        self,
        where: str,
        label: str,
        zh: str,
        en: str,
        mend_zh: str | None = None,
        mend_en: str | None = None,
        files: Sequence[str] = (),
    ) -> None:
        """Note a fault; ``files`` as of ``BangfuError``."""
        self.take(where, label, InvalidInput(zh, en, where=where, mend_zh=mend_zh, mend_en=mend_en, files=files))

    def take(self, where: str, label: str, refusal: BangfuError) -> None:
        """Note a refusal of another service at a field of this form."""
        self.found.append(Fault(where, label, refusal))

    def raise_any(self) -> None:
        """Raise ``Refused`` with all of them, where there are any."""
        if self.found:
            raise Refused(self.found)


def read(
    items: Iterable[Item], filled: Mapping[str, str], faults: Faults, prefix: str = "", on: date | None = None
) -> dict[str, Any]:
    """The values of ``items`` by column; what is blank is None (no list: empty). ``on``: no date may lie after it."""
    values: dict[str, Any] = {}
    for item in items:
        where = prefix + item.name
        try:
            values[item.name] = value_of(item, filled.get(where, ""), where, on)
        except BangfuError as refusal:
            faults.take(where, item.zh, refusal)
    return values


def value_of(item: Item, text: str, where: str, on: date | None = None) -> Any:
    """One value; raises ``InvalidInput``."""
    given = text.strip()
    if not given:
        if item.required:
            raise InvalidInput("请填写", "it is missing", where=where)
        return [] if item.kind == "codes" else 0 if item.kind == "money" else None
    match item.kind:
        case "money":
            return _money(given, where)
        case "date":
            return _day(given, where, on)
        case "code":
            return code_list(item.codes or "").item(given).code
        case "codes":
            return _codes(item, given, where)
        case "yes_no":
            if given not in ("yes", "no"):
                raise InvalidInput("请选择是或否", "it is yes or no", where=where)
            return given == "yes"
        case "number":
            return _number(item, given, where)
    most = item.most or (LONG_TEXT_LENGTH if item.kind == "long_text" else TEXT_LENGTH)
    if len(given) > most:
        raise InvalidInput(f"不能超过 {most} 字", f"it has at most {most} characters", where=where)
    if item.kind == "long_text" and without_numbers_in(given) != given:
        raise InvalidInput(
            "文中有身份证号或银行卡号",
            "there is an identity number or a bank card in the text",
            where=where,
            mend_zh="请删去号码：此处文字不加密，号码只登记在专栏",
            mend_en="take the number out: this text is stored in the open",
        )
    return given


def shown(item: Item, value: Any) -> str:
    """A value as the form writes it; what ``value_of`` reads back."""
    if value is None or value == []:
        return ""
    if item.kind == "money":
        return format_yuan(value).replace(",", "").removesuffix("元").strip() if value else ""
    if item.kind == "yes_no":
        return "yes" if value else "no"
    if item.kind == "codes":
        return SEPARATOR.join(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def said(item: Item, value: Any) -> str:
    """A value in words, for was and is."""
    if value is None or value == []:
        return "未登记"
    if item.kind == "money":
        return format_yuan(value)
    if item.kind == "yes_no":
        return "是" if value else "否"
    if item.codes is not None:
        words = {one.code: one.zh for one in code_list(item.codes).items}
        several = value if isinstance(value, list) else [value]
        return "、".join(words.get(str(one), str(one)) for one in several)
    return str(value)


def _money(text: str, where: str) -> int:
    fen = parse_yuan(text, where=where)
    if fen > MAX_FEN:
        raise InvalidInput(
            "金额过大，请核对", "the amount is too large", where=where, mend_zh="金额以元填写", mend_en="give yuan"
        )
    return fen


def _day(text: str, where: str, on: date | None) -> date:
    try:
        day = date.fromisoformat(squash(text))
    except ValueError:
        raise InvalidInput(
            "不是有效的日期", "no such date", where=where, mend_zh="按 2025-03-01 的样式填写", mend_en="write 2025-03-01"
        ) from None
    if day.year < 1900:
        raise InvalidInput("日期过早，请核对", "the date is too early", where=where)
    if on is not None and day > on:
        raise InvalidInput("日期不能晚于今天", "the date lies in the future", where=where)
    return day


def _codes(item: Item, text: str, where: str) -> list[str]:
    given = list(dict.fromkeys(part.strip() for part in text.split(SEPARATOR) if part.strip()))
    codes = [code_list(item.codes or "").item(one).code for one in given]
    if item.most is not None and len(codes) > item.most:
        raise InvalidInput(f"最多选 {item.most} 项", f"at most {item.most} of them", where=where)
    return codes


def _number(item: Item, text: str, where: str) -> int:
    plain = squash(text)
    most = item.most or 1_000_000
    if not plain.isascii() or not plain.isdigit() or len(plain) > 9 or int(plain) > most:
        raise InvalidInput(f"应为 0 至 {most} 的整数", f"it is a whole number up to {most}", where=where)
    return int(plain)
