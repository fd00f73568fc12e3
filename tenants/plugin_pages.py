"""Pages of the service lines: cards, one line with its switch, its users, its open work and the rules over it (业务启停)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.mass import sealed_count
from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.host.manager import host
from core.scope import Level, current_scope
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.tenancy.plugin_state import rules_over_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.pages.staff_common import day_or_none, kept
from core.web.step_up import fresh_proof
from tenants import rules as ruling
from tenants import usage
from tenants.plugin import SWITCH
from tenants.switching import PluginCard, last_changes, needing, plugin_cards, plugin_history, switch_plugin, titles
from tenants.words import union_names

router = APIRouter(dependencies=[Depends(requires(SWITCH))])

Line = Annotated[str, Form(max_length=80)]
Reason = Annotated[str, Form(max_length=1000)]


@router.get("/plugins")
def cards(request: Request) -> HTMLResponse:
    """All installed service lines: what each does, its state, who works with it, what is under way."""
    with unit_of_work() as session:
        found = plugin_cards(session)
        unions = union_names(session, [card.state.rule.tenant for card in found if card.state.rule])
        values: dict[str, Any] = {"users": usage.users(session), "work": usage.open_work(session)}
        changes = last_changes(session)
    return show(
        request,
        "plugin/tenants/plugins.html",
        cards=found,
        changes=changes,
        names=words.staff_names(change.actor for change in changes.values()),
        effects={card.info.name: usage.effect_of(card.info.name) for card in found},
        notices={card.info.name: host().notices(card.info.name) for card in found},
        state_words={card.info.name: state_words(card, unions) for card in found},
        configurable=_configurable(),
        on=sum(card.enabled for card in found),
        **values,
    )


@router.get("/plugins/{name}")
def one_plugin(request: Request, name: str) -> HTMLResponse:
    """One line with the form that switches it and what was switched before."""
    return _page(request, name)


@router.post("/plugins/{name}", dependencies=[Depends(fresh_proof())])
def switch(
    request: Request,
    tenant: str,
    name: str,
    enabled: Annotated[str, Form(max_length=3)] = "",
    reason: Reason = "",
    on_from: Annotated[str, Form(max_length=20)] = "",
    version: Annotated[int | None, Form()] = None,
) -> Response:
    """Switch a line on or off on the version that the page showed; on also from a later day."""
    on = enabled == "on"

    def act(session: Session) -> str:
        day = day_or_none(on_from, "on_from") if on else None
        row = switch_plugin(session, name, enabled=on, reason=reason, on_from=day, expected_version=version)
        if row.on_from is not None:
            return f"已安排自 {row.on_from.isoformat()} 起启用"
        return "已启用" if on else "已停用：原有个案可以查看，法定时限照常计算"

    return changed(
        act,
        lambda said: go(f"/{tenant}/plugins/{name}", said),
        lambda error: _page(request, name, error, {"reason": reason, "on_from": on_from}),
    )


@router.post("/plugins/{name}/rule", dependencies=[Depends(fresh_proof())])
def rule(
    request: Request,
    tenant: str,
    name: str,
    word: Line = "",
    prefecture: Annotated[str, Form(max_length=6)] = "",
    valid_from: Annotated[str, Form(max_length=20)] = "",
    reason: Reason = "",
    version: Annotated[int | None, Form()] = None,
) -> Response:
    """Say what holds in the counties below."""
    typed = {"word": word, "prefecture": prefecture, "valid_from": valid_from, "why": reason}
    return changed(
        lambda session: ruling.set_rule(
            session,
            name,
            word,
            reason=reason,
            prefecture=prefecture or None,
            valid_from=day_or_none(valid_from, "valid_from"),
            expected_version=version,
        ),
        lambda made: go(f"/{tenant}/plugins/{name}", f"已规定：{ruling.WORDS[made.word]}，自 {made.valid_from.isoformat()} 起"),
        lambda error: _page(request, name, error, typed),
    )


@router.get("/plugins/{name}/preview")
def preview(request: Request, name: str, role: Annotated[str, Query(max_length=80)] = "caseworker") -> HTMLResponse:
    """What a role would see and do with the line on (预览岗位视图)."""
    with unit_of_work() as session:
        card = _named(plugin_cards(session), name)
        found = usage.preview(session, name, role)
    options = [(one.code, one.zh) for one in usage.previewable()]
    return show(request, "plugin/tenants/plugin_preview.html", card=card, found=found, options=options)


def state_words(card: PluginCard, unions: Mapping[str, str]) -> str:
    """The state of a line here, as an official would say it."""
    state = card.state
    union = unions.get(state.rule.tenant, state.rule.tenant) if state.rule else ""
    match state.why:
        case "waits":
            return f"自 {state.own.on_from} 起启用"
        case "required":
            return f"{union}要求启用"
        case "forbidden":
            return f"{union}不允许启用"
        case "shut_off":
            return "已在全省停用"
        case "lacks":
            need = f"依赖的{titles(state.others)}未启用，暂不运行"
            return f"{union}要求启用；{need}" if union else need
        case "conflicts":
            return f"与{titles(state.others)}不能同时启用，暂不运行"
    return "已启用" if state.on else "未启用"


def _configurable() -> set[str]:
    return {name for name, _ in host().installed("bangfu_settings")}


def _named(cards: list[PluginCard], name: str) -> PluginCard:
    card = next((found for found in cards if found.info.name == name), None)
    if card is None:
        raise NotFound("没有该业务", "no such service line", where=name)
    return card


def _page(
    request: Request, name: str, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        found = plugin_cards(session)
        card = _named(found, name)
        history = plugin_history(session, name)
        rules, made = rules_over_scope(session), ruling.rules_made(session, name)
        prefectures = _prefectures(session) if scope.level is Level.PROVINCE else {}
        unions = union_names(session, [row.tenant for row in made])
        here = {one.info.name: one.state for one in found}
        values: dict[str, Any] = {"users": usage.users(session)[name], "work": usage.open_work(session)[name]}
        values["sealed"] = sealed_count(session, name)
    own = ruling.own_rules(rules, scope, name)
    return show(
        request,
        "plugin/tenants/plugin.html",
        refusal=refused,
        card=card,
        state_words=state_words(card, unions),
        ruled=card.state.rule is not None,
        effect=usage.effect_of(name),
        needed_by=titles(needing(name, here)),
        history=history,
        made=[(row, ruling.WORDS[row.word], prefectures.get(row.prefecture or "", row.prefecture or "")) for row in made],
        coming=[
            (rule.valid_from, ruling.WORDS[rule.word], unions.get(rule.tenant, ""))
            for rule in ruling.coming(rules, scope, name)
        ],
        own_rule=ruling.WORDS[own[None].word] if None in own else ruling.WORDS["free"],
        own_rules=[(prefectures.get(code, code), ruling.WORDS[one.word]) for code, one in own.items() if code is not None],
        rule_words=[(code, zh) for code, zh in ruling.WORDS.items() if code != "general" or prefectures],
        rule_version=max((row.version for row in made if row.tenant == scope.tenant), default=0),
        rules_below=scope.level is not Level.COUNTY,
        prefectures=[("", "所有县（市、区）"), *prefectures.items()],
        configurable=name in _configurable(),
        notices=host().notices(name),
        may_work=scope.may("case.read"),
        unions=unions,
        next_year=date(scope.business_date.year + 1, 1, 1),
        typed=kept(typed),
        names=words.staff_names([*(change.actor for change in history), *(row.actor for row in made)]),
        **values,
    )


def _prefectures(session: Session) -> dict[str, str]:
    """The prefectures below the province in scope, by code."""
    below = select(Tenant.code, Tenant.name).where(
        Tenant.parent == current_scope().tenant, Tenant.level == Level.PREFECTURE.value, is_there()
    )
    return dict(session.execute(below.order_by(Tenant.code)).all())
