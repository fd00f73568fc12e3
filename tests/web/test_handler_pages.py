"""The pages and resources by which two people change who handles a confidential case."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from core.cases.service import open_cases
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.handler_story import ACCUSATION, WHY
from tests.core.lines import Acting, install, with_key
from tests.core.staffing import at_desk, stand_at
from tests.web.conftest import PASSWORD, Desk, Person
from tests.web.county import switch_lines
from tests.web.test_account_pages import hidden_fields
from tests.web.test_step_up import age_proof
from tests.web.test_templates import checked

HERE = f"/{COUNTY}/cases/handlers"
API = f"/api/v1/{COUNTY}/handler-changes"


@dataclass(frozen=True)
class Office:
    """An accusation and the people around it, signed in."""

    case_id: uuid.UUID
    number: str
    handler: Person
    fresh: Person
    vice: Person
    leader: Person


@pytest.fixture
def office(person: Desk, db: Database, acting: Acting) -> Office:
    install(db)
    stand_at(db)
    switch_lines(db, COUNTY)
    with_key(acting)
    handler, fresh = person("ban", role="petition_handler"), person("xin", role="petition_handler")
    with at_desk(handler.account_id) as session:
        [case] = open_cases(session, [ACCUSATION])
        case_id, number = case.id, case.number
    return Office(case_id, number, handler, fresh, person("fen", role="vice_chair_in_charge"), person("zhu", role="leader"))


def _page(who: Person, query: str = "") -> str:
    answer = who.client.get(HERE + query)
    assert answer.status_code == 200
    checker = checked(answer.text)
    assert checker.faults == []
    assert sorted(checker.ids) == sorted(set(checker.ids))
    assert set(checker.targets) <= set(checker.ids)
    assert "机密" not in answer.text
    return answer.text


def _send(who: Person, path: str = "", **form: object) -> tuple[int, str]:
    answer = who.client.post(HERE + path, data={"csrf_token": who.csrf, **form})
    return answer.status_code, answer.headers.get("location") or answer.text


def _change_on(page: str) -> str:
    found = re.search(r'action="[^"]*/cases/handlers/([0-9a-f-]{36})"', page)
    assert found is not None
    return found.group(1)


def _ask(office: Office) -> str:
    """Have the handler hand over to ``fresh``; the change's id, as the vice chair sees it."""
    mine, new = str(office.handler.account_id), str(office.fresh.account_id)
    status, where = _send(office.handler, case=str(office.case_id), add=[new], remove=[mine], reason=WHY)
    assert (status, where) == (303, HERE)
    return _change_on(_page(office.vice))


def _emergency(office: Office, **more: object) -> dict[str, object]:
    form = {"number": office.number, "ground": "order", "order_number": "法函1号", "clears": "yes", "reason": "依文办理"}
    return form | {"add": [str(office.fresh.account_id)]} | more


def _handlers(db: Database) -> list[str]:
    with db.owner.connect() as connection:
        return list(connection.execute(text("select handlers from case_record")).scalar_one())


def test_a_handler_hands_over_and_everybody_concerned_is_told(office: Office, db: Database) -> None:
    case_page = f"/{COUNTY}/cases/{office.case_id}"
    assert f"{HERE}?case={office.case_id}" in office.handler.client.get(case_page).text
    page = _page(office.handler, f"?case={office.case_id}")
    assert "员工xin（信访承办人）" in page
    assert "员工ban（本人）" in page
    status, page = _send(office.handler, case=str(office.case_id), add=[str(office.fresh.account_id)], reason=" ")
    assert (status, "请填写原因" in page, f'value="{office.fresh.account_id}" checked' in page) == (422, True, True)
    change = _ask(office)
    assert "保密件变更承办人" in office.vice.client.get(f"/{COUNTY}/").text
    status, page = _send(office.vice, f"/{change}", outcome="refused", why=" ")
    assert (status, "请填写理由" in page) == (422, True)
    assert _send(office.vice, f"/{change}", outcome="agreed") == (303, HERE)
    assert _handlers(db) == [str(office.fresh.account_id)]
    assert office.handler.client.get(case_page).status_code == 404
    assert "机密事由" in office.fresh.client.get(case_page).text
    told = f"您承办的 {office.number} 号件已变更承办人"
    for who in (office.handler, office.fresh):
        assert told in who.client.get(f"/{COUNTY}/").text
    page = _page(office.handler)
    assert "您不再承办" in page
    news = re.search(r"/news/([0-9a-f-]{36})", page)
    assert news is not None
    assert _send(office.fresh, f"/news/{news.group(1)}")[0] == 404
    assert _send(office.handler, f"/news/{news.group(1)}") == (303, HERE)
    assert told not in office.handler.client.get(f"/{COUNTY}/").text


