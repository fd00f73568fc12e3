"""Two persons side by side, merged, undone and told apart on pages and through the interface; questions to the province."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import select, update

from core.db.session import unit_of_work
from core.exchange.envelopes import deliver
from core.exchange.identity_queries import ANSWER
from core.exchange.models import Envelope, IdentityMark
from core.jobs.models import OutboxItem
from core.people.duplicates.service import propose_duplicates
from core.people.models import WorkerFile
from core.tenancy.keys import tokens
from core.trail.models import ReadLog, TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE
from tests.core.lines import Acting
from tests.core.people_story import Home, number_of, put_on_file, stale_after_a_year
from tests.web.conftest import Desk, Person
from tests.web.test_templates import checked

BORN = date(1970, 3, 5)
CHOSEN = re.compile(r'type="radio"[^>]* checked')
"""A choice that is made already: what a person must decide stands open."""
BASE = f"/{COUNTY}/duplicates"


@dataclass
class Pages:
    """Somebody with a session, and what is asked of the pages."""

    who: Person

    def get(self, path: str, status: int = 200) -> str:
        """A page that is well formed."""
        answer = self.who.client.get(path)
        assert answer.status_code == status, (path, answer.status_code)
        if status == 200:
            found = checked(answer.text)
            assert found.faults == []
            assert sorted(found.ids) == sorted(set(found.ids))
        return answer.text

    def post(self, path: str, **filled: str) -> tuple[int, str]:
        """Status and page (or where it leads)."""
        answer = self.who.client.post(path, data={"csrf_token": self.who.csrf} | filled)
        return answer.status_code, answer.headers.get("location") or answer.text


@pytest.fixture(autouse=True)
def _year(acting: Acting) -> None:
    stale_after_a_year(acting)


@pytest.fixture
def two(acting: Acting) -> tuple[Home, Home]:
    """Two files of one family, proposed as such."""
    with acting(), unit_of_work() as session:
        made = (
            put_on_file(session, ("王小明", number_of(1, BORN)), ("李红", number_of(2, date(1972, 7, 1)))),
            put_on_file(session, ("王晓明", number_of(3, BORN)), ("李红", number_of(4, date(1972, 7, 1)))),
        )
        assert propose_duplicates(session) == 2
    return made


def test_a_pair_is_compared_merged_and_undone_on_pages(two: tuple[Home, Home], person: Desk, acting: Acting) -> None:
    pages = Pages(person("clerk"))
    listed = pages.get(BASE)
    assert ("王小明" in listed, "姓名同音" in listed, number_of(1, BORN) in listed) == (True, True, False)
    assert f'href="{BASE}"' in pages.get(f"/{COUNTY}/files")
    pair = re.findall(rf'href="({BASE}/[0-9a-f-]+)" data-open>王', listed)[0]
    page = pages.get(pair)
    assert page.count("不同") >= 3
    assert two[0].file_number in page
    status, page = pages.post(f"{pair}/merge", keep="first", files="yes", reason=" ")
    assert (status, "材料" in page) == (422, True)
    assert 'value="yes" checked' in page
    assert pages.post(f"{pair}/merge", keep="nobody", reason="x")[0] == 404
    assert CHOSEN.search(pages.get(pair)) is None
    status, page = pages.post(f"{pair}/merge", files="yes", reason="核对户口簿")
    assert (status, page.count("请选择保留哪一方") >= 2, "核对户口簿" in page, CHOSEN.search(page)) == (422, True, True, None)
    assert pages.post(f"{pair}/merge", keep="first", files="yes", reason="核对户口簿")[0] == 303
    page = pages.get(pair)
    kept, merged = two if "保留" in page.split("看档案")[1] else two[::-1]
    with acting(), unit_of_work() as session:
        status = session.scalar(select(WorkerFile.status).where(WorkerFile.file_number == merged.file_number))
        kept, merged = (kept, merged) if status == "merged" else (merged, kept)
    assert pages.who.client.get(f"/{COUNTY}/households/{merged.household_id}").headers["location"] == (
        f"/{COUNTY}/households/{kept.household_id}"
    )
    home = pages.get(f"/{COUNTY}/households/{kept.household_id}")
    assert f"{merged.file_number} 号档案已并入本档案" in home
    assert pair in home
    found = pages.post(f"/{COUNTY}/find", q="王")[1]
    assert found.count(f"/households/{kept.household_id}") == 1
    assert str(merged.household_id) not in found
    assert pages.post(f"{pair}/undo", reason="两户")[0] == 303
    assert pages.post(f"{pair}/undo", reason="两户")[0] == 404
    assert pages.post(f"{pair}/different", reason="核对出生证明")[0] == 303
    assert "核为不是同一人" in pages.get(pair)
    with acting(), unit_of_work() as session:
        acts = [row.action for row in session.scalars(select(TrailEntry).order_by(TrailEntry.seq))]
    assert {"people.merged", "people.unmerged", "people.kept_apart"} <= set(acts)
    reader = Pages(person("reader", role="auditor"))
    assert "f-different" not in reader.get(pair)
    assert reader.post(f"{pair}/undo", reason="x")[0] == 403
    there = Pages(person("there", tenant=OTHER_COUNTY))
    there.get(pair.replace(COUNTY, OTHER_COUNTY), 404)


def test_two_are_put_side_by_side_by_hand(two: tuple[Home, Home], person: Desk, acting: Acting) -> None:
    one, other = two
    pages = Pages(person("clerk"))
    form = f"/{COUNTY}/households/{one.household_id}/same-person"
    assert form in pages.get(f"/{COUNTY}/households/{one.household_id}")
    pages.get(form)
    asked = {"person_id": str(one.persons[0]), "who": other.file_number}
    status, page = pages.post(form, **asked)
    assert (status, "该档案有 2 人" in page, other.file_number in page, "没有办成" in page) == (200, True, True, False)
    assert checked(page).faults == []
    with acting(), unit_of_work() as session:  # both households were looked at: that of the page, and that of the choice
        looks = select(ReadLog.subject_id, ReadLog.permission).where(ReadLog.what.endswith("/same-person"))
        found = [tuple(row) for row in session.execute(looks.order_by(ReadLog.id))]
        assert found[-2:] == [(home.household_id, "people.write") for home in (other, one)]
    status, pair = pages.post(form, **asked, other_id=str(other.persons[0]))
    assert status == 303
    assert "人工提出" in pages.get(pair)
    assert pages.post(form, person_id="x", who="x")[0] == 422
    assert pages.post(form, person_id=str(one.persons[0]), who="510000000000000000")[0] == 404
    api = {"person_id": str(one.persons[0]), "who": number_of(3, BORN)}
    clerk = pages.who
    made = clerk.client.post(f"/api/v1/{COUNTY}/duplicates", json=api, headers={"X-CSRF-Token": clerk.csrf})
    assert (made.status_code, made.json()["id"] in pair) == (201, True)


def test_a_pair_is_merged_and_undone_through_the_interface(two: tuple[Home, Home], person: Desk) -> None:
    del two
    clerk = person("clerk")
    base, headers = f"/api/v1/{COUNTY}", {"X-CSRF-Token": clerk.csrf}
    listed = clerk.client.get(f"{base}/duplicates?limit=1").json()
    assert (len(listed["items"]), listed["after"]) == (1, listed["items"][0]["id"])
    [one] = [row for row in clerk.client.get(f"{base}/duplicates").json()["items"] if row["first"]["name"] != "李红"]
    assert set(one["first"]) == {"id", "name", "birth_date", "identity_masked"}
    made = clerk.client.post(
        f"{base}/duplicates/{one['id']}/merge", json={"keep": "second", "files": True, "reason": "核对户口簿"}, headers=headers
    )
    assert made.status_code == 201
    undone = clerk.client.post(f"{base}/merges/{made.json()['act']}/undo", json={"reason": "两户"}, headers=headers)
    assert undone.status_code == 204
    apart = f"{base}/duplicates/{one['id']}/different"
    assert [clerk.client.post(apart, json={"reason": "两人"}, headers=headers).status_code for _ in "12"] == [204, 409]


def test_the_province_is_asked_and_answers_on_pages(person: Desk, acting: Acting) -> None:
    number = number_of(1, BORN)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            home = put_on_file(session, ("王小明", number), ("李红", number_of(2, date(1972, 7, 1))))
            digest = tokens().identity_index_hash(number)
            session.add(IdentityMark(province=PROVINCE, hash=digest, year=2024, matter="on_file"))
        if tenant == COUNTY:
            own = home
    clerk, above = Pages(person("clerk")), Pages(person("above", tenant=PROVINCE, role="case_approver"))
    form = f"/{COUNTY}/households/{own.household_id}/province-query"
    assert form in clerk.get(f"/{COUNTY}/households/{own.household_id}")
    clerk.get(form)
    status, page = clerk.post(form, person_id="", reason="自述在外县建档")
    assert (status, "请选择查询何人" in page, "自述在外县建档" in page) == (422, True, True)
    status, page = clerk.post(form, person_id=str(own.persons[1]), reason="自述在外县建档")
    assert (status, "无须查询" in page, "自述在外县建档" in page) == (409, True, True)
    with acting(), unit_of_work() as session:  # what the index told is on record, though nothing was asked
        assert session.scalars(select(ReadLog.what).where(ReadLog.what == "identity_index")).all() != []
    assert clerk.post(form, person_id=str(own.persons[0]), reason="自述在外县建档")[0] == 303
    listed = clerk.get(f"/{COUNTY}/province-queries")
    assert "待省级答复" in listed
    back = re.findall(rf"/{COUNTY}/province-queries/[0-9a-f-]+/withdraw", listed)[0]
    assert clerk.post(back)[0] == 303
    listed = clerk.get(f"/{COUNTY}/province-queries")
    assert ("由本单位撤回" in listed, back in listed) == (True, False)
    _relay(acting, COUNTY)
    taken_back = above.get(f"/{PROVINCE}/identity-queries")
    assert "已撤回" in taken_back
    [old] = re.findall(rf"/{PROVINCE}/identity-queries/[0-9a-f-]+", taken_back)
    assert "无须答复" in above.get(old)
    headers = {"X-CSRF-Token": clerk.who.csrf}
    api_back = f"/api/v1{back}"
    assert clerk.who.client.post(api_back, headers=headers).json()["state"] == "withdrawn"
    assert clerk.post(form, person_id=str(own.persons[0]), reason="自述在外县建档")[0] == 303
    _relay(acting, COUNTY)
    got = above.get(f"/{PROVINCE}/identity-queries")
    assert "重复建档查询" in above.get(f"/{PROVINCE}/matters")
    [one] = set(re.findall(rf"/{PROVINCE}/identity-queries/[0-9a-f-]+", got)) - {old}
    page = above.get(one)
    assert ("王小明" in page, OTHER_COUNTY in page, page.count("建档")) != (True, True, 0)
    assert CHOSEN.search(page) is None
    status, page = above.post(f"{one}/answer", answer="由居住地保留")
    assert (status, page.count("请选择答复结果") >= 2, "由居住地保留" in page) == (422, True, True)
    status, page = above.post(f"{one}/answer", outcome="duplicate", keeper="", answer="由居住地保留")
    assert (status, "由居住地保留" in page) == (422, True)
    assert above.post(f"{one}/answer", outcome="duplicate", keeper=OTHER_COUNTY, answer="由居住地保留")[0] == 303
    assert "由居住地保留" in above.get(one)
    _relay(acting, PROVINCE)
    assert "由居住地保留" in clerk.get(f"/{COUNTY}/province-queries")
    assert "答复未能送达" not in above.get(one)
    with acting(PROVINCE), unit_of_work() as session:
        session.execute(update(Envelope).where(Envelope.kind == ANSWER).values(state="undelivered"))
    for page in (one, f"/{PROVINCE}/identity-queries"):
        assert "答复未能送达" in above.get(page)
    # the other county sees that a file of its own is concerned, and that it stays; who asked it does not learn
    there = Pages(person("there", tenant=OTHER_COUNTY))
    told_page = there.get(f"/{OTHER_COUNTY}/province-queries")
    assert ("王小明" in told_page, "由本单位保留档案" in told_page, "自述" in told_page) == (True, True, False)
    assert "省级告知" in there.get(f"/{OTHER_COUNTY}/")
    seen = re.findall(rf"/{OTHER_COUNTY}/province-queries/[0-9a-f-]+/seen", told_page)[0]
    assert there.post(seen)[0] == 303
    assert "已阅" in there.get(f"/{OTHER_COUNTY}/province-queries")
    [notice] = there.who.client.get(f"/api/v1/{OTHER_COUNTY}/province-notices").json()
    assert (notice["state"], notice["keeper"], notice["answer"]) == ("answered", OTHER_COUNTY, None)
    base = f"/api/v1/{COUNTY}"
    told = clerk.who.client.get(f"{base}/province-queries").json()[0]
    assert (told["outcome"], told["keeper"], told["state"]) == ("duplicate", OTHER_COUNTY, "answered")
    api = f"/api/v1/{PROVINCE}/identity-queries"
    seen = above.who.client.get(api).json()[0]
    assert {match["tenant"] for match in above.who.client.get(f"{api}/{seen['id']}").json()["matches"]} == {
        COUNTY,
        OTHER_COUNTY,
    }
    assert clerk.who.client.get(f"/{COUNTY}/identity-queries").status_code == 403
    assert clerk.who.client.get(f"{base}/identity-queries/{seen['id']}").status_code == 403


def _relay(acting: Acting, tenant: str) -> None:
    with acting(tenant), unit_of_work() as session:
        payloads = [item.payload for item in session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope"))]
    for payload in payloads:
        deliver(tenant, payload)
