"""Settings of a service line under ``/api/v1/{tenant}/plugins/{name}/settings`` (业务设置)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.tenancy.setting_fields import fields_of
from core.tenancy.settings import Explained, explained, settings_model
from core.web.context import requires
from core.web.step_up import fresh_proof
from tenants.configuring import change_settings, restore_settings
from tenants.etags import etag, named_state
from tenants.plugin import SWITCH

router = APIRouter(tags=["plugins"], dependencies=[Depends(requires(SWITCH))])


class SettingOut(BaseModel):
    """One setting: its value (of a secret: whether there is one) and where that comes from."""

    name: str
    title: str
    kind: str
    unit: str
    value: Any
    level: str
    tenant: str | None
    valid_from: date | None
    own: bool
    locked_by: str | None
    locks: bool


class SettingChangeOut(BaseModel):
    """One change of the tenant itself, without values of secrets."""

    version: int
    valid_from: date
    given: dict[str, Any]
    secrets: list[str]
    resets: list[str]
    locks: dict[str, bool]
    withdraws: list[int]
    restores: int | None
    reason: str
    business_date: date


class SettingsOut(BaseModel):
    """A line's settings as they hold here on a day; their state is the ETag."""

    plugin: str
    on: date
    settings: list[SettingOut]
    changes: list[SettingChangeOut]


class SettingsIn(BaseModel):
    """A change: values to set (JSON, money in fen), fields that follow the level above again, fields that are locked or not for
    the levels below, versions to take back whose day has not come; or ``restores``, the version whose state is brought back."""

    values: dict[str, Any] = {}
    resets: list[str] = []
    locks: dict[str, bool] = {}
    withdraws: list[int] = []
    restores: int | None = None
    valid_from: date | None = None
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


def _out(found: Explained) -> SettingsOut:
    settings = []
    for one in fields_of(settings_model(found.plugin)):
        here = found.fields[one.name]
        settings.append(
            SettingOut(
                name=one.name,
                title=one.title,
                kind=one.kind,
                unit=one.unit,
                value=here.value,
                level=here.source.level,
                tenant=here.source.tenant,
                valid_from=here.source.valid_from,
                own=here.own,
                locked_by=here.locked.tenant if here.locked else None,
                locks=here.locks,
            )
        )
    changes = [
        SettingChangeOut(
            version=row.version,
            valid_from=row.valid_from,
            given=row.given,
            secrets=sorted(row.secrets),
            resets=row.resets,
            locks=row.locks,
            withdraws=row.withdraws,
            restores=row.restores,
            reason=row.reason,
            business_date=row.business_date,
        )
        for row in found.own
    ]
    return SettingsOut(plugin=found.plugin, on=found.on, settings=settings, changes=changes)


@router.get("/plugins/{name}/settings")
def read_settings(
    name: str,
    response: Response,
    on: Annotated[date | None, Query(description="the day on which they hold; today where it is left out")] = None,
) -> SettingsOut:
    """The settings of a line with their sources and the tenant's own changes."""
    with unit_of_work() as session:
        found = explained(session, name, on)
    response.headers["ETag"] = etag(found.stamp)
    return _out(found)


@router.put("/plugins/{name}/settings", dependencies=[Depends(fresh_proof())])
def write_settings(
    name: str,
    wanted: SettingsIn,
    response: Response,
    if_match: Annotated[str | None, Header(description="the ETag of the settings that were read")] = None,
) -> SettingsOut:
    """Change the settings; 412 where ``If-Match`` names another state than the present one, 422 with what does not fit."""
    expected = named_state(if_match)
    with unit_of_work() as session:
        if wanted.restores is not None:
            restore_settings(session, name, wanted.restores, reason=wanted.reason, expected=expected)
        else:
            change_settings(
                session,
                name,
                reason=wanted.reason,
                values=wanted.values,
                resets=wanted.resets,
                locks=wanted.locks,
                withdraws=wanted.withdraws,
                valid_from=wanted.valid_from,
                expected=expected,
            )
        found = explained(session, name)
    response.headers["ETag"] = etag(found.stamp)
    return _out(found)
