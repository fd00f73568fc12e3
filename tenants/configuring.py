"""Changing a plugin's settings at one level (业务设置): change sets, what is planned and taken back, roll-back, differences.

A change set is never altered. Each has a reason, a day from which it holds, and an entry in the trail that names fields alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from core.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from core.scope import Level, Scope, current_scope
from core.tenancy.models import PluginSettingChange
from core.tenancy.service import next_numbers
from core.tenancy.setting_fields import SettingField, fields_of, words_of
from core.tenancy.setting_secrets import sealed_secret
from core.tenancy.setting_words import refused
from core.tenancy.settings import AsksHere, Held, Layer, Resolved, changes_over, layer_of, line_of, resolved, settings_model
from core.trail.service import record
from tenants.plugin import SWITCH
from tenants.words import union_name

INHERITED = "沿用上级"
CHANGED = "已更改"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one field was and is between two versions, in words. Of a secret only that it was changed."""

    title: str
    was: str
    now: str


def change_settings(
    session: Session,
    name: str,
    *,
    reason: str,
    values: Mapping[str, Any] | None = None,
    resets: Iterable[str] = (),
    locks: Mapping[str, bool] | None = None,
    withdraws: Iterable[int] = (),
    valid_from: date | None = None,
    expected: str | None = None,
) -> PluginSettingChange:
    """Set fields of a plugin's settings for the tenant in scope and those below it, from a day on (today).

    ``values`` are JSON values, of a secret its text; ``resets`` follow the level above again; ``locks`` says of fields whether
    the levels below may set them; ``withdraws`` takes back versions whose day has not come. ``expected`` is the stamp that was
    read. Needs ``tenants.switch_plugins``. Raises ``NotFound`` (no such plugin), ``SettingsRefused`` (the model takes a value
    not), ``InvalidInput`` (no reason, an unknown field, a day that has passed), ``Conflict`` (locked by a level above, nothing
    to change), ``PreconditionFailed`` (changed meanwhile). Changes of a plugin in a tenant wait for each other.
    """
    draft = _Draft(session, name, reason, valid_from, expected)
    return draft.write(values or {}, list(resets), locks or {}, list(withdraws))


def restore_settings(
    session: Session, name: str, version: int, *, reason: str, expected: str | None = None
) -> PluginSettingChange:
    """Bring back what the tenant in scope had set itself as of ``version``, from today, by a new change set. What was planned
    since then is taken back. Raises as ``change_settings``, and ``NotFound`` where there is no such version."""
    draft = _Draft(session, name, reason, None, expected)
    if version not in {row.version for row in draft.own}:
        raise NotFound(f"没有第 {version} 版设置", f"there is no version {version}", where="version")
    today = draft.day
    was, now = layer_of(draft.own, today, until=version), layer_of(draft.own, today)
    known = {field.name for field in draft.fields}
    given = {name: held for name, held in was.held.items() if name in known and _value(now.held.get(name)) != _value(held)}
    planned = [row.version for row in draft.own if row.version > version and row.valid_from > today]
    return draft.write(
        {name: held.value for name, held in given.items() if not held.sealed},
        [name for name in now.held if name not in was.held],
        {name: name in was.locked for name in was.locked.keys() ^ now.locked.keys()},
        [row for row in planned if row not in _withdrawn(draft.own)],
        secrets={name: held.value for name, held in given.items() if held.sealed},
        restores=version,
    )


def _value(held: Held | None) -> Any:
    return None if held is None else (held.value, held.sealed)


def _withdrawn(own: Sequence[PluginSettingChange]) -> set[int]:
    return {version for row in own for version in row.withdraws}