def test_an_emergency_keeps_what_was_typed_and_opens_the_case_to_the_named_alone(office: Office, db: Database) -> None:
    page = _page(office.vice)
    assert "提出紧急变更" in page
    assert office.number not in page
    status, page = _send(office.vice, "/emergency", **_emergency(office, number="XF-2025-0999"))
    assert status == 422
    for kept in ('value="XF-2025-0999"', 'value="法函1号"', "依文办理", 'value="order" checked', "没有这一编号的保密件"):
        assert kept in page
    status, page = _send(office.vice, "/emergency", **_emergency(office, add=[str(office.vice.account_id)]))
    assert (status, "不能指定本人" in page, "依文办理" in page) == (403, True, True)
    assert _send(office.vice, "/emergency", **_emergency(office))[0] == 303
    status, page = _send(office.vice, "/emergency", **_emergency(office))
    assert (status, "已有待同意" in page) == (409, True)
    page = _page(office.leader)
    assert "紧急变更" in page
    assert "员工ban" not in page
    assert "书面要求的文号" not in page
    assert _send(office.leader, f"/{_change_on(page)}", outcome="agreed")[0] == 303
    assert _handlers(db) == [str(office.fresh.account_id)]
    case_page = f"/{COUNTY}/cases/{office.case_id}"
    assert "机密事由" in office.fresh.client.get(case_page).text
    seen = [who.client.get(case_page).status_code for who in (office.handler, office.vice, office.leader)]
    assert seen == [404, 404, 403]


def test_both_acts_need_a_fresh_proof(office: Office, db: Database) -> None:
    asked = {
        "case": str(office.case_id),
        "add": [str(office.fresh.account_id)],
        "reason": WHY,
        "csrf_token": office.handler.csrf,
    }
    age_proof(db)
    answer = office.handler.client.post(HERE, data=asked)
    assert (answer.status_code, hidden_fields(answer.text)["reason"]) == (401, WHY)
    assert office.handler.client.post(HERE, data=asked | {"proof_password": PASSWORD}).status_code == 303
    change = _change_on(_page(office.vice))
    assert _send(office.vice, f"/{change}", outcome="agreed")[0] == 401
    assert _send(office.vice, "/emergency", **_emergency(office))[0] == 401
    assert _handlers(db) == [str(office.handler.account_id)]
    told = office.vice.client.post(
        f"{API}/{change}/decision", json={"agreed": True}, headers={"X-CSRF-Token": office.vice.csrf}
    )
    assert (told.status_code, told.json()["type"]) == (401, "urn:bangfu:error:fresh_proof_required")
    assert _send(office.vice, f"/{change}", outcome="agreed", proof_password=PASSWORD)[0] == 303


def test_whom_it_does_not_concern_sees_and_does_nothing(office: Office, person: Desk) -> None:
    change = _ask(office)
    others = (person("admin", role="tenant_admin"), person("shen", role="auditor"), person("jing"))
    for other in others:
        page = _page(other)
        assert office.number not in page
        assert "没有等您同意的变更" in page
        assert _send(other, f"/{change}", outcome="agreed")[0] == 404
        assert _send(other, f"/{change}/withdraw")[0] == 404
        assert _send(other, "/emergency", **_emergency(office))[0] == 403
        assert other.client.get(f"{HERE}?case={office.case_id}").status_code in {403, 404}
    far = person("far", tenant=OTHER_COUNTY, role="vice_chair_in_charge")
    assert far.client.get(HERE).status_code == 404
    assert _send(far, f"/{change}", outcome="agreed")[0] == 404
    there = far.client.post(f"/{OTHER_COUNTY}/cases/handlers/{change}", data={"csrf_token": far.csrf, "outcome": "agreed"})
    assert there.status_code == 404
    assert _send(office.vice, f"/{change}", outcome="perhaps")[0] == 404
    assert _send(office.handler, case="nothing", reason=WHY)[0] == 404
    assert _send(office.handler, f"/{change}/withdraw") == (303, HERE)
    assert "已撤回" in _page(office.handler)


def test_the_resources_are_the_same_door(office: Office, db: Database, person: Desk) -> None:
    def send(who: Person, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        answer = who.client.post(API + path, json=body, headers={"X-CSRF-Token": who.csrf})
        return answer.status_code, answer.json()

    new = [str(office.fresh.account_id)]
    status, made = send(office.handler, "", {"case_id": str(office.case_id), "add": new, "reason": WHY})
    assert (status, made["number"], made["state"], made["emergency"]) == (201, office.number, "asked", False)
    waits = office.vice.client.get(API).json()
    assert [row["id"] for row in waits["to_decide"]] == [made["id"]]
    status, told = send(office.vice, f"/{made['id']}/decision", {"agreed": False})
    assert (status, told["where"]) == (422, "why")
    status, told = send(office.vice, f"/{made['id']}/decision", {"agreed": True})
    assert (status, told["state"], told["decided_by"]) == (200, "agreed", str(office.vice.account_id))
    assert _handlers(db) == [str(office.handler.account_id), *new]
    body: dict[str, object] = {"number": office.number, "add": new, "ground": "order", "order_number": "法函1号", "reason": WHY}
    assert send(office.handler, "/emergency", body)[0] == 403
    status, made = send(office.vice, "/emergency", body)
    assert (status, made["clears"]) == (201, True)
    assert send(office.vice, f"/{made['id']}/decision", {"agreed": True})[0] == 403
    assert send(person("qian"), f"/{made['id']}/decision", {"agreed": True})[0] == 404
    assert send(office.leader, f"/{made['id']}/decision", {"agreed": True})[0] == 200
    assert _handlers(db) == new
    assert office.vice.client.get(API).json()["to_decide"] == []
