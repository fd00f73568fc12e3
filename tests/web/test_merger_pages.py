"""The pages by which two people of the province close a county, and what old links lead to afterwards."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from core.db.session import unit_of_work
from core.exchange.models import Envelope
from core.jobs.outbox import relay
from core.people.models import WorkerFile
from core.scope import entered
from core.tenancy.service import system_scope
from core.transfers.models import CountyClosing
from core.transfers.offers import REFUSED
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.lines import Acting
from tests.tenants.merging_story import THIRD, WHY, Story, tell
from tests.web.conftest import Desk, Person
from tests.web.test_templates import checked

HERE = f"/{PROVINCE}/mergers"
API = f"/api/v1/{PROVINCE}/mergers"


@pytest.fixture
def story(db: Database, acting: Acting) -> Story:
    return tell(db, acting)


def _page(who: Person, url: str, **form: str) -> str:
    answer = who.client.post(url, data=form | {"csrf_token": who.csrf}) if form else who.client.get(url)
    assert answer.status_code == 200, answer.text[:2000]
    checker = checked(answer.text)
    assert checker.faults == []
    assert sorted(checker.ids) == sorted(set(checker.ids))
    assert "李明" not in answer.text
    return answer.text


def test_a_county_closes_by_two_people_and_old_links_lead_on(app: FastAPI, story: Story, person: Desk) -> None:
    asker, leader = person("jia", tenant=PROVINCE, role="tenant_admin"), person("yi", tenant=PROVINCE, role="leader")
    clerk, auditor = person("bing", tenant=OTHER_COUNTY, role="caseworker"), person("ding", tenant=COUNTY, role="auditor")
    assert "锦江区总工会" in _page(asker, HERE)
    shown = _page(asker, f"{HERE}/preview", closing=COUNTY, successor=OTHER_COUNTY)
    assert "锦江区总工会并入游仙区总工会" in shown
    assert "由承接单位续办" in shown
    answer = asker.client.post(
        HERE, data={"closing": COUNTY, "successor": OTHER_COUNTY, "reason": WHY, "csrf_token": asker.csrf}
    )
    assert answer.status_code == 303, answer.text
    one = answer.headers["location"]
    assert "待同意" in _page(leader, one)
    assert asker.client.post(one, data={"outcome": "agreed", "csrf_token": asker.csrf}).status_code == 403
    refused = leader.client.post(one, data={"outcome": "refused", "why": "", "csrf_token": leader.csrf})
    assert refused.status_code == 422
    assert leader.client.post(one, data={"outcome": "agreed", "csrf_token": leader.csrf}).status_code == 303
    assert story.carried_out()["state"] == "done"
    done = _page(leader, one)
    assert "已移转 3 户" in done
    home = story.leaving.homes[0].household_id
    answer = clerk.client.get(f"/{COUNTY}/households/{home}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/{OTHER_COUNTY}/households/{home}")
    answer = clerk.client.get(f"/{OTHER_COUNTY}/households/{home}")
    assert answer.status_code == 303
    new = answer.headers["location"]
    page = clerk.client.get(new)
    assert page.status_code == 200
    assert re.search("由锦江区总工会转入，原档案号 ", page.text)
    read = auditor.client.get(f"/{COUNTY}/households/{home}")
    assert read.status_code == 200, read.text[:500]
    assert "该户已转至游仙区总工会，新档案号 DA2026" in read.text
    assert clerk.client.get(f"/{OTHER_COUNTY}/files/twice").status_code == 200


def test_a_case_that_went_on_says_where_it_began(app: FastAPI, story: Story, person: Desk) -> None:
    clerk = person("bing", tenant=OTHER_COUNTY, role="petition_handler")
    story.agreed(story.asked())
    story.carried_out()
    found = clerk.client.get(f"/{OTHER_COUNTY}/cases?line=petitions").text
    [case] = set(re.findall(rf"/{OTHER_COUNTY}/cases/([0-9a-f-]{{36}})", found))
    page = clerk.client.get(f"/{OTHER_COUNTY}/cases/{case}").text
    assert f"由锦江区总工会移入续办，原件号 {story.number}" in page


def test_the_same_through_the_interface(app: FastAPI, story: Story, person: Desk) -> None:
    asker, leader = person("jia", tenant=PROVINCE, role="tenant_admin"), person("yi", tenant=PROVINCE, role="leader")
    made = asker.client.post(API, json={"closing": THIRD, "reason": WHY}, headers={"X-CSRF-Token": asker.csrf})
    assert made.status_code == 201, made.text
    url = f"{API}/{made.json()['id']}/decision"
    assert asker.client.post(url, json={"agreed": True}, headers={"X-CSRF-Token": asker.csrf}).status_code == 403
    agreed = leader.client.post(url, json={"agreed": True}, headers={"X-CSRF-Token": leader.csrf})
    assert agreed.json()["state"] == "agreed"
    story.carried_out()
    assert [(row["closing"], row["state"]) for row in leader.client.get(API).json()] == [(THIRD, "done")]
    blocked = asker.client.post(API, json={"closing": COUNTY, "reason": WHY}, headers={"X-CSRF-Token": asker.csrf})
    assert blocked.status_code == 409
    assert "3 户档案仍在本单位" in blocked.json()["detail"]


def test_a_closing_that_was_agreed_is_stopped_on_its_page(app: FastAPI, story: Story, person: Desk) -> None:
    leader = person("yi", tenant=PROVINCE, role="leader")
    closing = story.asked()
    story.agreed(closing)
    one = f"{HERE}/{closing}"
    shown = _page(leader, one)
    assert "停止撤并" in shown
    assert "继续办理" not in shown  # its job is under way
    going = leader.client.post(f"{API}/{closing}/go-on", headers={"X-CSRF-Token": leader.csrf})
    assert going.status_code == 409
    assert leader.client.post(f"{one}/stop", data={"why": "", "csrf_token": leader.csrf}).status_code == 422
    answer = leader.client.post(f"{one}/stop", data={"why": "批复已撤销", "csrf_token": leader.csrf})
    assert answer.status_code == 303, answer.text
    shown = _page(leader, one)
    assert "已停止" in shown
    assert "批复已撤销" in shown
    again = leader.client.post(f"{API}/{closing}/stop", json={"why": "再次"}, headers={"X-CSRF-Token": leader.csrf})
    assert again.status_code == 409


def test_nobody_of_a_county_or_prefecture_comes_there(app: FastAPI, story: Story, person: Desk) -> None:
    admin = person("wu", tenant=COUNTY, role="tenant_admin")
    assert admin.client.get(f"/{COUNTY}/mergers").status_code == 403
    answer = admin.client.post(
        f"/{COUNTY}/mergers/preview", data={"closing": OTHER_COUNTY, "successor": COUNTY, "csrf_token": admin.csrf}
    )
    assert answer.status_code == 403
    with entered(system_scope(PROVINCE, "test")), unit_of_work() as session:
        assert session.scalars(select(CountyClosing.id)).all() == []
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        assert len(session.scalars(select(WorkerFile.id)).all()) == 3


def test_one_household_moves_by_two_offices_pages(app: FastAPI, story: Story, person: Desk) -> None:
    giver, taker = person("jia"), person("yi", tenant=OTHER_COUNTY)
    home = story.leaving.homes[0].household_id
    page = giver.client.get(f"/{COUNTY}/households/{home}").text
    assert f"/{COUNTY}/households/{home}/transfer" in page
    form = giver.client.get(f"/{COUNTY}/households/{home}/transfer")
    assert f'value="{OTHER_COUNTY}"' in form.text
    assert checked(form.text).faults == []
    typed = {"household": str(home), "peer": OTHER_COUNTY, "reason": "", "csrf_token": giver.csrf}
    again = giver.client.post(f"/{COUNTY}/transfers", data=typed)
    assert again.status_code == 422
    assert giver.client.post(f"/{COUNTY}/transfers", data=typed | {"reason": "户籍迁移"}).status_code == 303
    assert "待对方答复" in giver.client.get(f"/{COUNTY}/transfers").text
    assert "外县提出转入的家庭" not in taker.client.get(f"/{OTHER_COUNTY}/").text
    relay(COUNTY)
    assert "外县提出转入的家庭" in taker.client.get(f"/{OTHER_COUNTY}/").text
    assert "外县提出转入的家庭" not in giver.client.get(f"/{COUNTY}/").text
    shown = taker.client.get(f"/{OTHER_COUNTY}/transfers").text
    assert checked(shown).faults == []
    assert "李明" in shown
    [answer] = set(re.findall(rf"/{OTHER_COUNTY}/transfers/[0-9a-f-]{{36}}/answer", shown))
    refused = taker.client.post(answer, data={"outcome": "refused", "why": "", "csrf_token": taker.csrf})
    assert refused.status_code == 422
    other = story.leaving.homes[1].household_id
    typed |= {"household": str(other), "reason": "迁居"}
    assert giver.client.post(f"/{COUNTY}/transfers", data=typed).status_code == 303
    relay(COUNTY)
    shown = taker.client.get(f"/{OTHER_COUNTY}/transfers").text
    [second] = set(re.findall(rf"/{OTHER_COUNTY}/transfers/[0-9a-f-]{{36}}/answer", shown)) - {answer}
    no = {"outcome": "refused", "why": "不在本县居住", "csrf_token": taker.csrf}
    assert taker.client.post(second, data=no).status_code == 303
    assert "答复未能送达" not in taker.client.get(f"/{OTHER_COUNTY}/transfers").text
    with entered(system_scope(OTHER_COUNTY, "relay")), unit_of_work() as session:
        session.execute(update(Envelope).where(Envelope.kind == REFUSED).values(state="undelivered"))
    shown = taker.client.get(f"/{OTHER_COUNTY}/transfers").text
    assert (shown.count("答复未能送达"), checked(shown).faults) == (1, [])
    assert taker.client.post(answer, data={"outcome": "accepted", "csrf_token": taker.csrf}).status_code == 303
    for tenant in (OTHER_COUNTY, COUNTY, OTHER_COUNTY):
        relay(tenant)
    assert "已转移" in taker.client.get(f"/{OTHER_COUNTY}/transfers").text
    assert "该户已转至游仙区总工会" in giver.client.get(f"/{COUNTY}/households/{home}").text
    assert "提出转出" not in giver.client.get(f"/{COUNTY}/households/{home}").text
    late = giver.client.post(answer.replace(OTHER_COUNTY, COUNTY), data={"outcome": "accepted", "csrf_token": giver.csrf})
    assert late.status_code == 404
