"""Service lines of a tenant under ``/api/v1/{tenant}/plugins``: their state, switching them, rules for others (业务启停)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.errors import InvalidInput, NotFound, PreconditionFailed
from core.host.manager import host
from core.web.context import requires
from core.web.step_up import fresh_proof
from tenants import settings_api
from tenants.etags import etag, named_state
from tenants.plugin import SWITCH
from tenants.rules import set_rule
from tenants.switching import PluginCard, plugin_cards, switch_plugin

router = APIRouter(tags=["plugins"], dependencies=[Depends(requires(SWITCH))])
router.include_router(settings_api.router)

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class PluginOut(BaseModel):
    """A service line and its state in the tenant; ``version`` counts the tenant's switches and is also the ETag, ``release`` is
    the plugin's own version, ``notices`` what its author is told of the interface.

    ``why``: the tenant's ``own`` word, a day that has not come (``waits``), a rule of the level above (``required``,
    ``forbidden``), or other lines (``lacks``, ``conflicts``).
    """

    name: str
    title_zh: str
    title_en: str
    enabled: bool
    why: str
    on_from: date | None
    ruled_by: str | None
    others: list[str]
    requires: list[str]
    conflicts: list[str]
    version: int
    release: str
    notices: list[str]


class SwitchIn(BaseModel):
    """A switch: on or off, why, and for on the later day from which it holds."""

    enabled: bool
    reason: Reason
    on_from: date | None = None


class RuleIn(BaseModel):
    """What holds in the counties below, or in those of one prefecture, from a day on."""

    word: Literal["require", "forbid", "free", "general"]
    prefecture: Annotated[str | None, Field(pattern=r"^[0-9]{6}$")] = None
    valid_from: date | None = None
    reason: Reason


class RuleOut(BaseModel):
    """A rule that was made."""

    plugin: str
    version: int
    word: str
    prefecture: str | None
    valid_from: date


def _out(card: PluginCard) -> PluginOut:
    return PluginOut(
        name=card.info.name,
        title_zh=card.info.title_zh,
        title_en=card.info.title_en,
        enabled=card.enabled,
        why=card.state.why,
        on_from=card.on_from,
        ruled_by=card.state.rule.tenant if card.state.rule else None,
        others=list(card.state.others),
        requires=list(card.info.requires),
        conflicts=list(card.info.conflicts),
        version=card.version,
        release=card.info.version,
        notices=[notice.zh for notice in host().notices(card.info.name)],
    )


def _card(cards: list[PluginCard], name: str) -> PluginCard:
    for card in cards:
        if card.info.name == name:
            return card
    raise NotFound(f"没有名为 {name} 的业务", f"no service line is called {name}", where=name)


@router.get("/plugins")
def plugin_list() -> list[PluginOut]:
    """All installed service lines with their state."""
    with unit_of_work() as session:
        return [_out(card) for card in plugin_cards(session)]


@router.put("/plugins/{name}", dependencies=[Depends(fresh_proof())])
def plugin_switch(
    name: str,
    wanted: SwitchIn,
    response: Response,
    if_match: Annotated[str | None, Header(description="version of the state that was read, as an ETag")] = None,
) -> PluginOut:
    """Switch a line on or off; 412 where ``If-Match`` names another version than the present one."""
    version = _version(if_match)
    with unit_of_work() as session:
        before = _card(plugin_cards(session), name)
        if version is not None and version != before.version:
            raise PreconditionFailed("该业务的启停已被他人更改", "the line was switched meanwhile", where="If-Match")
        switch_plugin(
            session, name, enabled=wanted.enabled, reason=wanted.reason, on_from=wanted.on_from, expected_version=version
        )
        after = _card(plugin_cards(session), name)
    response.headers["ETag"] = etag(after.version)
    return _out(after)


@router.post("/plugins/{name}/rules", status_code=201, dependencies=[Depends(fresh_proof())])
def plugin_rule(name: str, wanted: RuleIn) -> RuleOut:
    """Say of a line what holds in the counties below; 403 in a county, 409 where the province has spoken."""
    with unit_of_work() as session:
        made = set_rule(
            session,
            name,
            wanted.word,
            reason=wanted.reason,
            prefecture=wanted.prefecture,
            valid_from=wanted.valid_from,
        )
        return RuleOut(
            plugin=name, version=made.version, word=made.word, prefecture=made.prefecture, valid_from=made.valid_from
        )


def _version(if_match: str | None) -> int | None:
    state = named_state(if_match)
    if state is None:
        return None
    if not state.isdecimal():
        raise InvalidInput("If-Match 应为版本号", "If-Match holds a version", where="If-Match")
    return int(state)
