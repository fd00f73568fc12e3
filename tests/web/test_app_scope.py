"""Who asks, in which tenant: the scope of a request, also among many at once, and the refusals."""

from __future__ import annotations

import asyncio
import re

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.identity.sessions import sign_out
from core.scope import NoScope, current_scope
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.web.conftest import Desk, Person, switch_trial
from tests.web.test_pages import counted


def scope_url(tenant: str) -> str:
    return f"/api/v1/{tenant}/trial/scope"


def test_the_endpoint_in_the_thread_pool_sees_the_scope(person: Desk) -> None:
    li = person("li")
    told = li.client.get(scope_url(COUNTY)).json()
    expected = {"scope": COUNTY, "db": COUNTY, "bound": COUNTY, "actor": str(li.account_id), "db_actor": str(li.account_id)}
    assert told == expected
    with pytest.raises(NoScope):
        current_scope()


def test_who_asks_and_where_is_asked_in_two_units_of_work(person: Desk, db: Database) -> None:
    """One without a scope, for session, account, tenant and posts, and one in the tenant's, for its lines and their rights; the
    sample's movable date is one statement more, the first request of a day notes that the posts are acted in."""
    li = person("li")
    assert li.client.get(scope_url(COUNTY)).status_code == 200
    with counted(db) as sent:
        assert li.client.get(scope_url(COUNTY)).status_code == 200
    units = "\n".join(sent).split("set local app.tenant = ")[1:]
    tables = ["staff_session", "tenant", "business_clock", "post", "tenant_plugin", "role_permission"]
    assert [re.findall(r"\bfrom (\w+)", unit.lower())[0] for unit in units[:2]] == ["staff_session", "tenant_plugin"]
    asked = [statement.lower() for statement in sent if statement.lower().startswith("select")]
    assert [re.findall(r"\sfrom (\w+)", one)[0] for one in asked[: len(tables)]] == tables
    assert (len(units), len(asked)) == (3, len(tables) + 1)


def test_fifty_requests_at_once_in_two_tenants_keep_apart(app: FastAPI, person: Desk) -> None:
    people = [(COUNTY, person("li")), (OTHER_COUNTY, person("wang", tenant=OTHER_COUNTY))]

    async def ask(client: httpx2.AsyncClient, tenant: str, who: Person) -> bool:
        answer = await client.get(scope_url(tenant), headers={"cookie": f"bangfu_session={who.token}"})
        told: dict[str, str] = answer.json()
        actor = str(who.account_id)
        return told == {"scope": tenant, "db": tenant, "bound": tenant, "actor": actor, "db_actor": actor}

    async def all_at_once() -> list[bool]:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await asyncio.gather(*(ask(client, *people[number % 2]) for number in range(50)))

    assert all(asyncio.run(all_at_once()))


@pytest.mark.parametrize("tenant", [OTHER_COUNTY, PROVINCE, "999999", "51010", "sichuan"])
def test_a_foreign_tenant_is_not_found_and_looks_like_one_that_is_none(person: Desk, tenant: str) -> None:
    li = person("li")
    answer = li.client.get(scope_url(tenant))
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["detail"] == "没有找到该页面或记录"
    assert problem["where"] is None


def test_no_post_is_not_found(person: Desk) -> None:
    assert person("li", role=None).client.get(scope_url(COUNTY)).status_code == 404


def test_without_session_pages_lead_to_sign_in_and_the_interface_refuses(person: Desk, app: FastAPI) -> None:
    stranger = TestClient(app, follow_redirects=False)
    page = stranger.get(f"/{COUNTY}/trial?tab=1")
    assert (page.status_code, page.headers["location"]) == (303, f"/sign-in?next=/{COUNTY}/trial%3Ftab%3D1")
    posted = stranger.post(f"/{COUNTY}/trial")
    assert posted.headers["location"] == f"/sign-in?next=/{COUNTY}/"
    part = stranger.get(
        f"/{COUNTY}/trial", headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver/{COUNTY}/trial?q=1"}
    )
    assert part.headers["hx-redirect"] == f"/sign-in?next=/{COUNTY}/trial%3Fq%3D1"
    answer = stranger.get(scope_url(COUNTY))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_signed_out_session_is_dead(person: Desk) -> None:
    li = person("li")
    assert li.client.get(scope_url(COUNTY)).status_code == 200
    sign_out(li.token)
    assert li.client.get(scope_url(COUNTY)).status_code == 401


def test_a_plugin_that_is_off_has_no_addresses_and_no_entry(person: Desk, db: Database) -> None:
    li = person("li")
    page = li.client.get(f"/{COUNTY}/trial")
    assert page.status_code == 200
    assert "试用" in page.text
    switch_trial(db, COUNTY, False)
    assert li.client.get(f"/{COUNTY}/trial").status_code == 404
    assert li.client.get(scope_url(COUNTY)).status_code == 404
    switch_trial(db, COUNTY, True)
    assert li.client.get(f"/{COUNTY}/trial").status_code == 200


def test_a_missing_permission_is_forbidden_at_home_and_not_found_abroad(person: Desk) -> None:
    li = person("li")
    answer = li.client.get(f"/{COUNTY}/trial/refused")
    assert answer.status_code == 403
    assert "您的岗位不能办理此事项" in answer.text
    assert "trial.never" in answer.text
    assert "看不见" not in li.client.get(f"/{COUNTY}/trial").text
    assert li.client.get(f"/{OTHER_COUNTY}/trial/refused").status_code == 404
