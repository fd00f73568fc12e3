"""The fields of a plugin's settings (业务设置), read from the JSON Schema of its model: what a form shows, says and takes.

A model's fields are plain: whole numbers, decimals, money in fen, texts, days, times, yes or no, choices, secrets, lists of
these, and lists of objects with plain fields (``rows``). ``json_schema_extra`` adds what JSON Schema cannot say: ``group``,
``unit`` (``fen`` makes it money), ``labels`` or ``code_list`` of a choice, ``long`` for a text of several lines, ``shown_if``
for a field that counts only beside another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

from core.codes import code_list
from core.errors import InvalidInput, Misconfigured
from core.money import FEN_PER_YUAN, format_yuan, parse_yuan
from core.text.lines import line_ends

Kind = Literal[
    "integer",
    "decimal",
    "money",
    "text",
    "long_text",
    "date",
    "time",
    "yes_no",
    "choice",
    "choices",
    "lines",
    "rows",
    "secret",
]
_YES_NO = (("yes", "是"), ("no", "否"))
_FORMATS: Mapping[str, Kind] = {"password": "secret", "date": "date", "time": "time"}


class UnsuitedSetting(Misconfigured):
    """A plugin's settings hold a field that no form can show."""

    code = "unsuited_setting"


@dataclass(frozen=True, slots=True)
class SettingField:
    """One field: its words, its kind, and what a browser and the server hold what is typed against."""

    name: str
    title: str
    help: str
    kind: Kind
    group: str
    unit: str
    optional: bool
    least: int | float | str | None = None
    most: int | float | str | None = None
    step: int | float | None = None
    shortest: int | None = None
    longest: int | None = None
    pattern: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    shown_if: tuple[str, tuple[str, ...]] | None = None
    """The field that this one hangs on, and its values, as a form sends them, beside which it counts."""
    item: SettingField | None = None
    """What stands in one line of a list."""
    columns: tuple[SettingField, ...] = ()
    """The fields of one object in a list of objects."""

    @property
    def required(self) -> bool:
        """Whether a form may not leave it empty."""
        if self.kind in {"lines", "choices", "rows"}:
            return bool(self.shortest)
        return not self.optional and (self.kind not in {"text", "long_text"} or bool(self.shortest))


@lru_cache(maxsize=256)
def fields_of(model: type[BaseModel]) -> tuple[SettingField, ...]:
    """The fields of a settings model in their order; raises ``UnsuitedSetting`` where a form cannot show one."""
    schema = model.model_json_schema()
    kinds, needed = schema.get("$defs", {}), set(schema.get("required", ()))
    found = []
    for name, raw in schema.get("properties", {}).items():
        if name in needed:
            raise _unsuited(model, name, "每一项都须有默认值", "every field needs a default")
        found.append(_field(model, name, raw, kinds))
    names = {field.name: field for field in found}
    for field in found:
        if field.shown_if and (field.shown_if[0] not in names or names[field.shown_if[0]].kind not in {"yes_no", "choice"}):
            raise _unsuited(model, field.name, "只能依附于是否项或单选项", "shown_if names no yes-or-no field and no choice")
    return tuple(found)


def _field(model: type[BaseModel], name: str, raw: Mapping[str, Any], kinds: Mapping[str, Any]) -> SettingField:
    spec, optional = _plain(raw, kinds)
    kind, options = _kind(model, name, spec, kinds)
    item, columns = None, tuple[SettingField, ...]()
    if kind == "rows":
        columns = _columns(model, name, spec["items"], kinds)
    if kind == "lines":
        below = {"title": raw.get("title", name)} | {key: spec[key] for key in ("unit", "labels", "code_list") if key in spec}
        item = _field(model, name, {**spec["items"], **below}, kinds)
        if item.kind in {"lines", "choices", "yes_no", "secret", "long_text"}:
            raise _unsuited(model, name, "列表只能由单行内容组成", "a list holds plain lines")
        if item.kind == "choice":
            kind, options, item = "choices", item.options, None
    unit = "" if item else str(spec.get("unit", ""))
    return SettingField(
        name=name,
        title=str(spec.get("title", name)),
        help=str(spec.get("description", "")),
        kind=kind,
        group=str(spec.get("group", "")),
        unit="元" if kind == "money" else unit,
        optional=optional,
        least=spec.get("minimum", _beside(spec.get("exclusiveMinimum"), 1, kind)),
        most=spec.get("maximum", _beside(spec.get("exclusiveMaximum"), -1, kind)),
        step=spec.get("multipleOf"),
        shortest=spec.get("minLength", spec.get("minItems")),
        longest=spec.get("maxLength", spec.get("maxItems")),
        pattern=spec.get("pattern") if kind == "text" else None,
        options=options,
        shown_if=_condition(spec.get("shown_if")),
        item=item,
        columns=columns,
    )


