"""Write docs/permissions.md and docs/permissions-routes.md: ``python -m tests.matrix.document``. Everything is computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from core.authorisation import Kind, Verdict
from core.cases.workflows import SETTLE
from core.host.declarations import PermissionDecl, RoleDecl, WorkflowDecl
from core.host.manager import host
from core.identity.service import roles
from core.people.fields import FIELDS, FieldKind
from core.scope import Level
from core.web.pages.words import line_title, newest_workflows
from tests.matrix.declared import Cell as Tried
from tests.matrix.declared import Errand, Relation, errands, held, home_of, seats
from tests.matrix.expected import expected
from tests.web.routes import Found

DOCS = Path(__file__).parents[2] / "docs"
ROLES, ROUTES = "permissions.md", "permissions-routes.md"
COMMAND = "python -m tests.matrix.document"
LEVELS = {Level.COUNTY: "县级", Level.PREFECTURE: "市级", Level.PROVINCE: "省级"}
DUTIES = {"clerk": "经办", "approver": "审批", "fund_manager": "资金专管", "payer": "出纳"}
SIDES = {"auditor": "审计方，不得在被审计单位任职", "audited": "被审计方"}
ALWAYS, BY_STATE, BY_LINE = "●", "◐", "○"
_SIGHT = {"full": "全", "masked": "掩", "nothing": ""}

_OPENING = (
    "# 岗位权限表 Who may do what",
    "",
    f"本表由程序按各模块的声明自动生成，不得手改；声明有变动时运行 `{COMMAND}` 重新生成，测试会核对是否为最新。",
    "Generated from the declarations; a test fails when it is not up to date.",
    "",
    f"各页面与接口由谁打开、上级代管的范围见[页面与接口权限表]({ROUTES})。",
    "",
    "## 通则",
    "",
    "1. **只在本单位**：人员只能在任职单位办理；对同级、上级、下级单位的任何地址一律答复“没有此页”（404），",
    "   与不存在的地址无从区分。上级代管下级的人员、权限复核和日志，从本单位的页面进入，每次留有记录；",
    "   其他内容上级只看汇总指标和移交来的事项。",
    "2. **业务停用**：停用的业务，其自有页面答复 404，其权限任何岗位都不再持有，不受理新申请；原有个案可以查看，",
    "   法定时限内须办的环节和撤回申请仍由原岗位办理，其他环节暂停（409）。",
    "3. **岗位权限**：没有权限的答复 403。先看权限，后看状态，没有权限的人看不出办理到了哪一步。",
    "   业务自带的岗位（如职介员、援助律师、信访承办人）只看本业务的个案，本单位另授予其他业务权限的，也看该业务的个案；",
    "   其余业务的个案对其不存在（404），列表、查找、待办和数量中也没有。",
    "4. **再次验证**：标“验”的事项须在数分钟内验证过身份（设有第二重验证的含第二重）。",
    "5. **办理状态**：状态不允许的答复 409；同一人重复提交同一事项不改变结果。",
    "6. **不相容岗位**：经办、审批、资金专管、出纳由不同的人担任；审计方不在被审计单位任职；三员不兼任其他岗位。",
    "   授予岗位时核对一次，办理时再核对一次：经办人不审批自己经办的个案，制单人、支付审批人、出纳三人分立，",
    "   参与办理的人不答复所涉审计问题，代理人受被代理人的限制。",
    "7. **保密件**：只有承办人可见，不论岗位；对其他人与不存在无从区分。",
    "8. **本级调整**：各单位可将业务权限调给本单位相应岗位，下表为未经调整的设置。",
    "",
    "*In short*: everybody acts in the own tenant alone, all others are 404; a line that is off is not there (404) and its",
    "rights are nobody's but for steps that a running clock obliges to; no right is 403, asked before the state; a role that",
    "a line brings reads the cases of lines in which it works, and of others a case is not there (404); 验 is a",
    "fresh proof of the person; a state that does not allow is 409; duties that exclude each other are refused when given",
    "and when acting; confidential cases are their handlers' alone.",
)
_MARKS = (
    f"{ALWAYS} 可以办理；{BY_STATE} 视对象的状态、环节或事项种类，见上两节；{BY_LINE} 只在有关业务启用时；"
    "空白为没有权限（403）。同样设置的地址合为一行，`…` 代表 `/{tenant}`。"
)
_BELOW = (
    "人员、权限复核、日志和外部系统的页面与接口可用 `?of=` 写明所办单位：本单位，或下级单位（上级代管，进入即留记录）。"
    "写同级、上级或不在管辖内的单位，与没有该单位无从区分。表中为可以进入的岗位。"
)
_RELATIONS = {Relation.OWN: "本单位", Relation.CHILD: "下级单位", Relation.SIBLING: "同级单位", Relation.PARENT: "上级单位"}
_LET_IN = frozenset({Verdict.ALLOWED, Verdict.CONFLICT})
_SIGHTS = (
    "全：完整显示；全本：只在所办业务的个案里显示；掩：只显示掩码；由：填写事由或随业务动作打开完整内容，逐次记入查阅日志；空白：不显示。"
    "页面与接口一致，接口不提供完整号码。"
)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _permissions() -> dict[str, tuple[str, PermissionDecl]]:
    return {one.code: (plugin, one) for plugin, found in host().installed("bangfu_permissions") for one in found}


def _named(codes: Iterable[str]) -> str:
    known = roles()
    return "、".join(role.zh for code, role in known.items() if code in set(codes)) or "—"


def _role(role: RoleDecl) -> Iterator[str]:
    known = _permissions()
    told = ["、".join(LEVELS[level] for level in LEVELS if level in role.levels)]
    told += [f"职责：{DUTIES[role.duty]}"] if role.duty else []
    told += [SIDES[role.audit_side]] if role.audit_side else []
    told += ["不接触个人信息"] if not role.sees_persons else []
    told += ["由安全管理员授予"] if role.granted_by == "security" else []
    yield from (f"### {role.zh} {role.en}", f"- `{role.code}`：{'；'.join(told)}。")
    by_plugin: dict[str, list[str]] = defaultdict(list)
    for code in sorted(held(role, on=True)):
        plugin, permission = known[code]
        by_plugin[plugin].append(f"{permission.zh}（`{code}`）")
    for plugin, found in by_plugin.items():
        title = "平台" if plugin == "core" else line_title(plugin)
        yield f"- {title}：{'、'.join(found)}"
    yield ""


def _holders(permission: str) -> list[str]:
    return [code for code, role in roles().items() if permission in held(role, on=True)]


def _flow(flow: WorkflowDecl) -> Iterator[str]:
    yield from (f"### {flow.zh} {flow.en}", f"受理：{_named(_holders(flow.open_permission))}。", "")
    states = {state.code: state.zh for state in flow.states}
    rows = [
        (
            states[source],
            f"{step.zh}（`{step.code}`）",
            states[step.target],
            "系统（发放后结转）" if step.permission == SETTLE else _named(_holders(step.permission)),
            "须由经办人以外的人办理" if step.decision else "",
        )
        for state in flow.states
        for source in [state.code]
        for step in flow.transitions
        if source in step.sources
    ]
    yield from _table(("现在的状态", "环节", "办理后", "岗位", "另须"), rows)
    closed = "、".join(state.zh for state in flow.states if state.closed)
    yield from ("", f"{closed}：已办结，不再办理。", "")


def _objects(tried: Sequence[Errand]) -> Iterator[str]:
    """Acts on objects with states other than cases' own workflows."""
    seen: dict[tuple[str, str, str], tuple[Kind, set[str]]] = {}
    for errand in tried:
        for demand in errand.demands:
            if demand.of is None or demand.permission is None or demand.of.code.startswith("case:"):
                continue
            key = (demand.of.zh, demand.permission, errand.route.path.rpartition("/")[2])
            _, states = seen.setdefault(key, (demand.of, set()))
            states |= demand.states
    known = _permissions()
    rows = [
        (
            zh,
            f"{known[permission][1].zh}（`{permission if '{' in tail else '…/' + tail}`）",
            "、".join(name for state, name in kind.states.items() if state in states),
            _named(_holders(permission)),
        )
        for (zh, permission, tail), (kind, states) in sorted(seen.items())
    ]
    yield from _table(("对象", "事项", "可以办理的状态", "岗位"), rows)
    yield ""


