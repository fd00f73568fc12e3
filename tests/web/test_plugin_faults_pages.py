"""A stranger's route that fails is answered like any fault and reported; the province sees it and shuts the plugin off for
all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, Depends
from fastapi.testclient import TestClient

from core.db.session import app_engine, reference_work
from core.errors import Conflict
from core.host.declarations import NavEntry
from core.host.faults import recent_faults
from core.host.manager import host
from core.parameters.service import sync_national
from core.web.app import make_app
from core.web.context import requires
from deploy.testing.browsers import signed_in
from tests.conftest import COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.strangers import Stranger, boom
from tests.tenants.plugin_rows import switch

pages, resources = APIRouter(), APIRouter()
READS = [Depends(requires("home.read"))]
KEPT: list[object] = []


@pages.get("/shaky", dependencies=READS)
def fails() -> str:
    raise RuntimeError("张三 510104197001011234")


@pages.get("/shaky/refuses", dependencies=READS)
def refuses() -> str:
    raise Conflict("不行", "no")


@pages.get("/shaky/keeps", dependencies=READS)
def keeps() -> str:
    KEPT.append(app_engine().connect())
    return "kept"


@resources.get("/shaky/fails", dependencies=READS)
def fails_too() -> dict[str, str]:
    return {"x": KEPT[99]}  # type: ignore[dict-item]  # it raises


@pytest.fixture
def browser(db: Database, tmp_path: Path) -> Iterator[TestClient]:
    """The application with a shaky plugin that is on in the county, and one whose catalogue cannot be read."""
    broken = tmp_path / "en" / "LC_MESSAGES"
    broken.mkdir(parents=True)
    (broken / "messages.po").write_bytes(b'msgid "\xff\nmsgstr ""\n')
    host.cache_clear()
    answers = {
        "page_routes": pages,
        "api_routes": resources,
        "navigation": [NavEntry("甲", "a", "/shaky", "puzzle", "home.read")],
        "facts": boom,
        "translations": str(tmp_path),
    }
    host().register(Stranger("shaky", answers), "shaky", built_in=False)
    switch(db, COUNTY, "shaky")
    with db.owner.begin() as connection:
        sync_national(connection)
    yield TestClient(make_app(), follow_redirects=False, raise_server_exceptions=False)
    KEPT.clear()
    host.cache_clear()


def _places() -> dict[str, int]:
    with reference_work() as session:
        return {row.place: row.count for row in recent_faults(session, ["shaky"])}


def test_a_route_that_fails_is_reported_and_the_rest_is_served(browser: TestClient) -> None:
    clerk = signed_in(browser, "li").client
    before = app_engine().pool.checkedout()  # type: ignore[attr-defined]  # a queue pool counts
    for path, status in (
        (f"/{COUNTY}/shaky", 500),
        (f"/api/v1/{COUNTY}/shaky/fails", 500),
        (f"/{COUNTY}/shaky/refuses", 409),
        (f"/{COUNTY}/shaky/keeps", 200),
        (f"/{COUNTY}/shaky/absent", 404),
        (f"/{COUNTY}/", 200),
    ):
        answer = clerk.get(path)
        assert answer.status_code == status, path
        assert "张三" not in answer.text
    assert app_engine().pool.checkedout() == before  # type: ignore[attr-defined]  # as above
    places = _places()
    assert places["page GET /shaky"] == places["resource GET /shaky/fails"] == 1
    assert places["page GET /shaky/keeps (connections)"] == 1
    assert not any("refuses" in place or "absent" in place for place in places)
    assert "bangfu_translations" in places


def test_the_province_sees_what_failed_and_shuts_it_off(browser: TestClient) -> None:
    clerk = signed_in(browser, "li").client
    clerk.get(f"/{COUNTY}/shaky")
    host().installed("bangfu_facts")
    admin = signed_in(TestClient(browser.app, follow_redirects=False), "chief", tenant=PROVINCE, role="tenant_admin")
    home = admin.client.get(f"/{PROVINCE}/")
    assert home.status_code == 200
    assert "业务插件出现故障" in home.text
    seen = admin.client.get(f"/{PROVINCE}/system/plugins")
    assert seen.status_code == 200
    assert "test_plugin_faults_pages.py" in seen.text
    assert "bangfu_facts" in seen.text
    assert "张三" not in seen.text
    form = {"csrf_token": admin.csrf, "act": "shut_off", "reason": "反复出错"}
    assert admin.client.post(f"/{PROVINCE}/system/plugins/shaky", data=form).status_code == 403

    system = signed_in(TestClient(browser.app, follow_redirects=False), "sysadm", tenant=PROVINCE, role="system_administrator")
    assert "shaky" in system.client.get(f"/{PROVINCE}/system").text
    form = {"csrf_token": system.csrf, "act": "shut_off", "reason": ""}
    refused = system.client.post(f"/{PROVINCE}/system/plugins/shaky", data=form)
    assert (refused.status_code, "请填写原因" in refused.text) == (422, True)
    form["reason"] = "反复出错"
    assert system.client.post(f"/{PROVINCE}/system/plugins/shaky", data=form).status_code == 303
    assert clerk.get(f"/{COUNTY}/shaky").status_code == 404
    assert "反复出错" in system.client.get(f"/{PROVINCE}/system/plugins").text
    form |= {"act": "release", "reason": "已修复"}
    assert system.client.post(f"/{PROVINCE}/system/plugins/shaky", data=form).status_code == 303
    assert clerk.get(f"/{COUNTY}/shaky").status_code == 500


def test_a_prefecture_does_not_answer_for_plugins(browser: TestClient) -> None:
    system = signed_in(browser, "sysadm", tenant=PREFECTURE, role="system_administrator").client
    assert system.get(f"/{PREFECTURE}/system").status_code == 200
    assert system.get(f"/{PREFECTURE}/system/plugins").status_code == 403
