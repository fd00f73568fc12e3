"""A plugin's settings as they hold in a tenant on a day (业务设置): nation < province < prefecture < county.

The model's defaults are the nation's. Each level may set single fields for itself and those below, from a day on; the lower
level wins, within one level the latest day that has come, and of one day the later version. A level above may lock a field.
Plugins read with ``plugin_settings`` and never write; what changes settings stands in ``tenants.configuring``.

Nothing is kept between two readings: a change holds at the next request or task of every process.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Protocol, TypeVar, overload, runtime_checkable

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_core
from core.errors import InvalidInput
from core.host.manager import host
from core.scope import Scope, current_scope
from core.tenancy.models import PluginSettingChange
from core.tenancy.setting_fields import fields_of
from core.tenancy.setting_secrets import opened_secret

log = logging.getLogger(__name__)

NATION = "nation"

Model = TypeVar("Model", bound=BaseModel)


class Change(Protocol):
    """What a change of settings says (``PluginSettingChange``)."""

    @property
    def version(self) -> int: ...
    @property
    def valid_from(self) -> date: ...
    @property
    def given(self) -> Mapping[str, Any]: ...
    @property
    def secrets(self) -> Mapping[str, str]: ...
    @property
    def resets(self) -> Sequence[str]: ...
    @property
    def locks(self) -> Mapping[str, bool]: ...
    @property
    def withdraws(self) -> Sequence[int]: ...


@runtime_checkable
class AsksHere(Protocol):
    """A settings model that asks the database before a change is written."""

    def check_here(self, session: Session, changed: set[str]) -> None:
        """Refuse with ``SettingsRefused`` what does not go with the rows of the tenant in scope; ``changed`` names the fields
        that are set."""


@dataclass(frozen=True, slots=True)
class Held:
    """A value of one field as one level holds it: since which day, by which version. A secret's is its sealed form."""

    value: Any
    valid_from: date
    version: int
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """What one level has set itself and locked for those below, as it holds on one day."""

    held: Mapping[str, Held] = field(default_factory=dict)
    locked: Mapping[str, date] = field(default_factory=dict)
    """Field to the day from which it is locked."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a level, its tenant (None for the nation), the day and the version."""

    level: str
    tenant: str | None = None
    valid_from: date | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One field in the tenant in scope: its value as JSON (of a secret: whether there is one) and where that comes from."""

    name: str
    value: Any
    source: Source
    own: bool
    """Whether the tenant itself has set it, be it in force or not."""
    locked: Source | None = None
    """The level above that does not let it be set here."""
    locks: bool = False
    """Whether the tenant itself locks it for those below."""


@dataclass(frozen=True, slots=True)
class Explained:
    """All fields of a plugin's settings in the tenant in scope on a day. ``stamp`` names the state of all levels that were
    read: whoever changes what he read gives it again."""

    plugin: str
    on: date
    fields: Mapping[str, Found]
    stamp: str
    own: Sequence[PluginSettingChange]
    """The tenant's own changes, oldest first."""


def settings_model(name: str) -> type[BaseModel]:
    """The settings model of an installed plugin; raises ``NotFound`` (no such plugin), ``InvalidInput`` (it has none)."""
    title = host().info(name).title_zh
    model: type[BaseModel] | None = dict(host().installed("bangfu_settings")).get(name)
    if model is None:
        raise InvalidInput(f"{title}没有可配置项", f"{name} has no settings", where=name)
    return model


@lru_cache(maxsize=256)
def _defaults(model: type[BaseModel]) -> Mapping[str, Any]:
    found: dict[str, Any] = model().model_dump(mode="json")
    for one in fields_of(model):
        if one.kind == "secret":
            found[one.name] = bool(found[one.name])
    return found


def layer_of(changes: Iterable[Change], on: date, *, until: int | None = None) -> Layer:
    """What one level's changes come to on a day; with ``until`` as if no later version had been made."""
    known = [change for change in changes if until is None or change.version <= until]
    withdrawn = {version for change in known for version in change.withdraws}
    come = [change for change in known if change.valid_from <= on and change.version not in withdrawn]
    held: dict[str, Held] = {}
    locked: dict[str, date] = {}
    for change in sorted(come, key=lambda one: (one.valid_from, one.version)):
        for name in change.resets:
            held.pop(name, None)
        for name, value in change.given.items():
            held[name] = Held(value, change.valid_from, change.version)
        for name, stored in change.secrets.items():
            held[name] = Held(stored, change.valid_from, change.version, sealed=True)
        for name, locks in change.locks.items():
            if not locks:
                locked.pop(name, None)
            else:
                locked.setdefault(name, change.valid_from)
    return Layer(held, locked)


@dataclass(frozen=True, slots=True)
class _Placed:
    held: Held
    depth: int
    tenant: str
    level: str

    @property
    def source(self) -> Source:
        return Source(self.level, self.tenant, self.held.valid_from, self.held.version)


def line_of(scope: Scope) -> list[tuple[str, str]]:
    """(tenant, level) from the province down to the tenant in scope."""
    line = [(scope.province, "province")]
    if scope.prefecture is not None:
        line.append((scope.prefecture, "prefecture"))
    if scope.tenant not in {code for code, _ in line}:
        line.append((scope.tenant, scope.level.value))
    return line


