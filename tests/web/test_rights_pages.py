"""The rights desk in the browser and by the interface: requests, statement, copy, erasure, who looked at a file."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from core.db.session import unit_of_work
from core.exchange.models import Envelope
from core.people.models import WorkerFile
from core.rights.emptying import settle
from core.rights.listed import Listed, erasures_listed, list_erasures, list_file
from core.rights.models import Erasure
from core.rights.partner_models import PartnerErasure
from core.scope import entered
from tests.conftest import COUNTY, OTHER_COUNTY, Database, scope_of
from tests.core.lines import Acting
from tests.core.rights_story import (
    LONG_AFTER,
    STRANGER,
    WIFE,
    WORKER,
    Family,
    family,
    keyed,
    standing_in_the_database,
)
from tests.core.staffing import stand_at
from tests.web.conftest import PASSWORD, Desk, Person
from tests.web.test_account_pages import hidden_fields
from tests.web.test_step_up import age_proof
from tests.web.test_templates import checked

HERE = f"/{COUNTY}/rights"
API = f"/api/v1/{COUNTY}"


@pytest.fixture
def theirs(app: FastAPI, db: Database, acting: Acting) -> Iterator[Family]:
    """A family whose file ended long before the day at which the county stands."""
    keyed(db, acting)
    stand_at(db, LONG_AFTER)
    yield family(acting, WORKER, WIFE)
    list_file().unlink(missing_ok=True)


def _sound(html: str) -> None:
    checker = checked(html)
    assert checker.faults == []
    assert checker.open == []
    assert sorted(checker.ids) == sorted(set(checker.ids))


def _send(who: Person, path: str, **form: object) -> tuple[int, str, str]:
    answer = who.client.post(f"{HERE}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, answer.headers.get("location", ""), answer.text


def _registered(who: Person, theirs: Family, kind: str, person: int = 0) -> str:
    status, location, told = _send(
        who, f"/households/{theirs.household}", kind=kind, person_id=str(theirs.persons[person]), evidence="身份证原件"
    )
    assert status == 303, told
    return location.rsplit("/", 1)[1]


def test_a_request_is_registered_seen_on_the_desk_and_answered(person: Desk, theirs: Family) -> None:
    clerk = person("clerk")
    desk = clerk.client.get(f"/{COUNTY}/households/{theirs.household}").text
    assert f"/{COUNTY}/rights/households/{theirs.household}" in desk
    assert "/views" not in desk
    page = clerk.client.get(f"{HERE}/households/{theirs.household}")
    _sound(page.text)
    status, _, again = _send(
        clerk,
        f"/households/{theirs.household}",
        kind="correction",
        person_id=str(theirs.persons[1]),
        evidence=" ",
        reason="名字错",
    )
    assert status == 422
    assert "请填写核验方式" in again
    assert "名字错" in again
    request = _registered(clerk, theirs, "correction", 1)
    assert "个人信息权利请求" in clerk.client.get(f"/{COUNTY}/").text
    assert f'href="{HERE}"' in clerk.client.get(f"/{COUNTY}/files").text
    desk = clerk.client.get(HERE).text
    _sound(desk)
    assert WIFE.name in desk
    assert "SB1" in desk
    assert _send(clerk, f"/{request}", outcome="answered", why="")[0] == 422
    assert _send(clerk, f"/{request}", outcome="answered", why="已更正")[0] == 303
    assert "已更正" in clerk.client.get(f"{HERE}/{request}").text
    assert WIFE.name in clerk.client.get(f"{HERE}?ended=true").text
    other = person("other", tenant=OTHER_COUNTY)
    assert other.client.get(f"/{OTHER_COUNTY}/rights/{request}").status_code == 404
    assert other.client.get(f"/{OTHER_COUNTY}/rights/households/{theirs.household}").status_code == 404
    assert person("reviewer", role="reviewer").client.get(HERE).status_code == 403


def test_who_looked_is_shown_to_the_auditor_and_given_to_the_family(person: Desk, theirs: Family) -> None:
    clerk, auditor = person("clerk"), person("auditor", role="auditor")
    assert clerk.client.get(f"/{COUNTY}/households/{theirs.household}").status_code == 200
    views = f"/{COUNTY}/households/{theirs.household}/views"
    assert clerk.client.get(views).status_code == 403
    told = auditor.client.get(views)
    _sound(told.text)
    assert "员工clerk" in told.text
    assert "姓名、身份证号、电话" in told.text
    assert "没有查阅记录" in auditor.client.get(f"{views}?until=2000-01-01").text
    assert auditor.client.get(f"{views}?since=2025-02-30").status_code == 422
    listed = auditor.client.get(f"{API}/households/{theirs.household}/views?limit=1").json()
    assert [row["who"] for row in listed["items"]] == ["员工auditor"]
    assert listed["after"]
    request = _registered(clerk, theirs, "view_log")
    status, _, statement = _send(clerk, f"/{request}/statement", since="2025-01-01")
    assert status == 200
    _sound(statement)
    assert "员工clerk" in statement
    assert "员工auditor" in statement
    book = clerk.client.post(f"{HERE}/{request}/statement.xlsx", data={"csrf_token": clerk.csrf})
    assert zipfile.is_zipfile(io.BytesIO(book.content))
    assert clerk.client.get(f"{HERE}/{request}").text.count("已办理") >= 1
    other = person("other", tenant=OTHER_COUNTY, role="auditor")
    assert other.client.get(f"/{OTHER_COUNTY}/households/{theirs.household}/views").status_code == 404


def test_the_copy_is_sent_once_after_a_fresh_proof(person: Desk, theirs: Family, db: Database) -> None:
    clerk = person("clerk")
    request = _registered(clerk, theirs, "export")
    age_proof(db)
    status, _, asked = _send(clerk, f"/{request}/copy")
    assert status == 401
    again = {**hidden_fields(asked), "proof_password": PASSWORD}
    sent = clerk.client.post(f"{HERE}/{request}/copy", data={"csrf_token": clerk.csrf, **again})
    assert sent.headers["content-type"] == "application/zip"
    assert sent.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        assert WORKER.number in archive.read("个人信息副本.json").decode()
        assert WIFE.number not in archive.read("个人信息副本.json").decode()
    assert _send(clerk, f"/{request}/copy")[0] == 409


def test_two_people_erase_a_file_and_its_page_says_so(person: Desk, theirs: Family, db: Database) -> None:
    clerk, vice = person("clerk"), person("vice", role="vice_chair_in_charge")
    page = clerk.client.get(f"{HERE}/households/{theirs.household}").text
    assert "可以提出删除" in page
    status, _, again = _send(clerk, f"/households/{theirs.household}/erasure", reason="保存期满")
    assert (status, again.count("请选择删除何人") >= 2, ">\n保存期满<" in again) == (422, True, True)
    status, _, again = _send(clerk, f"/households/{theirs.household}/erasure", person_id="all", reason="")
    assert status == 422
    assert "请填写依据" in again
    assert _send(clerk, f"/households/{theirs.household}/erasure", person_id="all", reason="保存期满")[0] == 303
    assert f"{HERE}/erasures" in vice.client.get(f"/{COUNTY}/").text
    waiting = vice.client.get(f"{HERE}/erasures")
    _sound(waiting.text)
    assert WORKER.name in waiting.text
    assert f'/households/{theirs.household}">SB1</a>（' in waiting.text
    (erasure,) = set(re.findall(r"/rights/erasures/([0-9a-f-]{36})", waiting.text))
    assert _send(clerk, f"/erasures/{erasure}", outcome="confirmed")[0] == 403
    status, _, refused = _send(vice, f"/erasures/{erasure}", outcome="refused", why="")
    assert status == 422
    assert "请填写理由" in refused
    # a list that is damaged stops no erasure: papers wait until it is mended
    list_erasures([Listed(uuid.uuid4(), COUNTY, uuid.uuid4(), True, (uuid.uuid4(),), "retention", "2056-01-01")])
    whole = list_file().read_bytes()
    list_file().write_bytes(whole.replace(b"2056-01-01", b"2056-01-02"))
    assert _send(vice, f"/erasures/{erasure}", outcome="confirmed")[0] == 303
    assert len(list_file().read_bytes()) == len(whole)
    list_file().write_bytes(whole)
    with entered(scope_of(COUNTY, on=LONG_AFTER)), unit_of_work() as session:
        assert settle(session) == 1
    assert [str(one.erasure) for one in erasures_listed()][1:] == [erasure]
    assert standing_in_the_database(db, (*WORKER.told(), *WIFE.told())) == []
    shown = clerk.client.get(f"/{COUNTY}/households/{theirs.household}")
    assert shown.status_code == 200
    assert "已按规定删除" in shown.text
    assert _send(vice, f"/erasures/{erasure}", outcome="confirmed")[0] == 409
    status, _, late = _send(clerk, f"/erasures/{erasure}/withdraw")
    assert (status, "已由另一人复核，不能撤回" in late, "该户的个人信息权利请求" in late) == (409, True, True)


def test_what_partners_erased_is_seen_and_answered_on_the_desk(person: Desk, theirs: Family, acting: Acting) -> None:
    told = {"peer": OTHER_COUNTY, "household_id": theirs.household, "whole": True, "ground": "wish", "told_on": LONG_AFTER}
    with acting(COUNTY), unit_of_work() as session:
        rows = [
            PartnerErasure(envelope_id=uuid.uuid4(), direction=direction, persons=[theirs.persons[0]], **told)
            for direction in ("in", "out")
        ]
        session.add_all(rows)
    clerk = person("clerk")
    assert "转户删除告知" in clerk.client.get(f"/{COUNTY}/").text
    page = clerk.client.get(f"{HERE}/partners")
    _sound(page.text)
    assert (WORKER.name in page.text, page.text.count("待答复")) == (True, 2)
    status, _, again = _send(clerk, f"/partners/{rows[0].id}", why="本县保存期未满")
    assert (status, again.count("请选择办理结果") >= 2, "本县保存期未满" in again) == (422, True, True)
    status, _, again = _send(clerk, f"/partners/{rows[0].id}", outcome="kept", why="")
    assert (status, "请填写依据" in again, 'value="kept" checked' in again) == (422, True, True)
    assert _send(clerk, f"/partners/{rows[0].id}", outcome="kept", why="本县保存期未满")[0] == 303
    page = clerk.client.get(f"{HERE}/partners")
    assert ("本县保存期未满" in page.text, "答复未能送达" in page.text) == (True, False)
    with acting(COUNTY), unit_of_work() as session:
        session.execute(update(Envelope).where(Envelope.direction == "out").values(state="undelivered"))
    page = clerk.client.get(f"{HERE}/partners")
    _sound(page.text)
    assert "答复未能送达" in page.text
    listed = clerk.client.get(f"{API}/rights/partners").json()
    assert {(row["direction"], row["outcome"]) for row in listed} == {("in", "kept"), ("out", None)}
    again_asked = clerk.client.post(
        f"{API}/rights/partners/{rows[0].id}/answer",
        json={"outcome": "kept", "answer": "x"},
        headers={"X-CSRF-Token": clerk.csrf},
    )
    assert again_asked.status_code == 409


def test_the_interface_does_the_same(person: Desk, theirs: Family, db: Database) -> None:
    clerk, vice = person("clerk"), person("vice", role="vice_chair_in_charge")
    token = {"X-CSRF-Token": clerk.csrf}
    new = {
        "kind": "erasure", "household_id": str(theirs.household), "person_id": str(theirs.persons[0]), "evidence": "身份证原件",
    }  # fmt: skip
    made = clerk.client.post(f"{API}/rights/requests", json=new, headers=token)
    assert made.status_code == 201, made.text
    assert clerk.client.post(f"{API}/rights/requests", json=new, headers=token).status_code == 409
    assert [row["id"] for row in clerk.client.get(f"{API}/rights/requests").json()["items"]] == [made.json()["id"]]
    assert clerk.client.get(f"{API}/rights/due").json()[0]["file_number"] == "SB1"
    wanted = {"household_id": str(theirs.household), "request_id": made.json()["id"], "reason": "本人要求"}
    erasure = clerk.client.post(f"{API}/rights/erasures", json=wanted, headers=token).json()
    assert (erasure["state"], erasure["ground"], erasure["whole"]) == ("proposed", "wish", True)
    done = vice.client.post(
        f"{API}/rights/erasures/{erasure['id']}/decision", json={"confirmed": True}, headers={"X-CSRF-Token": vice.csrf}
    )
    assert done.json()["state"] == "done"
    assert clerk.client.get(f"{API}/rights/requests/{made.json()['id']}").json()["state"] == "answered"
    assert standing_in_the_database(db, WORKER.told()) == []


def test_a_wish_that_is_refused_stays_a_wish(person: Desk, theirs: Family, acting: Acting) -> None:
    """What was typed stands on the page of the request again, which names every file that goes; sent again it is the same."""
    also = family(acting, STRANGER, number="SB2")
    with acting(COUNTY), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == also.household)).one()
        file.worker_id = theirs.persons[0]
    clerk = person("clerk")
    request, other = _registered(clerk, theirs, "erasure"), _registered(clerk, theirs, "export")
    page = clerk.client.get(f"{HERE}/{request}").text
    _sound(page)
    assert ("一并清除" in page, ">SB2</a>" in page) == (True, True)
    assert "一并清除" not in clerk.client.get(f"{HERE}/{other}").text
    path = f"/households/{theirs.household}/erasure"
    for reason, code, word in ((" ", 422, "请填写依据"), ("不再需要救助", 409, "请先办结")):
        status, _, again = _send(clerk, path, request_id=request, reason=reason)
        _sound(again)
        assert (status, word in again, f">{reason.strip()}</textarea>" in again.replace("\n", "")) == (code, True, True)
        assert hidden_fields(again)["request_id"] == request
    assert _send(clerk, f"/{other}", outcome="withdrawn", why="本人撤回")[0] == 303
    assert _send(clerk, path, request_id=request, reason="不再需要救助")[0] == 303
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(Erasure.ground)).all() == ["wish"]
