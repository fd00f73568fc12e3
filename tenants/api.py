"""Service lines of a tenant under ``/api/v1/{tenant}/plugins``: their state, and switching them (业务启停)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.errors import InvalidInput, NotFound, PreconditionFailed
from core.web.context import requires
from core.web.step_up import fresh_proof
from tenants.plugin import SWITCH
from tenants.switching import PluginCard, plugin_cards, switch_plugin

router = APIRouter(tags=["plugins"], dependencies=[Depends(requires(SWITCH))])
_ETAG = re.compile(r'"([0-9]{1,9})"')


class PluginOut(BaseModel):
    """A service line and its state in the tenant; ``version`` is also the ETag."""

    name: str
    title_zh: str
    title_en: str
    enabled: bool
    version: int
    settings: dict[str, Any]


class SwitchIn(BaseModel):
    """A switch: on or off, why, and optionally new settings."""

    enabled: bool
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    settings: dict[str, Any] | None = None


def _out(card: PluginCard) -> PluginOut:
    return PluginOut(
        name=card.info.name,
        title_zh=card.info.title_zh,
        title_en=card.info.title_en,
        enabled=card.enabled,
        version=card.version,
        settings=dict(card.settings),
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
    """Switch a line on or off, or set its settings; 412 where ``If-Match`` names another version than the present one."""
    version = None
    if if_match is not None:
        named = _ETAG.fullmatch(if_match.strip())
        if named is None:
            raise InvalidInput("If-Match 应为版本号", "If-Match holds a version", where="If-Match")
        version = int(named.group(1))
    with unit_of_work() as session:
        before = _card(plugin_cards(session), name)
        if version is not None and version != before.version:
            raise PreconditionFailed("该业务的设置已被他人更改", "the line was changed meanwhile", where="If-Match")
        switch_plugin(
            session, name, enabled=wanted.enabled, reason=wanted.reason, settings=wanted.settings, expected_version=version
        )
        after = _card(plugin_cards(session), name)
    response.headers["ETag"] = f'"{after.version}"'
    return _out(after)