class _Draft:
    """A change set in the making, with the state of all levels as it stands under the lock."""

    def __init__(self, session: Session, name: str, reason: str, valid_from: date | None, expected: str | None) -> None:
        scope = current_scope()
        if not scope.is_system:
            scope.require(SWITCH)
        self.session, self.name, self.scope = session, name, scope
        self.model = settings_model(name)
        self.fields = fields_of(self.model)
        self.reason = reason.strip()
        if not self.reason:
            raise InvalidInput(
                "请填写变更原因", "a reason is needed", where="reason", mend_zh="写明依据或会议决定", mend_en="state why"
            )
        self.day = valid_from or scope.business_date
        if self.day < scope.business_date:
            raise InvalidInput(
                "生效日期不得早于今天",
                "it cannot hold from a day that has passed",
                where="valid_from",
                mend_zh="已作的决定不受影响；请填写今天或以后的日期",
                mend_en="name today or a later day",
            )
        self.version = next_numbers(session, f"plugin_settings:{name}", 0).start
        self.changes = changes_over(session, name, scope)
        self.own: Sequence[PluginSettingChange] = self.changes[scope.tenant]
        stamp = ".".join(str(max((row.version for row in rows), default=0)) for rows in self.changes.values())
        if expected is not None and expected != stamp:
            raise PreconditionFailed(
                "该业务的设置已被他人更改",
                "the settings were changed meanwhile",
                where="If-Match",
                mend_zh="您填写的内容仍在页面上，请核对最新设置后再保存",
                mend_en="read them again",
            )

    def write(
        self,
        values: Mapping[str, Any],
        resets: Sequence[str],
        locks: Mapping[str, bool],
        withdraws: Sequence[int],
        *,
        secrets: Mapping[str, str] | None = None,
        restores: int | None = None,
    ) -> PluginSettingChange:
        """Check and write the change set. ``secrets`` are sealed already."""
        self._refuse_unknown({*values, *resets, *locks, *(secrets or {})})
        here = resolved(self.name, self.changes, self.scope, self.day)
        self._refuse_locked({*values, *resets, *(secrets or {})}, here)
        self._refuse_locks(locks)
        self._refuse_withdrawals(withdraws)
        own = layer_of(self.own, self.day)
        plain, sealed = self._checked(values, here)
        row = PluginSettingChange(
            plugin=self.name,
            version=self.version,
            valid_from=self.day,
            given={name: value for name, value in plain.items() if _value(own.held.get(name)) != (value, False)},
            secrets=sealed | dict(secrets or {}),
            resets=[name for name in resets if name in own.held and name not in values],
            locks={name: locked for name, locked in locks.items() if locked != (name in own.locked)},
            withdraws=list(withdraws),
            restores=restores,
            reason=self.reason,
            actor=self.scope.actor,
            business_date=self.scope.business_date,
        )
        if not (row.given or row.secrets or row.resets or row.locks or row.withdraws):
            raise Conflict("设置没有变化", "there is nothing to change", where=self.name)
        self.session.add(row)
        self.session.flush()
        said = {"plugin": self.name, "version": row.version, "valid_from": row.valid_from}
        named = {
            "set": sorted(row.given),
            "secrets": sorted(row.secrets),
            "reset": sorted(row.resets),
            "locks": sorted(row.locks),
            "withdraws": row.withdraws,
        }
        told = {**said, **{what: names for what, names in named.items() if names}}
        if restores is not None:
            told["restores"] = restores
        record(self.session, "plugin.settings", "plugin_setting_change", row.id, told)
        return row

    def _refuse_unknown(self, names: set[str]) -> None:
        unknown = sorted(names - {field.name for field in self.fields})
        if unknown:
            raise InvalidInput(
                "有未声明的配置项",
                "an undeclared setting",
                where="settings",
                mend_zh=f"可设置：{'、'.join(field.name for field in self.fields)}",
                mend_en=f"settings: {', '.join(field.name for field in self.fields)}",
            )

    def _refuse_locked(self, names: set[str], here: Resolved) -> None:
        for field in self.fields:
            lock = here.locked.get(field.name)
            if field.name in names and lock is not None and lock.tenant is not None and lock.tenant != self.scope.tenant:
                union = union_name(self.session, lock.tenant)
                raise Conflict(
                    f"{union}已锁定“{field.title}”，本单位不能更改",
                    f"{field.name} is locked by {lock.tenant}",
                    where=field.name,
                    mend_zh=f"确需更改的，请报{union}",
                    mend_en="ask the union above",
                )

    def _refuse_locks(self, locks: Mapping[str, bool]) -> None:
        if locks and self.scope.level is Level.COUNTY:
            raise InvalidInput("县级没有下级，不能锁定", "a county has no level below to lock a field for", where="locks")

    def _refuse_withdrawals(self, versions: Sequence[int]) -> None:
        today = self.scope.business_date
        planned = {row.version for row in self.own if row.valid_from > today} - _withdrawn(self.own)
        if wrong := [version for version in versions if version not in planned]:
            raise Conflict(
                f"第 {wrong[0]} 版设置已生效、已撤销或不存在，不能撤销",
                f"version {wrong[0]} is in force, taken back or none",
                where="withdraws",
                mend_zh="已生效的设置请用“恢复到此版”",
                mend_en="restore an earlier version instead",
            )

    def _checked(self, values: Mapping[str, Any], here: Resolved) -> tuple[dict[str, Any], dict[str, str]]:
        """The given values as the model writes them: plain ones, and secrets sealed."""
        if not values:
            return {}, {}
        try:
            instance = self.model.model_validate_json(json.dumps({**here.values(), **values}, default=str))
        except ValidationError as error:
            raise refused(self.model, error) from None
        if isinstance(instance, AsksHere):
            instance.check_here(self.session, set(values))
        dumped = instance.model_dump(mode="json")
        plain: dict[str, Any] = {}
        sealed: dict[str, str] = {}
        for field in self.fields:
            if field.name in values and field.kind == "secret":
                sealed[field.name] = sealed_secret(self.scope.tenant, self.name, field.name, self._secret(instance, field))
            elif field.name in values:
                plain[field.name] = dumped[field.name]
        return plain, sealed

    def _secret(self, instance: BaseModel, field: SettingField) -> str:
        held = getattr(instance, field.name)
        text: str = held.get_secret_value() if held is not None else ""
        if not text:
            raise InvalidInput(f"请填写“{field.title}”", f"{field.name} is empty", where=field.name)
        return text


