"""The pages and resources of staff, posts, delegation, review, permissions, log and system."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.db.session import reference_work, unit_of_work
from core.identity import passwords
from core.identity.models import Account, Post
from core.identity.service import give_post
from core.scope import entered
from core.trail.service import record, record_read
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, stand_at
from tests.web.conftest import SINCE, Desk, Person
from tests.web.county import switch_lines

LATER = (TODAY + timedelta(days=7)).isoformat()


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    install(db)
    stand_at(db)


def _send(who: Person, path: str, tenant: str = COUNTY, **form: str) -> tuple[int, str]:
    """Send a form of a page; the status and the page, or where it leads."""
    answer = who.client.post(f"/{tenant}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, answer.headers.get("location") or answer.text


def _page(who: Person, path: str, tenant: str = COUNTY) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.text


def _posts(account: uuid.UUID) -> list[Post]:
    with reference_work() as session:
        return list(session.scalars(select(Post).where(Post.account_id == account).order_by(Post.id)))


def _id_of(login: str) -> uuid.UUID:
    with reference_work() as session:
        found = session.scalar(select(Account.id).where(Account.login == login))
        assert found is not None
        return found


# Staff


def test_an_administrator_lets_somebody_in_and_sees_the_password_once(
    person: Desk, browser: Callable[[], TestClient], db: Database
) -> None:
    boss = person("boss", role="tenant_admin")
    form = {"login": "xin", "display_name": "新来的", "role": "caseworker", "reason": WHY}
    status, page = _send(boss, "/staff", **form)
    assert status == 200
    password = re.search(r"<kbd>([a-z0-9-]{19})</kbd>", page)
    assert password is not None
    url = f"/staff/{_id_of('xin')}"
    assert password.group(1) not in _page(boss, url)
    listed = _page(boss, "/staff")
    assert "新来的" in listed
    assert "待改初始密码" in listed
    client = browser()
    client.get("/sign-in")
    assert [post.role for post in _posts(_id_of("xin"))] == ["caseworker"]


def test_what_was_typed_stays_where_letting_in_fails(person: Desk) -> None:
    boss = person("boss", role="tenant_admin")
    form = {"login": "boss", "display_name": "另一人", "role": "reviewer", "reason": "会议决定甲", "valid_to": LATER}
    status, page = _send(boss, "/staff", **form)
    assert status == 422
    assert "已有登录名" in page
    for kept in ('value="boss"', 'value="另一人"', "会议决定甲", f'value="{LATER}"', '<option value="reviewer" selected>'):
        assert kept in page
    status, page = _send(boss, "/staff", **{**form, "login": "x", "role": "security_administrator"})
    assert status == 403
    assert "由安全管理员授予" in page
    assert "会议决定甲" in page
    status, page = _send(boss, "/staff", **{**form, "login": "x", "valid_to": "下周"})
    assert (status, "日期不正确" in page, 'value="另一人"' in page) == (422, True, True)


def test_one_person_from_post_to_password(person: Desk, db: Database) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li", role="leader")
    url = f"/staff/{who.account_id}"
    assert "员工li" in _page(boss, url)
    assert _send(boss, f"{url}/posts", role="auditor", reason=WHY)[0] == 303
    status, page = _send(boss, f"{url}/posts", role="caseworker", reason="理由乙")
    assert status == 409
    assert "不相容岗位" in page
    assert "理由乙" in page
    auditor = next(post for post in _posts(who.account_id) if post.role == "auditor")
    status, page = _send(boss, f"{url}/posts/{auditor.id}/end", reason=" ", on=LATER)
    assert (status, f'value="{LATER}"' in page) == (422, True)
    assert _send(boss, f"{url}/posts/{auditor.id}/end", reason=WHY)[0] == 303
    assert _send(boss, f"{url}/posts/{auditor.id}/end", reason=WHY)[0] == 409
    own = _posts(boss.account_id)[0]
    assert _send(boss, f"{url}/posts/{own.id}/end", reason=WHY)[0] == 404
    assert "已终止" in _page(boss, url)
    assert who.client.get(f"/{COUNTY}/").status_code == 200
    assert _send(boss, f"{url}/disable", reason="离岗")[0] == 303
    assert who.client.get(f"/{COUNTY}/").status_code == 303
    assert "离岗" in _page(boss, url)
    assert _send(boss, f"{url}/enable", reason="返岗")[0] == 303
    status, page = _send(boss, f"{url}/password", reason="忘记密码")
    assert status == 200
    assert re.search(r"<kbd>[a-z0-9-]{19}</kbd>", page)
    assert _send(boss, f"/staff/{boss.account_id}/disable", reason=WHY)[0] == 403
    assert "本人的账号与岗位由其他管理员或上级办理" in _page(boss, f"/staff/{boss.account_id}")


def test_a_lost_second_factor_goes_with_the_password_on_demand(person: Desk, db: Database) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li", role="leader")
    url = f"/staff/{who.account_id}"
    assert 'name="second_factor"' not in _page(boss, url)
    with db.owner.begin() as connection:
        connection.execute(update(Account).where(Account.id == who.account_id).values(totp_cipher=b"sealed"))
    status, page = _send(boss, f"{url}/password", second_factor="true")
    assert (status, 'name="second_factor" value="true" checked' in page) == (422, True)
    for given, left in ((None, True), ("true", False)):
        form = {"second_factor": given} if given else {}
        assert _send(boss, f"{url}/password", reason="丢失手机", **form)[0] == 200
        with reference_work() as session:
            assert (session.get_one(Account, who.account_id).totp_cipher is not None) == left
    status, _ = _call(boss, "POST", f"{url}/password", {"reason": "丢失手机", "second_factor": True})
    assert status == 200


def test_sessions_of_a_person_are_shown_and_ended(person: Desk) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li")
    page = _page(boss, f"/staff/{who.account_id}")
    handle = re.search(r'name="handle" value="([0-9a-f]{16})"', page)
    assert handle is not None
    assert who.token not in page
    assert _send(boss, f"/staff/{who.account_id}/sessions/end", handle=handle.group(1))[0] == 303
    assert who.client.get(f"/{COUNTY}/").status_code == 303
    assert "没有登录中的会话" in _page(boss, f"/staff/{who.account_id}")
    assert _send(boss, f"/staff/{who.account_id}/sessions/end", handle=handle.group(1))[0] == 404


def test_a_foreign_account_and_a_foreign_tenant_are_not_there(person: Desk) -> None:
    boss, stranger = person("boss", role="tenant_admin"), person("far", tenant=OTHER_COUNTY)
    assert boss.client.get(f"/{COUNTY}/staff/{stranger.account_id}").status_code == 404
    for act in ("disable", "enable", "password"):
        assert _send(boss, f"/staff/{stranger.account_id}/{act}", reason=WHY)[0] == 404
    assert boss.client.get(f"/{COUNTY}/staff?of={OTHER_COUNTY}").status_code == 404
    assert boss.client.get(f"/{COUNTY}/staff/{stranger.account_id}?of={OTHER_COUNTY}").status_code == 404
    upper = person("upper", tenant=PREFECTURE, role="tenant_admin")
    assert upper.client.get(f"/{PREFECTURE}/staff?of={OTHER_COUNTY}").status_code == 404


def test_the_level_above_looks_after_a_county(person: Desk) -> None:
    upper, who = person("upper", tenant=PROVINCE, role="tenant_admin"), person("li", role="reviewer")
    listed = _page(upper, f"/staff?of={COUNTY}", PROVINCE)
    assert "员工li" in listed
    assert "锦江区总工会" in listed
    url, of = f"/staff/{who.account_id}", f"?of={COUNTY}"
    assert OTHER_COUNTY in _page(upper, url + of, PROVINCE)
    status, to = _send(upper, f"{url}/move{of}", PROVINCE, to=OTHER_COUNTY, reason=WHY)
    assert (status, to) == (303, f"/{PROVINCE}{url}{of}")
    assert {(post.tenant_code, post.valid_to) for post in _posts(who.account_id)} == {(COUNTY, TODAY), (OTHER_COUNTY, None)}
    assert _send(upper, f"{url}/move{of}", PROVINCE, to="110000", reason=WHY)[0] == 404


# Delegation


def test_a_holder_names_a_delegate_and_takes_it_back(person: Desk) -> None:
    holder, deputy = person("zhu", role="case_approver"), person("dai", role="reviewer")
    own = _posts(holder.account_id)[0]
    form = {"post": str(own.id), "login": "dai", "valid_to": LATER, "reason": "年休假"}
    status, page = _send(holder, "/delegations", **{**form, "valid_to": ""})
    assert (status, "年休假" in page, 'value="dai"' in page) == (422, True, True)
    status, page = _send(holder, "/delegations", **{**form, "login": "nobody"})
    assert (status, "没有该登录名的在岗人员" in page) == (422, True)
    status, page = _send(holder, "/delegations", **{**form, "post": "x"})
    assert (status, "请选择岗位" in page) == (404, True)
    assert _send(holder, "/delegations", **form)[0] == 303
    for one in (holder, deputy):
        assert "员工dai" in _page(one, "/delegations")
    assert "审批人 · 审核人 · 含代理岗位" in _page(deputy, "/")
    assert f'href="/{COUNTY}/delegations"' in _page(deputy, "/")
    assert "含代理岗位" not in _page(holder, "/")
    person("other", role="leader")
    given = _posts(deputy.account_id)[-1]
    assert given.delegated_from == own.id
    assert _send(person("third"), f"/delegations/{given.id}/revoke", reason=WHY)[0] == 404
    status, page = _send(holder, f"/delegations/{given.id}/revoke", reason=" ")
    assert status == 422
    assert _send(holder, f"/delegations/{given.id}/revoke", reason="提前返岗")[0] == 303
    assert "没有正在进行" in _page(holder, "/delegations")


def test_an_administrator_names_delegates_for_the_tenant(person: Desk) -> None:
    boss, holder, clerk = person("boss", role="tenant_admin"), person("zhu", role="case_approver"), person("jing")
    own = _posts(holder.account_id)[0]
    assert "审批人（员工zhu）" in _page(boss, "/delegations")
    form = {"post": str(own.id), "login": "jing", "valid_to": LATER, "reason": "外出学习"}
    status, page = _send(boss, "/delegations", **form)
    assert (status, "不相容岗位" in page) == (409, True)
    status, page = _send(boss, "/delegations", **{**form, "login": "boss"})
    assert (status, "不能为本人" in page) == (403, True)
    assert _send(clerk, "/delegations", **form)[0] == 404


# Review, permissions, log, system


def test_the_head_confirms_post_by_post(person: Desk) -> None:
    chair, clerk = person("chair", role="vice_chair_in_charge"), person("jing")
    page = _page(chair, "/staff/review")
    assert "员工jing" in page
    assert "本人岗位由他人确认" in page
    own, post = _posts(chair.account_id)[0], _posts(clerk.account_id)[0]
    status, page = _send(chair, "/staff/review")
    assert (status, "请勾选" in page) == (422, True)
    status, page = _send(chair, "/staff/review", post=str(own.id))
    assert (status, "本人" in page) == (403, True)
    assert _send(chair, "/staff/review", post=str(uuid.uuid4()))[0] == 404
    assert _send(chair, "/staff/review", post="x")[0] == 404
    assert _send(chair, "/staff/review", post=str(post.id))[0] == 303
    assert "员工jing" not in _page(chair, "/staff/review")
    assert "已确认" in _page(chair, "/staff/review?everything=true")
    upper = person("guard", tenant=PROVINCE, role="security_administrator")
    assert "员工chair" in _page(upper, f"/staff/review?of={COUNTY}", PROVINCE)
    boss = person("boss", role="tenant_admin")
    seen = _page(boss, "/staff/review")
    assert "由分管主席、上级管理员或安全管理员确认" in seen
    assert "checkbox" not in seen
    assert _send(boss, "/staff/review", post=str(own.id))[0] == 403
    above = person("above", tenant=PREFECTURE, role="tenant_admin")
    assert "checkbox" in _page(above, f"/staff/review?of={COUNTY}", PREFECTURE)
    assert _send(upper, f"/staff/review?of={COUNTY}", PROVINCE, post=str(own.id))[0] == 303


def test_permissions_of_lines_are_mapped_to_roles(person: Desk, db: Database) -> None:
    switch_lines(db, COUNTY)
    boss, reviewer = person("boss", role="tenant_admin"), person("shen", role="reviewer")
    assert "核实救助申请" in _page(boss, "/staff/permissions")
    form = {"permission": "legal_aid.check", "role": "reviewer", "reason": "本单位分工"}
    status, page = _send(boss, "/staff/permissions", **form)
    assert (status, "请选择变更为" in page, "本单位分工" in page) == (422, True, True)
    form |= {"granted": "yes"}
    status, page = _send(boss, "/staff/permissions", **{**form, "permission": "legal_aid.decide"})
    assert (status, "不相容" in page, "本单位分工" in page) == (403, True, True)
    assert _send(boss, "/staff/permissions", **{**form, "role": "emperor"})[0] == 404
    assert _send(boss, "/staff/permissions", **form)[0] == 303
    assert "本单位增加" in _page(boss, "/staff/permissions")
    assert _send(boss, "/staff/permissions", **form)[0] == 409
    assert reviewer.client.get(f"/{COUNTY}/staff/permissions").status_code == 403


def _leave_traces() -> None:
    with entered(scope_of(COUNTY, actor="system:test")), unit_of_work() as session:
        for number in range(60):
            record(session, "post.given" if number % 2 else "file.opened", "post", uuid.UUID(int=number), {"n": number})
        record(session, "petition.accepted", "case", None, {"number": "XF-9"}, handlers=["someone"])
        record_read(session, "identity", "person", uuid.UUID(int=3), "核对张三的身份证")


def test_the_log_shows_codes_by_page_and_filter(person: Desk) -> None:
    auditor = person("shenji", role="auditor")
    _leave_traces()
    first = _page(auditor, "/log")
    assert "n=59" in first
    assert "n=0<" not in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    rest = auditor.client.get(following.group(1).replace("&amp;", "&")).text
    assert "n=0<" in rest
    assert "n=59" not in rest
    assert "XF-9" not in first + rest
    only = _page(auditor, "/log?action=file.opened&actor=system:test")
    assert ("<td>file.opened</td>" in only, "<td>post.given</td>" in only) == (True, False)
    assert '<td>授予岗位 <span class="sub">post.given</span></td>' in _page(auditor, "/log?action=post.")
    assert "没有符合条件的记录" in _page(auditor, "/log?actor=nobody")
    assert "没有符合条件的记录" in _page(auditor, "/log?day=2024-01-01")
    assert "n=59" in _page(auditor, f"/log?day={TODAY.isoformat()}")
    assert "没有这一天" in _page(auditor, "/log?day=2025-02-30")
    looked = _page(auditor, "/log?what=reads")
    assert "identity" in looked
    assert "张三" not in looked


def test_the_audit_administrator_reads_the_log_of_the_tenants_below(person: Desk) -> None:
    reader = person("guan", tenant=PROVINCE, role="audit_administrator")
    _leave_traces()
    assert "n=59" in _page(reader, f"/log?of={COUNTY}", PROVINCE)
    assert "n=59" not in _page(reader, "/log", PROVINCE)
    assert reader.client.get(f"/{PROVINCE}/staff").status_code == 403


def test_the_system_administrator_sees_figures_alone(person: Desk) -> None:
    keeper = person("xitong", tenant=PROVINCE, role="system_administrator")
    page = _page(keeper, "/system", PROVINCE)
    assert "后台服务没有响应" in page
    assert "生活救助" in page
    for closed in ("/log", "/staff", "/households", "/cases", "/funds", "/audit/findings", "/plugins"):
        assert keeper.client.get(f"/{PROVINCE}{closed}").status_code == 403, closed


# The interface


def _call(who: Person, method: str, path: str, body: object = None, tenant: str = COUNTY) -> tuple[int, object]:
    answer = who.client.request(method, f"/api/v1/{tenant}{path}", json=body, headers={"X-CSRF-Token": who.csrf})
    return answer.status_code, answer.json() if answer.content else None


def test_staff_through_the_interface(person: Desk) -> None:
    boss = person("boss", role="tenant_admin")
    status, made = _call(boss, "POST", "/staff", {"login": "new", "name": "新", "role": "reviewer", "reason": WHY})
    assert status == 201
    assert isinstance(made, dict)
    assert len(str(made["first_password"])) == 19
    base = f"/staff/{made['id']}"
    status, found = _call(boss, "GET", base)
    assert isinstance(found, dict)
    assert (status, found["login"], [post["role"] for post in found["posts"]]) == (200, "new", ["reviewer"])
    status, given = _call(boss, "POST", f"{base}/posts", {"role": "survey_visitor", "reason": WHY, "valid_to": LATER})
    assert isinstance(given, dict)
    assert (status, given["valid_to"], given["granted_by"]) == (201, LATER, str(boss.account_id))
    assert _call(boss, "POST", f"{base}/posts", {"role": "auditor", "reason": WHY})[0] == 409
    assert _call(boss, "POST", f"{base}/posts", {"role": "tenant_admin", "reason": WHY})[0] == 403
    assert _call(boss, "POST", f"/posts/{given['id']}/end", {"reason": WHY})[0] == 200
    assert _call(boss, "POST", f"/posts/{uuid.uuid4()}/end", {"reason": WHY})[0] == 404
    for act, expected in (("disable", 204), ("disable", 409), ("enable", 204), ("password", 200)):
        assert _call(boss, "POST", f"{base}/{act}", {"reason": WHY})[0] == expected
    assert _call(boss, "DELETE", f"{base}/sessions")[0] == 204
    assert _call(boss, "POST", f"{base}/move", {"to": OTHER_COUNTY, "reason": WHY})[0] == 403  # a county moves nobody
    answer = boss.client.get(f"/api/v1/{COUNTY}/staff?limit=1")
    assert (len(answer.json()), 'rel="next"' in answer.headers["link"]) == (1, True)
    upper = person("upper", tenant=PROVINCE, role="tenant_admin")
    status, moved = _call(upper, "POST", f"{base}/move?of={COUNTY}", {"to": OTHER_COUNTY, "reason": WHY}, PROVINCE)
    assert isinstance(moved, list)
    assert (status, [post["tenant_code"] for post in moved]) == (200, [OTHER_COUNTY])


def test_delegation_through_the_interface(person: Desk) -> None:
    holder, deputy = person("zhu", role="case_approver"), person("dai", role="reviewer")
    own = _posts(holder.account_id)[0]
    wanted = {"login": "dai", "valid_to": LATER, "reason": "年休假"}
    assert _call(deputy, "POST", f"/posts/{own.id}/delegate", wanted)[0] == 404
    status, given = _call(holder, "POST", f"/posts/{own.id}/delegate", wanted)
    assert isinstance(given, dict)
    assert (status, given["delegated_from"]) == (201, str(own.id))
    assert _call(holder, "POST", f"/posts/{given['id']}/revoke", {"reason": "提前返岗"})[0] == 200
    assert _call(holder, "POST", f"/posts/{given['id']}/revoke", {"reason": "提前返岗"})[0] == 409


def test_a_page_of_a_person_with_posts_elsewhere_says_who_acts_on_the_account(person: Desk) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li", role="leader")
    with reference_work() as session:
        give_post(session, who.account_id, OTHER_COUNTY, "leader", valid_from=SINCE)
    page = _page(boss, f"/staff/{who.account_id}")
    assert "账号本身由共同的上级或安全管理员处理" in page
    assert "重置密码" not in page