def _columns(model: type[BaseModel], name: str, raw: Mapping[str, Any], kinds: Mapping[str, Any]) -> tuple[SettingField, ...]:
    object_, _ = _plain(raw, kinds)
    found = tuple(_field(model, f"{name}.{key}", {"title": key, **one}, kinds) for key, one in object_["properties"].items())
    if any(one.kind in {"lines", "choices", "rows", "yes_no", "secret", "long_text"} for one in found):
        raise _unsuited(model, name, "列表的每一列只能是单行内容", "a list of objects holds plain fields")
    return found


def _plain(raw: Mapping[str, Any], kinds: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema without references and without the choice of nothing; whether nothing may stand there."""
    spec, optional = dict(raw), False
    for _ in range(4):
        if "$ref" in spec:
            # What is said of a kind (the docstring of an enumeration) is no help to whoever fills in a field.
            of_kind = kinds[str(spec.pop("$ref")).rsplit("/", 1)[-1]]
            spec = {**{key: value for key, value in of_kind.items() if key not in {"title", "description"}}, **spec}
        elif len(spec.get("allOf", ())) == 1:
            spec = {**spec.pop("allOf")[0], **spec}
        elif "anyOf" in spec:
            choices = [choice for choice in spec.pop("anyOf") if choice.get("type") != "null"]
            optional = optional or len(choices) < len(raw.get("anyOf", ()))
            numbers = {choice.get("type") for choice in choices} == {"number", "string"}
            if len(choices) == 1 or numbers:
                spec = {**next((one for one in choices if one.get("type") != "string"), choices[0]), **spec}
            if numbers:
                spec["format"] = "decimal"
    return spec, optional


def _kind(
    model: type[BaseModel], name: str, spec: Mapping[str, Any], kinds: Mapping[str, Any]
) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    labels: Mapping[str, str] = spec.get("labels", {})
    if "code_list" in spec and spec.get("type") != "array":
        return "choice", tuple((item.code, item.zh) for item in code_list(str(spec["code_list"])).items if not item.old)
    if "enum" in spec or "const" in spec:
        values = spec.get("enum", [spec.get("const")])
        if not all(isinstance(value, str) for value in values):
            raise _unsuited(model, name, "选项须是文字代码", "a choice is made among texts")
        return "choice", tuple((value, labels.get(value, value)) for value in values)
    match spec.get("type"):
        case "boolean":
            return "yes_no", _YES_NO
        case "integer":
            return ("money" if spec.get("unit") == "fen" else "integer"), ()
        case "number":
            return "decimal", ()
        case "string":
            format_ = str(spec.get("format", ""))
            if format_ and format_ not in _FORMATS:
                raise _unsuited(model, name, f"不支持的格式 {format_}", f"the format {format_} is not shown by a form")
            return _FORMATS.get(format_, "long_text" if spec.get("long") else "text"), ()
        case "array" if isinstance(spec.get("items"), dict):
            return ("rows" if "properties" in _plain(spec["items"], kinds)[0] else "lines"), ()
    raise _unsuited(model, name, "表单无法显示此类型", "a form cannot show this type")


def _beside(bound: Any, by: int, kind: Kind) -> Any:
    return bound + by if isinstance(bound, int) and kind in {"integer", "money"} else bound


def _condition(raw: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]] | None:
    if not raw:
        return None
    (name, wanted), *_ = raw.items()
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return name, tuple(("yes" if value else "no") if isinstance(value, bool) else str(value) for value in values)


def _unsuited(model: type[BaseModel], name: str, zh: str, en: str) -> UnsuitedSetting:
    return UnsuitedSetting(f"配置项 {name}：{zh}", f"{model.__name__}.{name}: {en}", where=name)


def read_typed(field: SettingField, texts: Sequence[str]) -> Any:
    """The JSON value of what a form sent for a field; whether it fits is asked of the model.
    Raises ``InvalidInput``."""
    text = line_ends(texts[0]).strip() if texts else ""
    match field.kind:
        case "choices":
            return [value for value in texts if value]
        case "lines":
            return [read_typed(field.item or field, [line.strip()]) for line in text.split("\n") if line.strip()]
        case "rows":
            return _read_rows(field, typed_rows(text))
        case "yes_no":
            return {"yes": True, "no": False}.get(text)
    if text == "" and (field.optional or field.kind not in {"text", "long_text"}):
        if not field.optional:
            raise InvalidInput("尚未填写", "is missing", where=field.name)
        return None
    if field.kind == "money":
        return parse_yuan(text, allow_negative=field.least is None or float(field.least) < 0, where=field.name)
    if field.kind == "integer":
        return int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal() else text
    return text


def typed_rows(text: str) -> list[dict[str, str]]:
    """Rows of a list of objects as they were typed, from the one text that stands for them: by column, its text. What no form
    of ours sends is no row."""
    try:
        rows = json.loads(text or "[]")
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _read_rows(field: SettingField, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    found = []
    for number, row in enumerate((row for row in rows if is_filled(field, row)), start=1):
        made = {}
        for column in field.columns:
            key = column.name.rpartition(".")[2]
            try:
                made[key] = read_typed(column, [row.get(key, "")])
            except InvalidInput as error:
                raise InvalidInput(
                    f"第 {number} 行“{column.title}”{error.zh}", f"row {number}, {key}: {error.en}", where=field.name
                ) from None
        found.append(made)
    return found


def is_filled(field: SettingField, row: Mapping[str, str]) -> bool:
    """Whether anything that has no number of its own was typed in a row: a row with an order alone was never filled in."""
    return any(row.get(one.name.rpartition(".")[2], "").strip() for one in field.columns if one.kind != "integer")


def text_of(field: SettingField, value: Any) -> str:
    """A value as the field of a form holds it; nothing of a secret. A list of objects is one JSON text of its rows' texts."""
    if value is None or field.kind == "secret":
        return ""
    match field.kind:
        case "yes_no":
            return "yes" if value else "no"
        case "money":
            return format_yuan(value).removesuffix(" 元").replace(",", "").replace("\u2212", "-")
        case "lines":
            return "\n".join(text_of(field.item or field, one) for one in value)
        case "rows":
            keys = {column.name.rpartition(".")[2]: column for column in field.columns}
            rows = [{key: text_of(column, one.get(key)) for key, column in keys.items()} for one in value]
            return json.dumps(rows, ensure_ascii=False)
    return str(value)


def words_of(field: SettingField, value: Any) -> str:
    """A value as a page says it."""
    if field.kind == "secret":
        return "已设置" if value else "未设置"
    if value is None or value in ("", []):
        return "（空）"
    match field.kind:
        case "yes_no":
            return "是" if value else "否"
        case "choice":
            return dict(field.options).get(str(value), str(value))
        case "choices":
            return "、".join(dict(field.options).get(str(one), str(one)) for one in value)
        case "lines":
            return "、".join(words_of(field.item or field, one) for one in value)
        case "rows":
            return "；".join(
                " ".join(
                    words_of(column, held)
                    for column in field.columns
                    if (held := one.get(column.name.rpartition(".")[2])) not in (None, "")
                )
                for one in value
            )
        case "time":
            return str(value)[:5]
        case "money":
            return format_yuan(value)
    return f"{value} {field.unit}".rstrip()


def _bound(bound: object) -> str:
    return "" if bound is None else str(bound)


def bounds_of(field: SettingField) -> tuple[str, str]:
    """The least and the most that a field takes, as its form names them; empty where there is none. Money is in yuan."""
    inner = field.item or field
    if inner.kind != "money":
        return _bound(inner.least), _bound(inner.most)
    shown = [
        "" if bound is None else f"{int(bound) // FEN_PER_YUAN}.{int(bound) % FEN_PER_YUAN:02d}"
        for bound in (inner.least, inner.most)
    ]
    return shown[0], shown[1]