def _mark(found: Sequence[Errand], role: RoleDecl) -> str:
    """What a role may do at a route, over all that can be tried there."""
    on, off = ({_verdict(errand, role, lines) for errand in found} for lines in (True, False))
    if Verdict.ALLOWED not in on:
        return ""
    if Verdict.ALLOWED not in off:
        return BY_LINE
    return ALWAYS if on == {Verdict.ALLOWED} else BY_STATE


def _verdict(errand: Errand, role: RoleDecl, on: bool) -> Verdict:
    """The best answer at any level at which the role exists."""
    own = [seat for seat in seats(role, errand) if seat.relation is Relation.OWN]
    answers = [expected(Tried(errand, role.code, seat, on)) for seat in own]
    return Verdict.ALLOWED if Verdict.ALLOWED in answers else next(iter(answers), Verdict.NOT_FOUND)


def _routes(tried: Sequence[Errand]) -> Iterator[str]:
    by_route: dict[tuple[str, str], list[Errand]] = defaultdict(list)
    for errand in tried:
        by_route[errand.route.path, errand.route.method].append(errand)
    known = list(roles().values())
    rows: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for found in by_route.values():
        route = found[0].route
        asked = "、".join(f"`{code}`" for code in sorted(route.permissions)) + (" 验" if route.asks_again else "")
        rows[(asked, *(_mark(found, role) for role in known))].append(route)
    yield from (_MARKS, "")
    table = [("<br>".join(_address(route) for route in routes), *marks) for marks, routes in sorted(rows.items())]
    yield from _table(("页面与接口", "权限", *(role.zh for role in known)), table)
    yield ""


