"""Pages of the tenants below (单位管理): the list, opening, one tenant with its checklist, acts and history; and the checklist
as the county itself sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.divisions import all_divisions, matching
from core.errors import BangfuError
from core.host.manager import host
from core.scope import Level, Standing, current_scope, entered
from core.tenancy.life import ACTS, STATES_ZH, history, tenant_below
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.pages.staff_common import codes_of, day_or_none, kept
from core.web.paging import cut, next_url
from core.web.step_up import fresh_proof
from tenants import lifecycle
from tenants.checklist import checklists
from tenants.divisions_of import covered, recode
from tenants.keeping_list import counted, described, tenants_kept
from tenants.lifecycle import KEEPING
from tenants.opening import add, divisions_to_open, go_live, prepare, prepare_all
from tenants.parameters import Line, lines
from tenants.plugin import SWITCH
from tenants.profiles import DEFAULT, profile_named, profiles, set_profile
from tenants.words import union_names

router = APIRouter()
KEEPS = Depends(requires(KEEPING))
PROVES = Depends(fresh_proof())

Code = Annotated[str, Path(pattern=r"^[0-9]{6}$")]
Reason = Annotated[str, Form(max_length=1000)]
Text = Annotated[str, Form(max_length=100)]
Asked = Annotated[str, Query(max_length=40)]
_PAGE = 50


@router.get("/tenants", dependencies=[KEEPS])
def tenant_list(
    request: Request,
    q: Asked = "",
    state: Annotated[str, Query(pattern=r"^[a-z]{0,20}$")] = "",
    after: Annotated[str, Query(pattern=r"^([0-9]{6})?$")] = "",
) -> HTMLResponse:
    """The tenants below with their state, lines and checklist."""
    with unit_of_work() as session:
        found = tenants_kept(session, text=q, state=state, after=after, limit=_PAGE + 1)
        counts = counted(session)
        unopened = matching(q, divisions_to_open(session))[:10]
    page = cut(found, _PAGE, lambda one: one.tenant.code)
    return show(
        request,
        "plugin/tenants/tenants.html",
        rows=page.rows,
        next=next_url(request, page.after),
        counts=[(str(code), zh, counts.get(code, 0)) for code, zh in STATES_ZH.items()],
        titles=_titles(),
        states=[("", "已着手开通的"), *((str(code), zh) for code, zh in STATES_ZH.items())],
        unopened=unopened,
        q=q,
        state=state,
    )


@router.get("/tenants/new", dependencies=[KEEPS])
def opening_form(request: Request, division: Annotated[str, Query(max_length=6)] = "") -> HTMLResponse:
    """The form that opens tenants: which divisions, by which profile, on what ground."""
    return _opening(request, None, [division] if division else [], {})


@router.post("/tenants", dependencies=[KEEPS, PROVES])
def open_tenants(
    request: Request,
    tenant: str,
    division: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI's own default of a repeated field
    profile: Text = DEFAULT,
    reason: Reason = "",
) -> Response:
    """Open the chosen divisions for preparation."""
    chosen = codes_of(division)[:1000]

    def act(session: Session) -> tuple[list[str], Mapping[str, Mapping[str, Any]]]:
        changes = add(session, chosen, reason, profile=profile)
        return [change.tenant_code for change in changes], profile_named(session, profile).settings

    def then(made: tuple[list[str], Mapping[str, Mapping[str, Any]]]) -> Response:
        codes, settings = made
        prepare_all(codes, settings)
        url = f"/{tenant}/tenants/{codes[0]}" if len(codes) == 1 else f"/{tenant}/tenants?state=preparing"
        return go(url, f"已着手开通 {len(codes)} 个单位，请按清单逐项完成")

    return changed(act, then, lambda error: _opening(request, error, chosen, {"profile": profile, "reason": reason}))


@router.get("/tenants/profiles", dependencies=[KEEPS])
def profile_page(request: Request) -> HTMLResponse:
    """The profiles that may be chosen, with the form that gives one other content."""
    return _profiles(request)


@router.post("/tenants/profiles", dependencies=[KEEPS, PROVES])
def profile_set(
    request: Request,
    tenant: str,
    code: Text = "",
    title: Text = "",
    plugin: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI's own default of a repeated field
    valid_from: Annotated[str, Form(max_length=20)] = "",
    retired: Annotated[str, Form(max_length=3)] = "",
    reason: Reason = "",
) -> Response:
    """Make a profile, or give it other content from a day on."""
    typed = {"code": code, "title": title, "valid_from": valid_from, "retired": retired, "reason": reason}
    chosen = codes_of(plugin)[:100]
    return changed(
        lambda session: set_profile(
            session,
            code.strip(),
            title,
            plugins=chosen,
            reason=reason,
            valid_from=day_or_none(valid_from, "valid_from"),
            retired=retired == "yes",
        ),
        lambda row: go(f"/{tenant}/tenants/profiles", f"已保存“{row.title}”，自 {row.valid_from.isoformat()} 起"),
        lambda error: _profiles(request, error, typed, chosen),
    )


@router.get("/tenants/{code}", dependencies=[KEEPS])
def one_tenant(request: Request, code: Code) -> HTMLResponse:
    """One tenant below: state, checklist, division, lines, acts and history."""
    return _page(request, code)


@router.post("/tenants/{code}/prepare", dependencies=[KEEPS, PROVES])
def prepare_again(tenant: str, code: Code) -> Response:
    """Do again what an opening that broke off left undone."""
    with unit_of_work() as session:
        tenant_below(session, code)
    return go(f"/{tenant}/tenants/{code}", "已补办" if prepare(code) else "没有需要补办的事项")


@router.post("/tenants/{code}/go-live", dependencies=[KEEPS, PROVES])
def goes_live(request: Request, tenant: str, code: Code, reason: Reason = "") -> Response:
    """Let it go live; with open points it is refused."""
    return changed(
        lambda session: go_live(session, code, reason),
        lambda made: go(f"/{tenant}/tenants/{code}", f"已正式开通，自 {made.business_date.isoformat()} 起办理业务"),
        lambda error: _page(request, code, error, {"go_live": reason}),
    )


@router.post("/tenants/{code}/suspend", dependencies=[KEEPS, PROVES])
def suspends(request: Request, tenant: str, code: Code, reason: Reason = "", contact: Text = "") -> Response:
    """Suspend it; its staff see who, why, since when and whom to call."""
    return changed(
        lambda session: lifecycle.suspend(session, code, reason, contact),
        lambda _made: go(f"/{tenant}/tenants/{code}", "已暂停办理：法定时限、银行回盘和审计照常进行"),
        lambda error: _page(request, code, error, {"suspend": reason, "contact": contact}),
    )


@router.post("/tenants/{code}/resume", dependencies=[KEEPS, PROVES])
def resumes(request: Request, tenant: str, code: Code, reason: Reason = "") -> Response:
    """Let it work on."""
    return changed(
        lambda session: lifecycle.resume(session, code, reason),
        lambda _made: go(f"/{tenant}/tenants/{code}", "已恢复办理"),
        lambda error: _page(request, code, error, {"resume": reason}),
    )


@router.post("/tenants/{code}/division", dependencies=[KEEPS, PROVES])
def recodes(
    request: Request,
    tenant: str,
    code: Code,
    division: Annotated[str, Form(max_length=6)] = "",
    name: Text = "",
    union_name: Text = "",
    valid_from: Annotated[str, Form(max_length=20)] = "",
    reason: Reason = "",
) -> Response:
    """Have it cover a division of another code or name."""
    typed = {"division": division, "name": name, "union_name": union_name, "valid_from": valid_from, "recode": reason}
    return changed(
        lambda session: recode(
            session,
            code,
            division.strip(),
            reason,
            name=name,
            union_name=union_name,
            valid_from=day_or_none(valid_from, "valid_from"),
        ),
        lambda made: go(
            f"/{tenant}/tenants/{code}",
            f"已变更为 {made.detail['division']} {made.detail['name']}，单位代码不变，新旧链接均可使用",
        ),
        lambda error: _page(request, code, error, typed),
    )


@router.get("/checklist", dependencies=[Depends(requires(SWITCH))])
def own_checklist(request: Request) -> HTMLResponse:
    """What the tenant itself has left to do before it goes live."""
    scope = current_scope()
    with unit_of_work() as session:
        points = checklists(session, [scope.tenant])[scope.tenant]
        entries = history(session, scope.tenant)
        unions = union_names(session, [entry.by_tenant for entry in entries])
    return show(
        request,
        "plugin/tenants/checklist.html",
        points=points,
        preparing=scope.standing is Standing.PREPARING,
        history=entries,
        acts=ACTS,
        unions=unions,
        state_zh=STATES_ZH[scope.standing],
    )


def _titles() -> dict[str, str]:
    return {name: info.title_zh for name, info in host().infos.items()}


def _opening(request: Request, refused: BangfuError | None, chosen: list[str], typed: Mapping[str, str]) -> HTMLResponse:
    with unit_of_work() as session:
        found = divisions_to_open(session)
        may_act = lifecycle.may_keep(session)
        known = profiles(session)
    names = all_divisions()
    groups: dict[str, list[tuple[str, str]]] = {}
    for item in found:
        above = names[item.parent].name if item.parent and str(item.level) == Level.COUNTY.value else "市（州）"
        groups.setdefault(above, []).append((item.code, f"{item.name} {item.code}"))
    return show(
        request,
        "plugin/tenants/tenant_new.html",
        refusal=refused,
        groups=list(groups.items()),
        chosen=chosen,
        may_act=may_act,
        profiles=[(one.code, f"{one.title}（{_lines(one.plugins)}）") for one in known.values()],
        typed=kept({"profile": DEFAULT, **typed}),
    )


def _profiles(
    request: Request,
    refused: BangfuError | None = None,
    typed: Mapping[str, str] | None = None,
    chosen: Sequence[str] = (),
) -> HTMLResponse:
    with unit_of_work() as session:
        known = list(profiles(session).values())
        unions = union_names(session, [one.tenant for one in known])
        may_act = lifecycle.may_keep(session)
    return show(
        request,
        "plugin/tenants/profiles.html",
        refusal=refused,
        known=[(one, unions.get(one.tenant or "", "平台"), _lines(one.plugins)) for one in known],
        lines=[(name, info.title_zh) for name, info in host().infos.items() if not info.always_on],
        may_act=may_act,
        typed=kept(typed),
        chosen=chosen,
    )


def _lines(plugins: tuple[str, ...]) -> str:
    return "、".join(_titles().get(name, name) for name in plugins) or "不启用业务"


def _figures(tenant: Tenant) -> list[Line]:
    """The figures of the tenant's lines as they would hold there, those without a value first: what it inherits, no row of
    anybody."""
    with entered(system_scope(tenant.code, "opening", on=current_scope().business_date)) as there:
        mine = [
            one.name
            for plugin, found in host().installed("bangfu_parameters")
            if plugin in there.plugins - host().always_on
            for one in found
        ]
        with unit_of_work() as session:
            return sorted(lines(session, mine).values(), key=lambda line: line.held is not None)


def _page(
    request: Request, code: str, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        tenant = tenant_below(session, code)
        (one,) = described(session, [tenant])
        entries = history(session, code)
        divisions = covered(session, code)
        unions = union_names(session, [entry.by_tenant for entry in entries])
        may_act = lifecycle.may_keep(session)
    figures = _figures(tenant) if tenant.state == Standing.PREPARING.value else []
    return show(
        request,
        "plugin/tenants/tenant.html",
        refusal=refused,
        one=one,
        tenant=tenant,
        points=one.points,
        titles=_titles(),
        history=entries,
        acts=ACTS,
        unions=unions,
        divisions=divisions,
        may_act=may_act,
        figures=figures,
        names=words.staff_names([entry.actor for entry in entries]),
        typed=kept(typed),
    )
