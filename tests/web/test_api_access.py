"""The review of access and the mapping of permissions through the interface; the same review on the home page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI

from core.db.session import reference_work
from core.identity.models import Post
from tests.conftest import COUNTY, PREFECTURE, Database
from tests.core.lines import install
from tests.core.staffing import posts_of, stand_at
from tests.web.conftest import Desk, Person
from tests.web.county import switch_lines


@pytest.fixture(autouse=True)
def office(app: FastAPI, db: Database) -> None:
    install(db)
    stand_at(db)


def _call(
    who: Person, method: str, path: str, body: object = None, *, tenant: str = COUNTY, **headers: str
) -> tuple[int, Any, Mapping[str, str]]:
    sent = {"X-CSRF-Token": who.csrf} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = who.client.request(method, f"/api/v1/{tenant}{path}", json=body, headers=sent)
    return answer.status_code, answer.json() if answer.content else None, answer.headers


def test_the_review_is_listed_by_key_and_confirmed(person: Desk) -> None:
    chair, clerk, boss = person("chair", role="vice_chair_in_charge"), person("jing"), person("boss", role="tenant_admin")
    status, first, headers = _call(chair, "GET", "/access-review?limit=2")
    assert (status, [row["login"] for row in first]) == (200, ["chair", "jing"])
    assert 'rel="next"' in headers["link"]
    after = first[-1]["id"]
    status, rest, headers = _call(chair, "GET", f"/access-review?limit=2&after={after}")
    assert ([row["login"] for row in rest], "link" in headers) == (["boss"], False)
    assert {"permission": "home.read", "zh": "查看首页待办", "last_used_on": None} in first[1]["rights"]
    own, post = posts_of(chair.account_id)[0], posts_of(clerk.account_id)[0]
    assert _call(chair, "POST", "/access-review", {"posts": []})[0] == 422
    assert _call(chair, "POST", "/access-review", {"posts": [str(own.id)]})[0] == 403
    assert _call(boss, "POST", "/access-review", {"posts": [str(post.id)]})[0] == 403
    assert _call(chair, "POST", "/access-review", {"posts": [str(post.id)]})[:2] == (200, {"confirmed": 1})
    status, stands, _ = _call(chair, "GET", "/access-review/standing")
    assert stands == {"posts": 3, "unconfirmed": 2, "ends_on": "2025-03-31"}
    status, left, _ = _call(chair, "GET", "/access-review?unconfirmed=true")
    assert [row["login"] for row in left] == ["chair", "boss"]
    assert _call(clerk, "GET", "/access-review")[0] == 403
    above = person("above", tenant=PREFECTURE, role="tenant_admin")
    status, late, _ = _call(above, "GET", "/access-review/behind", tenant=PREFECTURE)
    assert late == [{"tenant": COUNTY, "union_name": "锦江区总工会", "posts": 3, "unconfirmed": 2}]
    asked = f"/access-review?of={COUNTY}"
    assert _call(above, "POST", asked, {"posts": [str(own.id)]}, tenant=PREFECTURE)[:2] == (200, {"confirmed": 1})


def test_the_mapping_is_changed_on_the_version_that_was_read(person: Desk, db: Database) -> None:
    switch_lines(db, COUNTY)
    boss = person("boss", role="tenant_admin")
    status, table, headers = _call(boss, "GET", "/role-permissions")
    assert (status, headers["etag"]) == (200, '"0"')
    [row] = [row for row in table if row["permission"] == "legal_aid.check"]
    assert (row["plugin"], "reviewer" in row["roles"], row["own"]) == ("legal_aid", False, {})
    path, wanted = "/role-permissions/legal_aid.check/reviewer", {"granted": True, "reason": "本单位分工"}
    assert _call(boss, "PUT", path, wanted)[0] == 428
    assert _call(boss, "PUT", path, wanted, If_Match="0")[0] == 412
    status, row, headers = _call(boss, "PUT", path, wanted, If_Match='"0"')
    assert (status, headers["etag"], "reviewer" in row["roles"], row["own"]) == (200, '"1"', True, {"reviewer": True})
    assert _call(boss, "PUT", path, {**wanted, "granted": False}, If_Match='"0"')[0] == 412
    assert _call(boss, "PUT", path, wanted, If_Match='"1"')[0] == 409
    assert _call(boss, "PUT", "/role-permissions/legal_aid.check/payer", wanted, If_Match='"1"')[0] == 403
    assert _call(boss, "PUT", "/role-permissions/legal_aid.check/emperor", wanted, If_Match='"1"')[0] == 404
    assert _call(boss, "GET", "/role-permissions")[2]["etag"] == '"1"'


def _home(who: Person, tenant: str = COUNTY) -> str:
    page = who.client.get(f"/{tenant}/")
    assert page.status_code == 200
    return page.text


def test_the_home_page_says_what_is_left_to_confirm(person: Desk, db: Database) -> None:
    chair = person("chair", role="vice_chair_in_charge")
    boss = person("boss", role="tenant_admin")
    above = person("above", tenant=PREFECTURE, role="tenant_admin")
    stand_at(db, date(2026, 1, 1))
    assert "2026 年岗位权限复核：尚有 1 个岗位未确认" in _home(chair)
    assert "3 月 31 日前逐一确认" in _home(chair)
    assert "岗位权限复核：尚有" not in _home(boss)
    assert "逾期未完成" not in _home(above, PREFECTURE)
    stand_at(db, date(2026, 4, 1))
    assert "2026 年岗位权限复核：1 个下级单位逾期未完成" in _home(above, PREFECTURE)
    with reference_work() as session:
        for held in session.query(Post).filter(Post.tenant_code == COUNTY):
            held.reviewed_on = date(2026, 2, 1)
    assert "岗位权限复核：" not in _home(chair) + _home(above, PREFECTURE)


def test_the_page_shows_rights_and_gives_the_list_for_the_file(person: Desk, browser: Callable[[], object]) -> None:
    chair = person("chair", role="vice_chair_in_charge")
    person("jing")
    page = chair.client.get(f"/{COUNTY}/staff/review").text
    assert "从未使用" in page
    assert "查看困难职工档案" in page
    assert "已逾期，上级单位可见" in page
    given = chair.client.get(f"/{COUNTY}/staff/review/file")
    assert given.headers["content-type"].startswith("application/vnd.openxmlformats")
    assert given.content[:2] == b"PK"
    assert "filename*=UTF-8''510104-2025-" in given.headers["content-disposition"]
    above = person("above", tenant=PREFECTURE, role="tenant_admin")
    late = above.client.get(f"/{PREFECTURE}/staff/review").text
    assert "逾期未完成复核的下级单位" in late
    assert "锦江区总工会" in late
    assert above.client.get(f"/{PREFECTURE}/staff/review/file?of={COUNTY}").status_code == 200
