"""Application forms (申请表): reading what was filled in, and whether it makes the case confidential."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from core.codes import code_list
from core.errors import InvalidInput
from core.host.declarations import FormDecl, FormField
from core.money import parse_yuan
from core.text.lines import line_ends

_YES = {"yes": True, "true": True, "on": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}
_BIGGEST = 10**12


def read_form(form: FormDecl, filled: Mapping[str, Any]) -> dict[str, Any]:
    """The values to store: money in fen, dates as ISO text, yes_no as booleans; empty fields are left out.

    Takes typed values and the texts of a page alike. Raises ``InvalidInput`` naming the field.
    """
    known = {field.name: field for field in form.fields}
    if not filled.keys() <= known.keys():
        # Not named: what stands in the place of a field's name was typed like any value.
        raise InvalidInput(
            f"{form.zh}没有所填的某一项",
            "the form has no such field",
            where="form",
            mend_zh=f"可填：{'、'.join(known)}",
            mend_en=f"fields: {', '.join(known)}",
        )
    values = {}
    for field in form.fields:
        given = filled.get(field.name)
        given = line_ends(given).strip() if isinstance(given, str) else given
        if given is None or given == "":
            if field.required:
                raise InvalidInput(f"请填写“{field.zh}”", f"{field.en} is required", where=field.name)
            continue
        values[field.name] = _value(field, given)
    return values


def can_be_confidential(form: FormDecl) -> bool:
    """Whether a choice that the form offers makes the case confidential."""
    return any(
        item.extra.get("confidential") is True
        for field in form.fields
        if field.code_list is not None
        for item in code_list(field.code_list).items
    )


def is_confidential(form: FormDecl, values: Mapping[str, Any]) -> bool:
    """Whether a chosen code is one that the code list marks as confidential: an appeal, accusation or report
    (申诉、控告、检举, domain 4.2.4)."""
    return any(
        field.code_list is not None
        and field.name in values
        and code_list(field.code_list).item(values[field.name]).extra.get("confidential") is True
        for field in form.fields
    )


def _value(field: FormField, given: Any) -> Any:
    match field.kind:
        case "money":
            return _money(field, given)
        case "integer":
            return _integer(field, given)
        case "date":
            return _date(field, given)
        case "yes_no":
            return _yes_no(field, given)
        case "choice":
            return _choice(field, given)
        case _:
            return _text(field, given)


def _bad(field: FormField, zh: str, en: str) -> InvalidInput:
    return InvalidInput(f"“{field.zh}”{zh}", f"{field.en}: {en}", where=field.name)


def _money(field: FormField, given: Any) -> int:
    if isinstance(given, str):
        return parse_yuan(given, where=field.name)
    return _integer(field, given)


def _integer(field: FormField, given: Any) -> int:
    if isinstance(given, str) and given.isdecimal() and given.isascii():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= _BIGGEST:
        raise _bad(field, "应为非负整数", "not a whole number")
    return given


def _date(field: FormField, given: Any) -> str:
    try:
        return (given if isinstance(given, date) else date.fromisoformat(given)).isoformat()
    except (TypeError, ValueError):
        raise _bad(field, "日期格式应如 2025-09-01", "not a date like 2025-09-01") from None


def _yes_no(field: FormField, given: Any) -> bool:
    found = given if isinstance(given, bool) else _YES.get(str(given).lower())
    if found is None:
        raise _bad(field, "应为是或否", "neither yes nor no")
    return found


def _choice(field: FormField, given: Any) -> str:
    code = str(given)
    if field.code_list is not None:
        try:
            return code_list(field.code_list).item(code).code
        except InvalidInput as error:
            raise InvalidInput(
                f"“{field.zh}”：{error.zh}",
                f"{field.en}: {error.en}",
                where=field.name,
                mend_zh=error.mend_zh,
                mend_en=error.mend_en,
            ) from None
    if code not in {choice for choice, _ in field.choices}:
        raise _bad(field, "不在可选项中", "not one of the choices")
    return code


def _text(field: FormField, given: Any) -> str:
    if not isinstance(given, str):
        raise _bad(field, "应为文字", "not a text")
    if len(given) > field.max_length:
        raise _bad(
            field,
            f"不能超过 {field.max_length} 字，现有 {len(given)} 字",
            f"{len(given)} characters, {field.max_length} are the most",
        )
    return given