def _below(tried: Sequence[Errand]) -> Iterator[str]:
    """What whoever looks after staff or log finds under ``?of=``: every cell of each address, by the tenant that it names."""
    relations = (Relation.OWN, Relation.CHILD, Relation.SIBLING, Relation.PARENT)
    rows: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for errand in tried:
        if errand.route.looks_below:
            answers = [_named_answer(errand, relation) for relation in relations]
            rows[(*answers,)].add(_address(errand.route))
    yield from (_BELOW, "")
    table = [("<br>".join(sorted(routes)), *answers) for answers, routes in sorted(rows.items())]
    yield from _table(("页面与接口", *(_RELATIONS[relation] for relation in relations)), table)
    yield ""


def _named_answer(errand: Errand, relation: Relation) -> str:
    """Who of the roles is let in, over the levels at which they exist."""
    let_in = [
        role.zh
        for role in roles().values()
        for seat in seats(role, errand)
        if seat.of is not None and seat.relation is relation and expected(Tried(errand, role.code, seat, True)) in _LET_IN
    ]
    return "、".join(dict.fromkeys(let_in)) or "无（404）"


def _address(route: Found) -> str:
    return f"`{route.method} {route.path.replace('/{tenant}', '…')}`"


def _field(kind: FieldKind) -> tuple[str, ...]:
    marks = []
    lines = {name for name, info in host().infos.items() if info.service_line}
    brought = {role.code for plugin, found in host().installed("bangfu_roles") if plugin in lines for role in found}
    for role in roles().values():
        rights = held(role, on=True)
        seen = _SIGHT[kind.sight(rights)]
        own = "本" if seen and role.code in brought else ""
        marks.append(seen + own + ("由" if kind.on_reason & rights else ""))
    return (kind.zh, *marks, kind.where_zh)


def lines_of_roles(tried: Sequence[Errand]) -> Iterator[str]:
    """The page of roles, steps, states and fields, line by line."""
    known = list(roles().values())
    yield from _OPENING
    yield from ("", "## 各岗位可以办理什么", "")
    for role in sorted(known, key=lambda one: (home_of(one) is not Level.COUNTY, one.granted_by == "security")):
        yield from _role(role)
    yield from (
        "## 各业务的环节",
        "",
        "环节的条件（材料齐全、公示期满等）见各业务说明；已移交其他单位的个案，收到答复前不办理任何环节。",
        "",
    )
    for flow in sorted(newest_workflows().values(), key=lambda one: host().info(one.plugin).order):
        yield from _flow(flow)
    yield from ("## 其他对象的状态", "")
    yield from _objects(tried)
    yield from ("## 个人信息的可见范围", "")
    yield from (_SIGHTS, "")
    yield from _table(("内容", *(role.zh for role in known), "在哪里"), [_field(kind) for kind in FIELDS])


def lines_of_routes(tried: Sequence[Errand]) -> Iterator[str]:
    """The page of addresses, line by line."""
    yield from ("# 页面与接口权限表 Which roles open which address", "")
    yield from (f"本表由 `{COMMAND}` 自动生成，不得手改；各岗位可以办理什么、通则见[岗位权限表]({ROLES})。", "")
    yield from ("## 页面与接口", "")
    yield from _routes(tried)
    yield from ("## 上级代管", "")
    yield from _below(tried)


def pages() -> dict[Path, str]:
    """The texts of both pages."""
    tried = errands()
    found = {ROLES: lines_of_roles(tried), ROUTES: lines_of_routes(tried)}
    return {DOCS / name: "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n" for name, lines in found.items()}


if __name__ == "__main__":
    for place, text in pages().items():
        place.write_text(text, encoding="utf-8")
