"""Service lines by the API: listed, switched with a reason and a version, at once, and by nobody without the duty."""

from __future__ import annotations

from tests.conftest import COUNTY, OTHER_COUNTY
from tests.web.conftest import Desk


def _line(name: str, tenant: str = COUNTY) -> str:
    return f"/api/v1/{tenant}/plugins/{name}" if name else f"/api/v1/{tenant}/plugins"


def test_a_line_is_switched_by_the_api_and_works_at_the_next_request(person: Desk) -> None:
    admin, clerk = person("admin", role="tenant_admin"), person("li")
    token = {"X-CSRF-Token": admin.csrf}
    listed = {line["name"]: line for line in admin.client.get(_line("")).json()}
    assert listed["petitions"]["enabled"] is False
    assert "core" not in listed
    pages = "/api/v1/" + COUNTY + "/trial/scope"
    assert clerk.client.get(pages).status_code == 200
    off = admin.client.put(_line("trial"), json={"enabled": False, "reason": "年度调整"}, headers=token)
    assert (off.status_code, off.json()["enabled"], off.headers["etag"]) == (200, False, f'"{off.json()["version"]}"')
    assert clerk.client.get(pages).status_code == 404
    stale = {**token, "If-Match": f'"{listed["trial"]["version"]}"'}
    assert admin.client.put(_line("trial"), json={"enabled": True, "reason": "恢复"}, headers=stale).status_code == 412
    fresh = {**token, "If-Match": off.headers["etag"]}
    assert admin.client.put(_line("trial"), json={"enabled": True, "reason": "恢复"}, headers=fresh).status_code == 200
    assert clerk.client.get(pages).status_code == 200


def test_who_may_not_switch(person: Desk) -> None:
    admin, clerk = person("admin", role="tenant_admin"), person("li")
    wanted = {"enabled": True, "reason": "试"}
    assert clerk.client.put(_line("trial"), json=wanted, headers={"X-CSRF-Token": clerk.csrf}).status_code == 403
    token = {"X-CSRF-Token": admin.csrf}
    assert admin.client.put(_line("trial", OTHER_COUNTY), json=wanted, headers=token).status_code == 404
    assert admin.client.put(_line("unheard"), json=wanted, headers=token).status_code == 404
    assert admin.client.put(_line("trial"), json=wanted).status_code == 403
    assert admin.client.put(_line("trial"), json={**wanted, "reason": ""}, headers=token).status_code == 422
    odd = {**token, "If-Match": "W/x"}
    assert admin.client.put(_line("trial"), json=wanted, headers=odd).status_code == 422
