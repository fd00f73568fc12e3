"""The tenants below by page and interface: opened, checked, live, suspended, resumed, recoded; and what its own people see."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from fastapi.testclient import TestClient

from core.db.session import unit_of_work
from core.parameters.service import set_parameter
from core.scope import entered
from core.tenancy.life import move
from core.tenancy.service import system_scope
from tenants.plugin import PREFECTURES_KEEP
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.tenants.opened import (
    NEW,
    WHY,
    figures,
    no_balances,
    open_points,
    opened,
    plant_division,
    ready,
    staffed,
    state_of,
    stated,
)
from tests.web.conftest import Desk, Person


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)


@pytest.fixture
def top(person: Desk) -> Person:
    return person("top", tenant=PROVINCE, role="tenant_admin")


def page(who: Person, path: str, tenant: str = PROVINCE, status: int = 200) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
    return unescape(answer.text)


def send(who: Person, path: str, tenant: str = PROVINCE, /, **form: str | list[str]) -> tuple[int, str]:
    answer = who.client.post(f"/{tenant}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, unescape(answer.headers.get("location") or answer.text)


def api(who: Person, path: str, tenant: str = PROVINCE, **body: object) -> tuple[int, dict[str, object]]:
    answer = who.client.post(f"/api/v1/{tenant}{path}", json=body, headers={"X-CSRF-Token": who.csrf})
    return answer.status_code, answer.json()


def test_the_province_opens_a_county_by_page(top: Person) -> None:
    assert "尚未开通的区划：青羊区 510105" in page(top, "/tenants?q=青羊").replace("</a>", "").replace(
        '<a href="/510000/tenants/new?division=510105">', ""
    )
    form = page(top, "/tenants/new?division=510105")
    assert 'value="510105" checked' in form
    assert "仅生活救助（生活救助）" in form
    status, again = send(top, "/tenants", division=[NEW], profile="relief", reason=" ")
    assert status == 422
    assert 'value="510105" checked' in again
    assert "没有办成：请填写依据" in again
    assert send(top, "/tenants", division=[NEW], profile="relief", reason=WHY) == (303, f"/{PROVINCE}/tenants/{NEW}")
    shown = page(top, f"/tenants/{NEW}")
    assert "开通中" in shown
    assert "完成 2 / 6" in shown
    assert f"/{PROVINCE}/staff?of={NEW}" in shown
    status, refused = send(top, f"/tenants/{NEW}/go-live", reason="川工发9号")
    assert status == 409
    assert "开通清单还有 4 项未完成" in refused
    assert "川工发9号" in refused
    staffed()
    figures()
    stated()
    no_balances()
    assert send(top, f"/tenants/{NEW}/go-live", reason=WHY)[0] == 303
    assert "已开通" in page(top, f"/tenants/{NEW}")
    listed = page(top, "/tenants?state=open&q=5101")
    assert "青羊区总工会" in listed
    assert "游仙区总工会" not in listed
    for foreign in ("440103", PROVINCE):
        assert top.client.get(f"/{PROVINCE}/tenants/{foreign}").status_code == 404


def test_the_same_by_interface(top: Person) -> None:
    status, _ = api(top, "/tenants", divisions=[NEW], profile="relief", reason=WHY)
    assert status == 201
    told = top.client.get(f"/api/v1/{PROVINCE}/tenants/{NEW}").json()
    assert (told["state"], told["lines"]) == ("preparing", ["living_relief"])
    assert [point["code"] for point in told["points"] if not point["done"]] == ["parameters", "posts", "centre", "opening"]
    status, problem = api(top, f"/tenants/{NEW}/go-live", reason=WHY)
    assert (status, problem["type"]) == (409, "urn:bangfu:error:not_ready")
    answer = top.client.get(f"/api/v1/{PROVINCE}/tenants?limit=2")
    assert [row["code"] for row in answer.json()] == [PREFECTURE, COUNTY]
    assert answer.headers["link"].startswith(f"</api/v1/{PROVINCE}/tenants?limit=2&after={COUNTY}>")
    assert top.client.get(f"/api/v1/{PROVINCE}/tenants/440103").status_code == 404
    for act in ("suspend", "resume"):
        status, step = api(top, f"/tenants/{COUNTY}/{act}", reason=WHY)
        assert (status, step["act"]) == (200, act)


def test_people_of_a_suspended_county_see_one_clear_page(top: Person, person: Desk) -> None:
    clerk, leader = person("clerk", role="payer"), person("leader", role="leader")
    status, url = send(top, f"/tenants/{COUNTY}/suspend", reason="财务检查", contact="周主任 028-1234567")
    assert (status, url) == (303, f"/{PROVINCE}/tenants/{COUNTY}")
    for who in (clerk, leader):
        shown = page(who, "/", COUNTY, status=403)
        for words in ("四川省总工会", "2025-09-01", "财务检查", "周主任 028-1234567"):
            assert words in shown
    assert "资金账、发放与银行回盘" in page(clerk, "/", COUNTY, status=403)
    assert "帮扶资金" in page(clerk, "/funds", COUNTY)
    assert "暂停办理" in page(clerk, "/trial", COUNTY, status=403)
    problem = leader.client.get(f"/api/v1/{COUNTY}/households").json()
    assert problem["type"] == "urn:bangfu:error:forbidden"
    answer = clerk.client.get(f"/api/v1/{COUNTY}/trial/scope")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:bangfu:error:tenant_suspended")
    assert "已暂停" in page(top, f"/tenants/{COUNTY}")
    assert send(top, f"/tenants/{COUNTY}/resume", reason="检查结束")[0] == 303
    assert page(clerk, "/", COUNTY)
    assert "财务检查" in page(top, f"/tenants/{COUNTY}")


def test_old_and_new_codes_lead_to_the_county(db: Database, top: Person, person: Desk) -> None:
    plant_division(db, "513425", "会理县")
    opened("513425")
    clerk = person("clerk", tenant="513425", role="tenant_admin")
    form = {"division": "513402", "valid_from": "2021-01-20", "reason": "民函〔2021〕6号"}
    status, _ = send(top, "/tenants/513425/division", **form | {"division": "513499"})
    assert status == 404
    assert send(top, "/tenants/513425/division", **form)[0] == 303
    assert "513402 会理市" in page(top, "/tenants/513425")
    assert "会理市总工会" in page(top, "/tenants?q=会理县")
    assert "会理市总工会" in page(top, "/tenants?q=513402")
    assert "会理市总工会" in page(clerk, "/checklist", "513425")
    answer = clerk.client.get("/513402/checklist?x=1")
    assert (answer.status_code, answer.headers["location"]) == (308, "/513425/checklist?x=1")
    answer = clerk.client.get("/api/v1/513402/plugins")
    assert (answer.status_code, answer.headers["location"]) == (308, "/api/v1/513425/plugins")
    # whoever has no post there learns nothing of it
    assert top.client.get("/513402/checklist").status_code == 404
    assert person("foreign").client.get("/api/v1/513402/plugins").status_code == 404


def test_opening_balances_by_page_and_interface(person: Desk, browser: Callable[[], TestClient]) -> None:
    opened()
    teller, second = person("teller", tenant=NEW, role="fund_manager"), person("second", tenant=NEW, role="payment_approver")
    typed = {
        "year": "2024",
        "source": "union",
        "purpose": "living",
        "amount": "1,200.5",
        "document": "对账单12",
        "reason": "结转",
    }
    status, again = send(teller, "/opening-balances", NEW, **typed | {"amount": "x"})
    assert status == 422
    assert "对账单12" in again
    assert send(teller, "/opening-balances", NEW, **typed)[0] == 303
    assert "复核入账" not in page(teller, "/opening-balances", NEW)
    assert "1,200.50" in page(second, "/opening-balances", NEW)
    (row,) = second.client.get(f"/api/v1/{NEW}/opening-balances").json()
    assert (row["amount_fen"], row["state"]) == (120_050, "told")
    assert api(teller, f"/opening-balances/{row['id']}/decision", NEW, confirmed=True)[0] == 403
    assert send(second, f"/opening-balances/{row['id']}", NEW, confirmed="yes")[0] == 303
    assert "已入账" in page(second, "/opening-balances", NEW)
    status, problem = api(teller, "/opening-balances", NEW, year=2024, document="说明", reason="新设")
    assert (status, "不能并存" in str(problem["detail"])) == (409, True)


def test_a_prefecture_sees_and_steers_its_own_where_it_may(person: Desk) -> None:
    middle = person("middle", tenant=PREFECTURE, role="tenant_admin")
    assert "游仙区" not in page(middle, "/tenants", PREFECTURE)
    assert "暂停办理" not in page(middle, f"/tenants/{COUNTY}", PREFECTURE)
    assert middle.client.get(f"/{PREFECTURE}/tenants/{OTHER_COUNTY}").status_code == 404
    assert send(middle, f"/tenants/{COUNTY}/suspend", PREFECTURE, reason=WHY)[0] == 403
    with entered(system_scope(PROVINCE, "test", on=TODAY)), unit_of_work() as session:
        set_parameter(session, PREFECTURES_KEEP, TODAY, True, WHY, "domain 1.3")
    assert "暂停办理" in page(middle, f"/tenants/{COUNTY}", PREFECTURE)
    assert send(middle, f"/tenants/{COUNTY}/suspend", PREFECTURE, reason=WHY)[0] == 303
    assert state_of(COUNTY) == "suspended"


def test_a_county_left_for_reading_says_so_and_is_resumed_from_above(person: Desk) -> None:
    above = person("above", tenant=PROVINCE, role="tenant_admin")
    clerk = person("clerk", role="caseworker")
    with entered(system_scope(PROVINCE, "test", on=TODAY)), unit_of_work() as session:
        move(session, [COUNTY], "read_only", reason=WHY)
    shown = page(clerk, "/trial", COUNTY, status=403)
    assert "仅供查阅" in shown
    assert WHY in shown
    assert page(clerk, "/cases", COUNTY)
    assert "仅供查阅" in page(above, f"/tenants/{COUNTY}", PROVINCE)
    assert send(above, f"/tenants/{COUNTY}/resume", PROVINCE, reason=WHY)[0] == 303
    assert state_of(COUNTY) == "open"


def test_a_county_in_preparation_sees_its_list(person: Desk) -> None:
    ready()
    boss = person("boss", tenant=NEW, role="tenant_admin")
    shown = page(boss, "/checklist", NEW)
    assert "完成 6 / 6" in shown
    assert f'href="/{NEW}/checklist"' in page(boss, "/", NEW)
    clerk = person("clerk", tenant=NEW, role="caseworker")
    assert "尚未正式开通" in page(clerk, "/cases/new?workflow=living_relief", NEW, status=403)
    assert open_points() == []
    assert clerk.client.get(f"/public/{NEW}/annual/2025").status_code == 404
