"""The settings of a service line: the form made from its model, where each value comes from, history, roll-back (业务设置)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput
from core.host.manager import host
from core.scope import Level, current_scope
from core.tenancy.models import PluginSettingChange
from core.tenancy.setting_fields import (
    SettingField,
    bounds_of,
    fields_of,
    is_filled,
    read_typed,
    text_of,
    typed_rows,
    words_of,
)
from core.tenancy.setting_words import Problem, SettingsRefused
from core.tenancy.settings import NATION, Explained, Found, explained, settings_model
from core.text.lines import line_ends
from core.web.context import changed, go, refusal_message, requires, show
from core.web.pages import words
from core.web.pages.staff_common import day_or_none
from core.web.step_up import fresh_proof
from tenants.configuring import (
    CHANGED,
    INHERITED,
    Difference,
    change_settings,
    differences,
    levels_of,
    planned,
    restore_settings,
)
from tenants.plugin import SWITCH
from tenants.words import union_names

router = APIRouter(dependencies=[Depends(requires(SWITCH))])

_FIELD, _WAS, _RESET, _LOCK, _GONE = "field.", "was.", "reset.", "lock.", "gone."
Reason = Annotated[str, Form(max_length=1000)]
Stamp = Annotated[str, Form(max_length=60)]


@dataclass(frozen=True, slots=True)
class Shown:
    """One field as the page draws it: what it holds or what was typed, where its value comes from, what is wrong with it."""

    field: SettingField
    found: Found
    texts: Sequence[str]
    held: Sequence[str]
    """What it holds, as the form says back: what was not touched is not changed, whatever others have set meanwhile."""
    words: str
    origin: str
    lock: str
    error: str = ""
    reset: bool = False
    locks: bool = False
    bounds: tuple[str, str] = ("", "")

    @property
    def rows(self) -> list[dict[str, str]]:
        """Of a list of objects its rows by column, and an empty one to be filled in, numbered on."""
        rows = typed_rows(self.texts[0]) if self.texts else []
        blank = {
            column.name.rpartition(".")[2]: str(len(rows) + 1) if column.kind == "integer" else ""
            for column in self.field.columns
        }
        return [*rows, blank]


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent: the texts of each field, and what else stood in it."""

    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The text of a field; empty where it was not sent."""
        return next(iter(self.texts.get(name, ())), "")

    def typed(self, one: SettingField) -> Sequence[str]:
        """What was typed in a field; of a list of objects its rows as one text, without those marked to go."""
        if one.kind != "rows":
            return self.texts.get(_FIELD + one.name, ())
        keys = [column.name.rpartition(".")[2] for column in one.columns]
        lists = [self.texts.get(_FIELD + column.name, ()) for column in one.columns]
        gone = self.texts.get(_GONE + one.name, ())
        rows = [dict(zip(keys, row, strict=True)) for no, row in enumerate(zip(*lists, strict=False)) if str(no) not in gone]
        return [json.dumps(rows, ensure_ascii=False)]

    def touched(self, one: SettingField) -> bool:
        """Whether somebody changed a setting on the form: it reads otherwise than what the page showed."""
        was, now = self.texts.get(_WAS + one.name, ()), self.typed(one)
        if one.kind == "rows":
            before, after = (typed_rows(texts[0]) if texts else [] for texts in (was, now))
            return before != [row for row in after if is_filled(one, row)]
        return sorted(line_ends(text).strip() for text in was) != sorted(line_ends(text).strip() for text in now)

    def shown(self) -> set[str]:
        """Names of the settings that the form held."""
        return set(self.texts.get("of", ()))


async def sent_form(request: Request) -> Sent:
    """The texts of the posted form, all of each name; which there are, the settings' model says."""
    form = await request.form()
    texts: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            texts.setdefault(name, []).append(value)
    return Sent(texts)


