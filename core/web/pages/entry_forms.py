"""Forms drawn from items (`core.people.entry`): what was typed, what is on record beside it, and each fault at its field."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from fastapi import Request

from core.errors import BangfuError, InvalidInput, NotFound
from core.people.entry import SEPARATOR, Fault, Item, Refused
from core.vault.unsaid import masked
from core.web.typed import day_typed, id_typed


async def posted(request: Request) -> dict[str, str]:
    """The texts of the posted form; boxes of one name that were ticked together stand in one text."""
    form = await request.form()
    found: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return {name: SEPARATOR.join(values) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """A field as the template draws it. ``was`` is what is on record, in words; None where nothing is compared.

    ``blank`` are the words of a choice that is left open; ``options`` of a text are offered while it is typed; the kind
    ``file`` sends a file, which ``posted`` leaves out.
    """

    name: str
    label: str
    kind: str
    value: str
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False
    hint: str = ""
    error: str = ""
    was: str | None = None
    most: int | None = None
    blank: str = ""

    @property
    def chosen(self) -> list[str]:
        """The codes that are ticked."""
        return self.value.split(SEPARATOR) if self.value else []


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading."""

    title: str
    fields: Sequence[Field]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as the form shows it: a line for each field, and what is of no field on top."""

    faults: Sequence[Fault] = ()
    general: str = ""
    status: int = 200

    def at(self, name: str) -> str:
        """What is wrong with a field."""
        for fault in self.faults:
            if fault.where == name:
                said = masked(fault.refusal)
                return said.zh + (f"。{said.mend_zh}" if said.mend_zh else "")
        return ""


def told(refusal: BangfuError | None, names: Iterable[str]) -> Told:
    """A refusal at its fields; of ``names`` are those that the form has."""
    if refusal is None:
        return Told()
    known = set(names)
    if isinstance(refusal, Refused):
        faults = [fault for fault in refusal.faults if fault.where in known]
        others = [fault for fault in refusal.faults if fault.where not in known]
        return Told(faults, "；".join(f"{fault.label}：{masked(fault.refusal).zh}" for fault in others), refusal.status)
    if refusal.where in known:
        return Told([Fault(str(refusal.where), "", refusal)], "", refusal.status)
    said = masked(refusal)
    place = f"（{said.where}）" if said.where and said.where != "version" and said.where not in said.zh else ""
    return Told((), f"{said.zh}{place}" + (f"。{said.mend_zh}" if said.mend_zh else ""), refusal.status)


def fields_of(
    items: Iterable[Item],
    filled: Mapping[str, str],
    refused: Told,
    was: Mapping[str, str] | None = None,
    prefix: str = "",
) -> list[Field]:
    """The fields of ``items`` with what was typed; ``was`` says in words what is on record."""
    return [
        Field(
            name=prefix + item.name,
            label=item.zh,
            kind=item.kind,
            value=filled.get(prefix + item.name, ""),
            options=item.options,
            required=item.required,
            hint=item.hint_zh,
            error=refused.at(prefix + item.name),
            was=None if was is None else was.get(item.name, ""),
            most=item.most,
        )
        for item in items
    ]


def offering(fields: Iterable[Field], name: str, values: Iterable[str]) -> list[Field]:
    """The fields, of which the one called ``name`` offers ``values`` while it is typed."""
    options = tuple((value, "") for value in values)
    return [replace(field, options=options) if field.name == name else field for field in fields]


def errors_of(groups: Iterable[Group]) -> list[tuple[str, str, str]]:
    """The summary on top of the form: where, label, what."""
    return [(f"f-{field.name}", field.label, field.error) for group in groups for field in group.fields if field.error]


def day_of(filled: Mapping[str, str], name: str, label: str) -> date:
    """A day that must be there; raises ``Refused``."""
    wrong = InvalidInput("请填写日期", "a day is needed", where=name, mend_zh="按 2025-03-01 的样式填写")
    return day_typed(filled.get(name, ""), Refused([Fault(name, label, wrong)]))


def id_of(filled: Mapping[str, str], name: str, label: str) -> uuid.UUID:
    """A choice that must be made; raises ``Refused``."""
    found = maybe_id(filled, name)
    if found is None:
        raise Refused([Fault(name, label, InvalidInput("请选择", "choose one", where=name))])
    return found


def maybe_id(filled: Mapping[str, str], name: str) -> uuid.UUID | None:
    """A choice that may be left open; raises ``NotFound`` for what is no id."""
    text = filled.get(name, "").strip()
    return id_typed(text, NotFound("没有这条记录", "no such record", where=name)) if text else None


def version_of(filled: Mapping[str, str]) -> int | None:
    """The version of the file that the form was drawn from."""
    text = filled.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
