"""Settings of a tenant's own centre (本级设置): how it is reached, when its window is open, who leads it, how it numbers.

They are kept, inherited, dated and brought back as those of a service line, under the plugin's name ``core``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlalchemy.orm import Session

from core.centre.numbering import BadPattern, What, collision, parse
from core.scope import current_scope
from core.tenancy.setting_words import Problem, SettingsRefused
from core.tenancy.settings import plugin_settings

NAME = "core"
Day = Literal["1", "2", "3", "4", "5", "6", "7"]
_DAYS: Mapping[str, str] = MappingProxyType(
    {"1": "周一", "2": "周二", "3": "周三", "4": "周四", "5": "周五", "6": "周六", "7": "周日"}
)
_PHONE = r"^([0-9][0-9 \-]{4,29})?$"
_PATTERNS: Mapping[What, str] = MappingProxyType({"file": "file_number", "case": "case_number", "batch": "batch_number"})
_SAID = "可用 {county}（单位代码）、{year}（年度）、{seq:04d}（四位流水号）"


def _field(
    default: Any, title: str, group: str, help_: str = "", *, more: Mapping[str, Any] | None = None, **rules: Any
) -> Any:
    extra: dict[str, Any] = {"group": group, **(more or {})}
    return Field(default, title=title, description=help_, json_schema_extra=extra, **rules)


class Member(BaseModel):
    """A member of the leading group (领导小组成员)."""

    order: int = Field(1, ge=1, le=99, title="顺序")
    name: str = Field("", min_length=1, max_length=30, title="姓名")
    office: str = Field("", max_length=60, title="职务")
    duty: str = Field("", max_length=120, title="分工")


class CentreSettings(BaseModel):
    """What a centre says of itself."""

    model_config = ConfigDict(title="本级设置")

    centre_name: str = _field("", "中心名称", "单位信息", "用于公告、公示和打印件，如：锦江区困难职工援助中心", max_length=60)
    address: str = _field("", "地址", "单位信息", max_length=120)
    phone: str = _field("", "咨询电话", "单位信息", "如 028-8412 3456", pattern=_PHONE)
    complaint_phone: str = _field("", "监督投诉电话", "单位信息", pattern=_PHONE)
    website: str = _field("", "网址", "单位信息", "以 https:// 开头", pattern=r"^(https?://[^\s<>\"]{3,200})?$")
    seal_text: str = _field("", "落款", "单位信息", "打印件和公告末尾盖章处的单位名称", max_length=60)
    open_days: list[Day] = _field([], "窗口开放日", "办公时间", more={"labels": dict(_DAYS)})
    morning_from: time | None = _field(None, "上午自", "办公时间")
    morning_to: time | None = _field(None, "上午至", "办公时间")
    afternoon_from: time | None = _field(None, "下午自", "办公时间")
    afternoon_to: time | None = _field(None, "下午至", "办公时间")
    hours_note: str = _field("", "补充说明", "办公时间", "如：法定节假日除外", max_length=60)
    leaders: list[Member] = _field([], "领导小组成员", "领导小组", "按顺序号排列；整行留空的不保存", max_length=30)
    bulletin_media: list[str] = _field([], "公告载体", "公告", "公告还张贴或刊登在哪里，如：办事大厅公告栏", max_length=10)
    file_number: str = _field("DA{year}{seq:06d}", "档案编号", "编号规则", _SAID)
    case_number: str = _field("{line}-{year}-{seq:04d}", "个案编号", "编号规则", f"{_SAID}、{{line}}（业务代号）")
    batch_number: str = _field("FF{year}-{seq:04d}", "发放批次号", "编号规则", _SAID)

    @field_validator("file_number", "case_number", "batch_number")
    @classmethod
    def _gives_each_its_own(cls, text: str, info: Any) -> str:
        what = next(what for what, name in _PATTERNS.items() if name == info.field_name)
        try:
            parse(text, what)
        except BadPattern as error:
            raise ValueError(str(error)) from None
        return text

    @field_validator("bulletin_media")
    @classmethod
    def _short_lines(cls, lines: list[str]) -> list[str]:
        if any(len(line) > 60 for line in lines):
            raise ValueError("每项不能超过 60 个字")
        return lines

    @model_validator(mode="after")
    def _times_go_together(self) -> CentreSettings:
        for begins, ends, part in (
            (self.morning_from, self.morning_to, "上午"),
            (self.afternoon_from, self.afternoon_to, "下午"),
        ):
            if (begins is None) != (ends is None):
                raise ValueError(f"{part}的起止时间须同时填写")
            if begins is not None and ends is not None and begins >= ends:
                raise ValueError(f"{part}的起始时间须早于结束时间")
        return self

    def pattern_of(self, what: What) -> str:
        """The pattern by which files, cases or batches are numbered."""
        pattern: str = getattr(self, _PATTERNS[what])
        return pattern

    @property
    def hours(self) -> str:
        """When the window is open, as a notice says it; empty where it was not set."""
        spans = [
            f"{begins:%H:%M}—{ends:%H:%M}"
            for begins, ends in ((self.morning_from, self.morning_to), (self.afternoon_from, self.afternoon_to))
            if begins is not None and ends is not None
        ]
        said = " ".join(part for part in (_days(sorted(self.open_days)), "，".join(spans)) if part)
        return f"{said}（{self.hours_note}）" if said and self.hours_note else said

    @property
    def members(self) -> Sequence[Member]:
        """The leading group in its order."""
        return sorted(self.leaders, key=lambda one: one.order)

    def check_here(self, session: Session, changed: set[str]) -> None:
        """Refuse a pattern that would give numbers again which somebody bears; raises ``SettingsRefused``."""
        year = current_scope().business_date.year
        for what, name in _PATTERNS.items():
            if name in changed and (found := collision(session, what, getattr(self, name), year)) is not None:
                zh = f"会与已有编号重复，如 {found}；请换一种写法"
                raise SettingsRefused(type(self), [Problem(name, zh, f"would give {found} again, which is borne already")])


def _days(days: Sequence[str]) -> str:
    """周一至周五; days that do not follow each other are listed."""
    if len(days) > 2 and int(days[-1]) - int(days[0]) == len(days) - 1:
        return f"{_DAYS[days[0]]}至{_DAYS[days[-1]]}"
    return "、".join(_DAYS[day] for day in days)


def centre_settings(session: Session) -> CentreSettings:
    """The settings of the centre in scope as they hold today: one statement."""
    return plugin_settings(session, NAME, model=CentreSettings)