def differences(name: str, own: Sequence[PluginSettingChange], old: int, new: int) -> list[Difference]:
    """What differs between two versions of the tenant's own settings, in words, each with all its days come."""
    before, after = layer_of(own, date.max, until=old), layer_of(own, date.max, until=new)
    found = []
    for field in fields_of(settings_model(name)):
        was, now = before.held.get(field.name), after.held.get(field.name)
        if _value(was) != _value(now):
            found.append(Difference(field.title, _said(field, was, ""), _said(field, now, CHANGED)))
        if (field.name in before.locked) != (field.name in after.locked):
            found.append(Difference(field.title, *_lock_words(before, after, field.name)))
    return found


def _said(field: SettingField, held: Held | None, of_secret: str) -> str:
    if held is None:
        return INHERITED
    return (of_secret or words_of(field, True)) if held.sealed else words_of(field, held.value)


def _lock_words(before: Layer, after: Layer, name: str) -> tuple[str, str]:
    was, now = ("下级不得更改" if name in layer.locked else "下级可以更改" for layer in (before, after))
    return was, now


def planned(own: Sequence[PluginSettingChange], today: date) -> list[PluginSettingChange]:
    """The changes whose day has not come and that were not taken back, the nearest first."""
    gone = _withdrawn(own)
    coming = [row for row in own if row.valid_from > today and row.version not in gone]
    return sorted(coming, key=lambda row: (row.valid_from, row.version))


def levels_of(scope: Scope) -> list[str]:
    """Codes of the tenants whose settings reach the tenant in scope."""
    return [code for code, _ in line_of(scope)]
