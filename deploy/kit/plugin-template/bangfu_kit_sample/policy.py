"""What may differ from place to place and from year to year: dated figures, settings, rules."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from bangfu_kit_sample.names import LEAST_VISITS, NAME
from core.host.declarations import ParameterDecl, ParameterValue
from core.rules.declarations import Column, Figure, KindLabel, Predicate, RuleSet
from core.tenancy.settings import plugin_settings

if TYPE_CHECKING:
    from core.rules.batch import Array, Reader


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    remind_after_days: int = Field(30, ge=1, le=365, title="提醒天数", description="登记后多少天仍未走访的，列入提醒")
    greeting: str = Field("", max_length=200, title="慰问语", description="显示在走访页面上方")


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, NAME, model=Settings)


PARAMETERS = (
    ParameterDecl(
        LEAST_VISITS,
        "办结前最少走访次数",
        "visits before a case is closed",
        "count",
        "domain 2",
        (ParameterValue(date(2020, 1, 1), 1, "示例业务办法", "domain 2"),),
    ),
)


def _large(read: Reader) -> Array:
    return read["members"] >= 4


def _kind(read: Reader) -> Array:
    # a place in ``kinds``: 0 for an ordinary family, 1 for a large one
    return read["large"] * 1


RULE_SETS = (
    RuleSet(
        name=NAME,
        version="1",
        plugin=NAME,
        zh="优先走访的家庭",
        en="families that are visited first",
        clause="domain 2",
        columns=(
            Column("worker_id", "困难职工", "worker", "household", "id", "worker_id"),
            Column("person_id", "成员", "member", "person", "id", "person_id"),
        ),
        figures=(
            Figure("members", "家庭人口", "members", "count", "domain 2", (), lambda read: read.members()),
            Figure("kind", "家庭类别", "kind of family", "code", "domain 2", ("large",), _kind),
        ),
        predicates=(Predicate("large", "四口以上家庭", "four members or more", "domain 2", ("members",), _large),),
        programmes=(),
        parameters=(),
        kinds=(KindLabel("ordinary", "一般家庭", "ordinary"), KindLabel("large", "多人家庭", "large")),
        kind="kind",
        eligible="large",
        surveyed=False,
    ),
)
"""All versions of the rules, the newest last."""
