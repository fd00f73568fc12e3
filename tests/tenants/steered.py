"""Lines of the tests: ``steered``, whose settings hold a field of every kind and whose page, resource and job say what holds;
``leaning``, which needs it; ``rival``, which cannot stand beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.host import hookimpl
from core.host.declarations import ChunkPlan, JobKindDecl, NavEntry, PermissionDecl, PluginInfo, RoleGrant, SettingsModel
from core.tenancy.settings import plugin_settings
from core.web.context import requires

NAME = "steered"


class Way(StrEnum):
    """How gifts are handed over."""

    VISIT = "visit"
    POST = "post"


class Settings(BaseModel):
    """A field of every kind that a form shows."""

    model_config = ConfigDict(title="设置")

    limit: int = Field(
        3, ge=1, le=9, title="每户上限", description="每户每年最多几次", json_schema_extra={"group": "数量", "unit": "次"}
    )
    share: Decimal = Field(Decimal("0.5"), ge=0, le=1, title="比例", json_schema_extra={"group": "数量"})
    gift: int = Field(50_000, ge=100, le=100_000, title="慰问金", json_schema_extra={"group": "金额", "unit": "fen"})
    steps: list[int] = Field([], title="分档", max_length=3, json_schema_extra={"group": "金额", "unit": "份"})
    visits: bool = Field(True, title="须走访", json_schema_extra={"group": "办法"})
    visitors: int = Field(
        2, ge=1, le=5, title="走访人数", json_schema_extra={"group": "办法", "unit": "人", "shown_if": {"visits": True}}
    )
    way: Way = Field(Way.VISIT, title="送达", json_schema_extra={"group": "办法", "labels": {"visit": "上门", "post": "邮寄"}})
    kinds: list[Literal["elder", "child"]] = Field(
        ["elder"], title="对象", json_schema_extra={"group": "办法", "labels": {"elder": "老人", "child": "儿童"}}
    )
    from_day: date | None = Field(None, title="起始日", json_schema_extra={"group": "时间"})
    hour: time = Field(time(8, 30), title="钟点", json_schema_extra={"group": "时间"})
    note: str = Field("", max_length=20, title="备注", json_schema_extra={"group": "文字"})
    letter: str = Field("", title="慰问信", json_schema_extra={"group": "文字", "long": True})
    places: list[str] = Field([], title="地点", json_schema_extra={"group": "文字"})
    gateway: SecretStr = Field(SecretStr(""), title="短信口令")

    @model_validator(mode="after")
    def _visitors_within_the_limit(self) -> Settings:
        if self.visitors > self.limit + 2:
            raise ValueError("走访人数不得超过每户上限加二")
        return self


pages = APIRouter()
resources = APIRouter()


@pages.get("/steered", dependencies=[Depends(requires("home.read"))])
def steered_page() -> str:
    """The limit that holds here."""
    return str(_limit())


@resources.get("/steered", dependencies=[Depends(requires("home.read"))])
def steered_resource() -> dict[str, int]:
    """The limit that holds here."""
    return {"limit": _limit()}


def _limit() -> int:
    with unit_of_work() as session:
        return settings_of(session).limit


def settings_of(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    found = plugin_settings(session, NAME)
    assert isinstance(found, Settings)
    return found


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> dict[str, int]:
    return {"limit": settings_of(session).limit}


JOB = JobKindDecl(
    kind="steered.count",
    zh="清点",
    en="count",
    plan=lambda _session, _params: [ChunkPlan("一段", {})],
    run=_run,
    finish=lambda _session, _params, results: dict(results[0]),
)


class Steered:
    """A line whose settings are used by a page, a resource and a job."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(NAME, "1.0", ">=1,<2", "试行业务", "Steered", "仅用于测试", "for tests", "domain 2")

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (PermissionDecl(f"{NAME}.see", "查看试行业务", "see the steered line", personal=True),)

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (RoleGrant("caseworker", frozenset({f"{NAME}.see"})),)

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (NavEntry("试行", "Steered", "/steered", "puzzle", f"{NAME}.see"),)

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        return (JOB,)

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        return pages

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        return resources


class Leaning:
    """A line that needs ``steered``."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            "leaning", "1.0", ">=1,<2", "附属业务", "Leaning", "依赖试行业务", "needs it", "domain 2", requires=(NAME,)
        )


class Rival:
    """A line that cannot be on beside ``steered``."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            "rival", "1.0", ">=1,<2", "互斥业务", "Rival", "与试行业务互斥", "not beside it", "domain 2", conflicts=(NAME,)
        )


LINES: Mapping[str, object] = {NAME: Steered(), "leaning": Leaning(), "rival": Rival()}