@router.get("/plugins/{name}/settings")
def settings_page(
    request: Request,
    name: str,
    old: Annotated[int | None, Query(ge=0)] = None,
    new: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """The settings with their history; with ``old`` and ``new`` also what differs between two versions."""
    return _page(request, name, compared=(old, new) if old is not None and new is not None else None)


@router.post("/plugins/{name}/settings", dependencies=[Depends(fresh_proof())])
def save(request: Request, tenant: str, name: str, sent: Annotated[Sent, Depends(sent_form)]) -> Response:
    """Save what was changed on the form, on the state that the page showed."""
    return changed(
        lambda session: _save(session, name, sent),
        lambda row: go(f"/{tenant}/plugins/{name}/settings", _saved(row)),
        lambda error: _page(request, name, error, sent),
    )


@router.post("/plugins/{name}/settings/rows")
def more_rows(request: Request, name: str, sent: Annotated[Sent, Depends(sent_form)]) -> HTMLResponse:
    """The form as it was filled in, with one more row in its lists and without rows that were marked to go; saves nothing."""
    return _page(request, name, sent=sent)


@router.post("/plugins/{name}/settings/secret", dependencies=[Depends(fresh_proof())])
def save_secret(
    request: Request,
    tenant: str,
    name: str,
    setting: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    reset: Annotated[str, Form(max_length=3)] = "",
    reason: Reason = "",
    stamp: Stamp = "",
) -> Response:
    """Write a secret, or follow the level above again. A form of its own: nothing of it is ever written into a page again."""
    resets = [setting] if reset == "yes" else []
    return changed(
        lambda session: change_settings(
            session,
            name,
            reason=reason,
            values={} if resets else {setting: _filled(password)},
            resets=resets,
            expected=stamp or None,
        ),
        lambda row: go(f"/{tenant}/plugins/{name}/settings", _saved(row)),
        lambda error: _page(request, name, error, Sent({"reason": [reason], "setting": [setting]})),
    )


@router.post("/plugins/{name}/settings/restore", dependencies=[Depends(fresh_proof())])
def restore(
    request: Request,
    tenant: str,
    name: str,
    version: Annotated[int, Form(ge=1)] = 0,
    reason: Reason = "",
    stamp: Stamp = "",
) -> Response:
    """Bring back the state of a version."""
    return changed(
        lambda session: restore_settings(session, name, version, reason=reason, expected=stamp or None),
        lambda row: go(f"/{tenant}/plugins/{name}/settings", f"已恢复到第 {row.restores} 版，记为第 {row.version} 版"),
        lambda error: _page(request, name, error, Sent({"restore_reason": [reason], "version": [str(version)]})),
    )


@router.post("/plugins/{name}/settings/withdraw", dependencies=[Depends(fresh_proof())])
def withdraw(
    request: Request,
    tenant: str,
    name: str,
    version: Annotated[int, Form(ge=1)] = 0,
    reason: Reason = "",
    stamp: Stamp = "",
) -> Response:
    """Take back a version whose day has not come."""
    return changed(
        lambda session: change_settings(session, name, reason=reason, withdraws=[version], expected=stamp or None),
        lambda row: go(f"/{tenant}/plugins/{name}/settings", f"已撤销第 {version} 版，记为第 {row.version} 版"),
        lambda error: _page(request, name, error, Sent({"withdraw_reason": [reason], "version": [str(version)]})),
    )


def _filled(secret: str) -> str:
    if not secret:
        raise InvalidInput("请填写新值", "the secret is empty", where="password")
    return secret


def _saved(row: PluginSettingChange) -> str:
    return f"已保存为第 {row.version} 版，自 {row.valid_from.isoformat()} 起生效"


def _save(session: Session, name: str, sent: Sent) -> PluginSettingChange:
    found = explained(session, name)
    fields = {one.name: one for one in fields_of(settings_model(name))}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    resets = [one for one in fields if sent.one(_RESET + one) == "yes"]
    for one in (fields[code] for code in fields if code in sent.shown() and code not in resets):
        if not sent.touched(one) or not _counts(one, fields, sent, found):
            continue
        try:
            value = read_typed(one, sent.typed(one))
        except InvalidInput as error:
            problems.append(Problem(one.name, error.zh, error.en))
            continue
        if value != found.fields[one.name].value:
            values[one.name] = value
    if problems:
        raise SettingsRefused(settings_model(name), problems)
    locks = {}
    if current_scope().level is not Level.COUNTY:
        wanted = {one: sent.one(_LOCK + one) == "yes" for one in sent.shown() & fields.keys()}
        locks = {one: locked for one, locked in wanted.items() if locked != found.fields[one].locks}
    return change_settings(
        session,
        name,
        reason=sent.one("reason"),
        values=values,
        resets=resets,
        locks=locks,
        valid_from=day_or_none(sent.one("valid_from"), "valid_from"),
        expected=sent.one("stamp") or None,
    )


def _counts(one: SettingField, fields: Mapping[str, SettingField], sent: Sent, found: Explained) -> bool:
    """Whether the field counts beside what was chosen in the one that it hangs on."""
    if one.shown_if is None:
        return True
    other, wanted = one.shown_if
    chosen = sent.one(_FIELD + other) if other in sent.shown() else text_of(fields[other], found.fields[other].value)
    return chosen in wanted


def _origin(found: Found, unions: Mapping[str, str], tenant: str) -> str:
    """Where a value comes from, as the page says it."""
    source = found.source
    if source.level == NATION:
        return "沿用默认设置"
    since = f"{source.valid_from} 起" if source.valid_from else ""
    if source.tenant == tenant:
        return f"本单位设置，{since}"
    return f"沿用{unions.get(source.tenant or '', source.tenant)}设置，{since}"


def _page(
    request: Request,
    name: str,
    refused: BangfuError | None = None,
    sent: Sent | None = None,
    *,
    compared: tuple[int, int] | None = None,
) -> HTMLResponse:
    scope, info, model = current_scope(), host().info(name), settings_model(name)
    with unit_of_work() as session:
        found = explained(session, name)
        unions = union_names(session, levels_of(scope))
    wrong = {problem.field: problem.zh for problem in refused.problems} if isinstance(refused, SettingsRefused) else {}
    typed = sent or Sent()
    shown = [_shown(one, found, unions, typed, wrong.get(one.name, "")) for one in fields_of(model)]
    plain = [one for one in shown if one.field.kind != "secret"]
    groups = [(title, list(members)) for title, members in groupby(plain, key=lambda one: one.field.group)]
    history = [(row, _told(name, row)) for row in reversed(found.own)]
    differs: Sequence[Difference] | None = None
    if compared is not None:
        differs = differences(name, found.own, *compared)
    errors = [(f"f-{one.field.name}", one.field.title, one.error) for one in shown if one.error]
    return show(
        request,
        "plugin/tenants/settings.html",
        status=refused.status if refused else 200,
        messages=[refusal_message(refused)] if refused and not errors else [],
        info=info,
        groups=groups,
        secrets=[one for one in shown if one.field.kind == "secret"],
        errors=errors,
        found=found,
        history=history,
        version=max((row.version for row in found.own), default=0),
        planned=[(row, _told(name, row)) for row in planned(found.own, scope.business_date)],
        compared=compared,
        differs=differs,
        typed=typed,
        today=scope.business_date,
        below=scope.level is not Level.COUNTY,
        names=words.staff_names(row.actor for row in found.own),
    )


def _shown(one: SettingField, found: Explained, unions: Mapping[str, str], typed: Sent, error: str) -> Shown:
    here = found.fields[one.name]
    held: Sequence[str] = [str(value) for value in here.value] if one.kind == "choices" else [text_of(one, here.value)]
    was_sent = one.name in typed.shown()
    return Shown(
        field=one,
        found=here,
        texts=typed.typed(one) if was_sent and typed.touched(one) else held,
        held=held,
        words=words_of(one, here.value),
        origin=_origin(here, unions, current_scope().tenant),
        lock=f"{unions.get(here.locked.tenant or '', '上级')}已锁定" if here.locked else "",
        error=error,
        reset=typed.one(_RESET + one.name) == "yes",
        locks=typed.one(_LOCK + one.name) == "yes" if was_sent else here.locks,
        bounds=bounds_of(one),
    )


def _told(name: str, row: PluginSettingChange) -> list[str]:
    """What one version said, in words."""
    fields = {one.name: one for one in fields_of(settings_model(name))}
    said = []
    if row.restores:
        said.append(f"恢复到第 {row.restores} 版")
    for one in fields.values():
        if one.name in row.given:
            said.append(f"{one.title}：{words_of(one, row.given[one.name])}")
        elif one.name in row.secrets:
            said.append(f"{one.title}：{CHANGED}")
        elif one.name in row.resets:
            said.append(f"{one.title}：{INHERITED}")
        if one.name in row.locks:
            said.append(f"{one.title}：{'下级不得更改' if row.locks[one.name] else '下级可以更改'}")
    said += [f"撤销第 {version} 版" for version in row.withdraws]
    return said
