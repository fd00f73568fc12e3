"""The settings of a tenant in one place (本级设置): what there is, what is not set yet, where each is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.centre.settings import NAME, CentreSettings, centre_settings
from core.db.session import unit_of_work
from core.host.manager import host
from core.identity.models import Account, Post
from core.identity.service import holds, roles
from core.scope import current_scope
from core.tenancy.setting_fields import fields_of
from core.web.context import requires, show
from tenants import parameters
from tenants.plugin import SWITCH
from tenants.switching import plugin_cards

router = APIRouter(dependencies=[Depends(requires(SWITCH))])

_WANTED = ("centre_name", "address", "phone", "complaint_phone", "seal_text", "open_days", "leaders", "bulletin_media")
"""Settings of the centre without which its announcements and notices leave something out."""


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of settings: where it is changed, what it says, what is lacking."""

    title: str
    icon: str
    path: str
    permission: str
    said: str
    lacking: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()
    """Further pages: (title, path)."""


@router.get("/settings")
def home(request: Request) -> HTMLResponse:
    """All settings with what is not set yet."""
    scope = current_scope()
    with unit_of_work() as session:
        sections = [_centre(session), _figures(session), _lines(session), _staff(session)]
    found = [section for section in sections if scope.may(section.permission)]
    return show(
        request,
        "plugin/tenants/settings_home.html",
        sections=found,
        lacking=sum(len(section.lacking) for section in found),
    )


def _centre(session: Session) -> Section:
    settings = centre_settings(session)
    titles = {one.name: one.title for one in fields_of(CentreSettings)}
    lacking = [titles[name] for name in _WANTED if not getattr(settings, name)]
    said = "；".join(part for part in (settings.centre_name, settings.hours, f"档案编号 {settings.file_number}") if part)
    return Section("单位信息与编号", "building", f"/plugins/{NAME}/settings", SWITCH, said, lacking)


def _figures(session: Session) -> Section:
    lines = parameters.lines(session)
    waiting = sum(line.waiting is not None for line in lines.values())
    said = f"共 {len(lines)} 项" + (f"，{waiting} 项调整待核准" if waiting else "")
    lacking = [line.declared.zh for line in lines.values() if line.held is None and line.declared.unit not in {"flag", "codes"}]
    return Section("政策参数", "adjustments", "/parameters", "parameters.read", said, lacking)


def _lines(session: Session) -> Section:
    cards = plugin_cards(session)
    on = [card for card in cards if card.enabled]
    known = {name for name, _ in host().installed("bangfu_settings")}
    links = [(f"{card.info.title_zh}设置", f"/plugins/{card.info.name}/settings") for card in on if card.info.name in known]
    said = f"已启用 {len(on)} 项，共 {len(cards)} 项"
    return Section("业务启停与设置", "puzzle", "/plugins", SWITCH, said, () if on else ("尚未启用任何业务",), links)


def _staff(session: Session) -> Section:
    scope = current_scope()
    asked = (
        select(Post.role, Post.account_id)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code == scope.tenant, holds(scope.business_date), Account.disabled_at.is_(None))
    )
    held = list(session.execute(asked))
    known = roles()
    duties = {known[role].duty for role, _ in held if role in known}
    wanted = [role for role in known.values() if role.duty is not None and scope.level in role.levels]
    lacking = [f"{role.zh}暂无人担任" for role in wanted if role.duty not in duties and role.granted_by == "tenant"]
    said = f"在岗 {len({account for _, account in held})} 人"
    links = (("岗位权限", "/staff/permissions"), ("权限复核", "/staff/review"))
    return Section("人员与岗位", "users", "/staff", "staff.write", said, lacking, links)