class Resolved:
    """What the layers of a line come to. ``stacks`` holds, by field, the values that count, the highest level first: what
    stands below a lock does not count."""

    def __init__(self, plugin: str, model: type[BaseModel], layers: Sequence[tuple[str, str, Layer]]) -> None:
        self.plugin, self._model = plugin, model
        self._known = {one.name: one for one in fields_of(model)}
        self.stacks: dict[str, list[_Placed]] = defaultdict(list)
        self.locked: dict[str, Source] = {}
        for depth, (tenant, level, layer) in enumerate(layers):
            for name, held in layer.held.items():
                if name in self._known and name not in self.locked and held.sealed == (self._known[name].kind == "secret"):
                    self.stacks[name].append(_Placed(held, depth, tenant, level))
            for name, since in layer.locked.items():
                self.locked.setdefault(name, Source(level, tenant, since))
        self.instance = self._fitting()

    def values(self) -> dict[str, Any]:
        """The JSON values that hold, secrets opened; what no level has set is left to the model."""
        return {name: self._value(name, stack[-1]) for name, stack in self.stacks.items() if stack}

    def _value(self, name: str, placed: _Placed) -> Any:
        held = placed.held
        return opened_secret(placed.tenant, self.plugin, name, held.value) if held.sealed else held.value

    def _fitting(self) -> BaseModel:
        """The model's instance. A value that the model takes no longer (it changed, or two levels do not go together) gives way
        to the next level's, so that no setting ever stops a plugin."""
        while True:
            try:
                return self._model.model_validate_json(json.dumps(self.values()))
            except ValidationError as error:
                named = {str(found["loc"][0]) for found in error.errors(include_input=False) if found["loc"]}
                wrong = {name for name in named if self.stacks.get(name)} or self._lowest()
                if not wrong:
                    return self._model()
                log.warning("settings of %s not used as they do not fit: %s", self.plugin, ", ".join(sorted(wrong)))
                for name in wrong:
                    self.stacks[name].pop()

    def _lowest(self) -> set[str]:
        depth = max((stack[-1].depth for stack in self.stacks.values() if stack), default=-1)
        return {name for name, stack in self.stacks.items() if stack and stack[-1].depth == depth}

    def source(self, name: str) -> Source:
        """Where the value of a field comes from."""
        stack = self.stacks.get(name)
        return stack[-1].source if stack else Source(NATION)


def changes_over(session: Session, plugin: str, scope: Scope) -> dict[str, list[PluginSettingChange]]:
    """The changes of a plugin's settings by the tenant in scope and the levels above it, by tenant, oldest first: one
    statement."""
    line = [code for code, _ in line_of(scope)]
    wanted = select(PluginSettingChange).where(PluginSettingChange.tenant.in_(line), PluginSettingChange.plugin == plugin)
    found: dict[str, list[PluginSettingChange]] = {code: [] for code in line}
    for row in session.scalars(tenant_core(wanted.order_by(PluginSettingChange.version))):
        found[row.tenant].append(row)
    return found


def resolved(plugin: str, changes: Mapping[str, Sequence[Change]], scope: Scope, on: date) -> Resolved:
    """What the changes of a line come to on a day."""
    layers = [(code, level, layer_of(changes.get(code, ()), on)) for code, level in line_of(scope)]
    return Resolved(plugin, settings_model(plugin), layers)


@overload
def plugin_settings(session: Session, name: str, on: date | None = None) -> BaseModel: ...


@overload
def plugin_settings(session: Session, name: str, on: date | None = None, *, model: type[Model]) -> Model: ...


def plugin_settings(session: Session, name: str, on: date | None = None, *, model: type[BaseModel] = BaseModel) -> BaseModel:
    """The settings of a plugin as they hold in the tenant in scope on a day (today): an instance of its model, one statement.
    Whoever names the ``model`` is given that, and ``TypeError`` where the plugin declares another.

    Whether the plugin is on does not matter: what it began goes on by them.
    """
    scope = current_scope()
    found = resolved(name, changes_over(session, name, scope), scope, on or scope.business_date).instance
    if not isinstance(found, model):
        raise TypeError(f"{name} declares other settings than {model.__name__}")
    return found


def explained(session: Session, name: str, on: date | None = None) -> Explained:
    """Every field of a plugin's settings with its value and where that comes from: one statement."""
    scope = current_scope()
    day = on or scope.business_date
    changes = changes_over(session, name, scope)
    here = resolved(name, changes, scope, day)
    own = layer_of(changes[scope.tenant], day)
    model = settings_model(name)
    dumped, defaults = here.instance.model_dump(mode="json"), _defaults(model)
    fields = {}
    for one in fields_of(model):
        locked = here.locked.get(one.name)
        above = locked if locked is not None and locked.tenant != scope.tenant else None
        secret = bool(here.stacks.get(one.name)) or defaults[one.name]
        fields[one.name] = Found(
            name=one.name,
            value=secret if one.kind == "secret" else dumped[one.name],
            source=here.source(one.name),
            own=one.name in own.held,
            locked=above,
            locks=one.name in own.locked,
        )
    stamp = ".".join(str(max((row.version for row in rows), default=0)) for rows in changes.values())
    return Explained(name, day, fields, stamp, changes[scope.tenant])
