"""A clerk registers, changes and corrects households on pages and through the interface; nothing that was typed is lost."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.people.models import HouseholdFact, Person, PersonFact, WorkerFile
from core.people.repository import household_view
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.household_story import FATHER, HEAD, SON, WIFE, numbered
from tests.core.lines import Acting, with_key
from tests.web.conftest import Desk
from tests.web.conftest import Person as Clerk
from tests.web.test_templates import checked

HOME = {
    "members.0.name": "单明", "members.0.relation": "head", "members.0.identity_number": numbered(HEAD),
    "members.0.phone": "13800006207",
    "members.1.name": "解芳", "members.1.relation": "wife", "members.1.identity_number": numbered(WIFE),
    "members.2.name": "单小宝", "members.2.relation": "son", "members.2.identity_number": numbered(SON),
    "rows": "3", "address": "四川省成都市锦江区双桂路社区12号", "employer_name": "锦江纺织厂", "main_cause": "06",
    "act": "save",
}  # fmt: skip
NEW = f"/{COUNTY}/households/new"


@dataclass
class Office:
    """A clerk with a session, and what is asked of the pages."""

    clerk: Clerk

    def post(self, path: str, **filled: str) -> tuple[int, str]:
        """Status and page (or where it leads)."""
        answer = self.clerk.client.post(path, data={"csrf_token": self.clerk.csrf} | filled)
        return answer.status_code, answer.headers.get("location") or answer.text

    def get(self, path: str) -> str:
        """A page that is well formed."""
        answer = self.clerk.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        found = checked(answer.text)
        assert found.faults == []
        assert sorted(found.ids) == sorted(set(found.ids))
        assert set(found.targets) <= set(found.ids)
        return answer.text

    def registered(self) -> uuid.UUID:
        """A household on file."""
        status, where = self.post(NEW, **HOME)
        assert status == 303, where
        return uuid.UUID(where.rpartition("/")[2])


@pytest.fixture
def office(person: Desk, db: Database, acting: Acting) -> Office:
    del db
    for tenant in (COUNTY, OTHER_COUNTY):
        with_key(acting, tenant)
    return Office(person("clerk"))


def _file(session: Session, home: uuid.UUID) -> WorkerFile:
    return session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()


def test_a_household_is_registered_row_by_row_and_nothing_typed_is_lost(office: Office, acting: Acting, person: Desk) -> None:
    assert "再加一人" in office.get(NEW)
    status, page = office.post(NEW, **HOME | {"act": "add"})
    assert status == 200
    assert 'name="members.3.name"' in page
    assert numbered(WIFE) in page
    status, page = office.post(NEW, **HOME | {"act": "remove.1"})
    assert (status, "解芳" in page, 'value="单小宝"' in page) == (200, False, True)
    wrong = HOME | {"members.1.identity_number": numbered(WIFE)[:17] + "A", "members.2.name": "", "address": ""}
    status, page = office.post(NEW, **wrong)
    assert status == 422
    assert {f'href="#f-{name}"' in page for name in ("members.1.identity_number", "members.2.name", "address")} == {True}
    assert all(f'value="{value}"' in page for value in ("单明", "解芳", "13800006207", "锦江纺织厂", numbered(SON)))
    home = office.registered()
    with acting(), unit_of_work() as session:
        file = _file(session, home)
        assert (file.status, file.employer_name, file.main_cause) == ("draft", "锦江纺织厂", "06")
        view = household_view(session, home, file.opened_on)
        assert view is not None
        assert [member.person.name for member in view.members] == ["单明", "解芳", "单小宝"]
    status, page = office.post(NEW, **HOME)
    assert (status, file.file_number in page) == (422, True)
    elsewhere = person("there", tenant=OTHER_COUNTY)
    there = f"/{OTHER_COUNTY}/households/new"
    asked = elsewhere.client.post(there, data=HOME | {"csrf_token": elsewhere.csrf})
    assert (asked.status_code, "已在其他单位建档" in asked.text) == (200, True)
    assert "单明" in asked.text
    seen = elsewhere.client.post(there, data=HOME | {"csrf_token": elsewhere.csrf, "seen": "yes"})
    assert seen.status_code == 303
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert len(session.scalars(select(ReadLog).where(ReadLog.what == "identity_index")).all()) == 6
    assert person("payer", role="payer").client.get(NEW).status_code == 403
    assert elsewhere.client.get(f"/{OTHER_COUNTY}/households/{home}/changes").status_code == 404


def test_the_head_dies_and_the_form_asks_for_another(office: Office, acting: Acting) -> None:
    home = office.registered()
    here = f"/{COUNTY}/households/{home}/changes"
    for kind in ("birth", "moved_in", "marriage", "death", "moved_out", "divorce", "between", "head_changed", "split"):
        assert "原因和依据" in office.get(f"{here}/new?kind={kind}")
    with acting(), unit_of_work() as session:
        people = {one.name: str(one.id) for one in session.scalars(select(Person))}
        day = str(_file(session, home).opened_on)
    told = {"form": "death", "person": people["单明"], "valid_from": day, "reason": "死亡医学证明"}
    status, page = office.post(here, **told)
    assert (status, 'href="#f-new_head"' in page, "死亡医学证明" in page) == (422, True, True)
    status, page = office.post(here, **told | {"new_head": people["解芳"]})
    assert (status, f'href="#f-relation.{people["单小宝"]}"' in page) == (422, True)
    assert re.search(rf'id="f-relation\.{people["单小宝"]}".*?value="son" selected', page, re.S)
    status, where = office.post(here, **told | {"new_head": people["解芳"], f"relation.{people['单小宝']}": "son"})
    assert (status, where) == (303, here)
    page = office.get(here)
    assert "户主 → 不在户内" in page
    assert "登记有误，撤销" in page
    with acting(), unit_of_work() as session:
        assert str(_file(session, home).worker_id) == people["解芳"]
    change = re.search(r"/changes/([0-9a-f-]{36})/undo", page)
    assert change is not None
    assert office.post(f"{here}/{change[1]}/undo", reason="")[0] == 422
    assert office.post(f"{here}/{change[1]}/undo", reason="登记错人")[0] == 303
    assert "已撤销" in office.get(here)
    with acting(), unit_of_work() as session:
        assert str(_file(session, home).worker_id) == people["单明"]
    father = {
        "form": "moved_in",
        "name": "单建国",
        "relation": "father",
        "identity_number": numbered(FATHER),
        "valid_from": day,
    }
    assert office.post(here, **father, reason="户口簿")[0] == 303


def test_facts_show_was_and_is_and_two_clerks_do_not_overwrite_each_other(office: Office, acting: Acting) -> None:
    home = office.registered()
    here = f"/{COUNTY}/households/{home}"
    with acting(), unit_of_work() as session:
        file = _file(session, home)
        who, day, version = file.worker_id, str(file.opened_on), str(file.version)
    facts = {"valid_from": day, "source": "visit", "version": version}
    for path in (
        "facts",
        "particulars",
        "address",
        f"people/{who}/facts",
        f"people/{who}/particulars",
        f"people/{who}/correct",
    ):
        office.get(f"{here}/{path}")
    status, page = office.post(f"{here}/people/{who}/facts", **facts, income_wage_fen="两千", employment_status="laid_off")
    assert (status, 'value="两千"' in page, 'value="laid_off" selected' in page) == (422, True, True)
    assert office.post(f"{here}/people/{who}/facts", **facts, income_wage_fen="2000", employment_status="laid_off")[0] == 303
    status, page = office.post(f"{here}/people/{who}/facts", **facts, income_wage_fen="3000")
    assert (status, 'value="3000"' in page, "现登记：2,000.00 元" in page, "已被他人更改" in page) == (409, True, True, True)
    told = facts | {"version": str(int(version) + 1)}
    assert office.post(f"{here}/facts", **told, cost_illness_fen="6000", property_flags="vehicle")[0] == 303
    assert office.post(f"{here}/particulars", employer_name="锦江纺织厂", account="6222021234567890123")[0] == 303
    page = office.get(f"{here}/particulars")
    assert ("**** 0123" in page, "6222021234567890123" in page) == (True, False)
    assert office.post(f"{here}/address", address="四川省成都市锦江区莲新街道3栋", postcode="610061")[0] == 303
    assert office.post(f"{here}/people/{who}/particulars", phone="13900001234", marital_status="married")[0] == 303
    assert office.post(f"{here}/people/{who}/correct", reason="用字有误")[0] == 422
    number = numbered("510104198001010034")
    right = {"name": "单鸣", "identity_number": number, "asked_on": day}
    told = {"csrf_token": office.clerk.csrf, **right, "reason": "用字有误", "kind": "household_book", "title": "户口簿首页"}
    wrong = office.clerk.client.post(f"{here}/people/{who}/correct", data=told, files={"paper": ("a.pdf", b"no pdf")})
    assert (wrong.status_code, 'value="单鸣"' in wrong.text) == (422, True)
    proof = {"paper": ("a.pdf", b"%PDF-1.7\n%%EOF\n")}
    assert office.clerk.client.post(f"{here}/people/{who}/correct", data=told, files=proof).status_code == 303
    page = office.get(f"{here}/changes")
    assert "本人申请" in page
    assert page.count("依据材料：") == 2, "with the name and with the number"
    assert office.get(f"{here}/papers").count("户口簿首页") >= 1
    assert numbered(HEAD) not in page
    with acting(), unit_of_work() as session:
        assert session.get_one(Person, (COUNTY, who)).name == "单鸣"
        assert session.scalars(select(PersonFact)).one().employment_status == "laid_off"
        assert session.scalars(select(HouseholdFact)).one().property_flags == ["vehicle"]


def test_employers_are_listed_tested_and_chosen(office: Office) -> None:
    home, here = office.registered(), f"/{COUNTY}/employers"
    assert "还没有登记用人单位" in office.get(here)
    office.get(f"{here}/new")
    firm = {"name": "锦江纺织厂", "credit_code": "91110000600037341L", "loss_years": "2023、2024", "nature": "private"}
    status, page = office.post(here, **firm | {"credit_code": "91110000600037341M"})
    assert (status, 'href="#f-credit_code"' in page, 'value="2023、2024"' in page) == (422, True, True)
    status, where = office.post(here, **firm)
    assert status == 303
    page = office.get(f"/{COUNTY}/households/{home}/particulars")
    assert "已在单位名录中" in page
    employer = where.rpartition("/")[2]
    assert office.post(f"/{COUNTY}/households/{home}/particulars", employer_id=employer, employer_name="锦江纺织厂")[0] == 303
    told = {"tested_on": "2025-01-01", "workers": "10", "below_line": "8", "evidence": "花名册"}
    assert office.post(f"{where}/tests", **told | {"below_line": "11"})[0] == 422
    assert office.post(f"{where}/tests", **told)[0] == 303
    page = office.get(where)
    assert all(word in page for word in ("连续两年以上亏损", "多数职工低于低保标准", "单明", "在册困难职工 1 户"))
    assert "锦江纺织厂" in office.get(f"{here}?q=jinjiang")
    assert "没有符合的单位" in office.get(f"{here}?q=zzz")
    for asked in ("锦江纺织厂", "纺织", "jjfz", "91110000600037341l"):
        assert f'href="{where}"' in office.post(f"/{COUNTY}/find", q=asked)[1], asked
    assert "用人单位" not in office.post(f"/{COUNTY}/find", q="纺纱")[1].split("<main")[1]
    office.get(f"{where}/edit")
    assert office.post(where, **firm | {"name": "锦江纺织集团"}, reason="更名", version="1")[0] == 303
    assert "锦江纺织厂 → 锦江纺织集团" in office.get(where)
    assert office.post(where, **firm, reason="更名", version="1")[0] == 409


def test_programs_do_the_same_through_resources(office: Office) -> None:
    api, token = f"/api/v1/{COUNTY}", {"X-CSRF-Token": office.clerk.csrf}
    client = office.clerk.client

    def member(at: int) -> dict[str, str]:
        return {name: HOME[f"members.{at}.{name}"] for name in ("name", "relation", "identity_number")}

    body = {"members": [member(0), member(1) | {"identity_number": "1"}], "address": HOME["address"]}
    refused = client.post(f"{api}/households", json=body, headers=token)
    assert (refused.status_code, refused.json()["where"]) == (422, "members.1.identity_number")
    made = client.post(f"{api}/households", json=body | {"members": [member(0), member(1), member(2)]}, headers=token)
    assert made.status_code == 201, made.text
    home = made.json()["household_id"]
    seen = client.get(f"{api}/households/{home}")
    people = {one["name"]: one["person_id"] for one in seen.json()["members"]}
    day = client.get(f"{api}/households/{home}/changes").json()[0]["valid_from"]
    facts = {"valid_from": day, "source": "visit", "facts": {"income_wage_fen": "1000"}}
    url = f"{api}/households/{home}/people/{people['单明']}/facts"
    assert client.post(url, json=facts, headers=token | {"If-Match": seen.headers["etag"]}).status_code == 204
    assert client.post(url, json=facts, headers=token | {"If-Match": seen.headers["etag"]}).status_code == 409
    assert client.post(f"{api}/households/{home}/facts", json=facts | {"facts": {}}, headers=token).status_code == 204
    act = {"kind": "moved_out", "person_id": people["单小宝"], "valid_from": day, "reason": "迁往外地"}
    done = client.post(f"{api}/households/{home}/changes", json=act, headers=token)
    assert (done.status_code, [step["now"] for step in done.json()["steps"]]) == (201, [None])
    undone = client.post(f"{api}/households/{home}/changes/{done.json()['id']}/undo?reason=误登", headers=token)
    assert (undone.status_code, undone.json()["kind"]) == (201, "undone")
    head = {"kind": "head_changed", "valid_from": day, "reason": "变更", "succession": {"head": people["解芳"]}}
    missing = client.post(f"{api}/households/{home}/changes", json=head, headers=token)
    assert missing.status_code == 422
    etag = {"If-Match": client.get(f"{api}/households/{home}").headers["etag"]}
    moved = {"address": "四川省成都市锦江区三圣乡幸福村2组", "housing": {"postcode": "610061"}}
    place, own = f"{api}/households/{home}/address", f"{api}/households/{home}/people/{people['单明']}/particulars"
    wrong = client.post(place, json=moved | {"housing": {"postcode": "61"}}, headers=token)
    assert (wrong.status_code, wrong.json()["where"]) == (422, "postcode")
    assert client.post(place, json=moved, headers=token | etag).status_code == 204
    assert client.post(place, json=moved, headers=token | etag).status_code == 409
    told = client.get(f"{api}/households/{home}").json()
    assert (told["address"], told["township"]) == ("四川省成都市锦江区三圣乡幸福村", "三圣乡")
    assert client.get(f"{api}/households?township=三圣乡").json()["items"][0]["household_id"] == home
    assert client.post(own, json={"particulars": {"marital_status": "x"}}, headers=token).json()["where"] == "marital_status"
    assert client.post(own, json={"phone": "13900001234"}, headers=token).status_code == 204
    assert client.post(own, json={"phone": "13900001235"}, headers=token | etag).status_code == 409
    sent = client.post(
        f"{api}/households/{home}/papers",
        data={"kind": "other"},
        files={"paper": ("a.pdf", b"%PDF-1.7\n%%EOF\n")},
        headers=token,
    )
    correction = {"name": "单鸣", "reason": "用字有误", "asked_on": day, "document_id": sent.json()["id"]}
    foreign = client.post(
        f"{api}/people/{people['单明']}/corrections", json=correction | {"document_id": str(uuid.uuid4())}, headers=token
    )
    assert (foreign.status_code, foreign.json()["where"]) == (422, "document_id")
    assert client.post(f"{api}/people/{people['单明']}/corrections", json=correction, headers=token).status_code == 204
    firm = client.post(f"{api}/employers", json={"facts": {"name": "锦江纺织厂"}}, headers=token).json()
    linked = {"particulars": {}, "employer_id": firm["id"]}
    assert client.post(f"{api}/households/{home}/particulars", json=linked, headers=token).status_code == 204
    assert client.get(f"{api}/employers?q=jj").json()["items"][0]["files"] == 1
    changed = {"facts": {"name": "锦江纺织厂", "nature": "private"}, "reason": "补登", "version": 1}
    assert client.put(f"{api}/employers/{firm['id']}", json=changed, headers=token).json()["nature"] == "private"
    test = {"facts": {"tested_on": "2025-01-01", "workers": "3", "below_line": "2", "evidence": "花名册"}}
    assert client.post(f"{api}/employers/{firm['id']}/tests", json=test, headers=token).json()["majority_below"] is True


def test_what_nobody_has_is_not_there(office: Office) -> None:
    """Pages and resources of households, members and employers that are another county's, or nobody's."""
    nobody, other = uuid.uuid4(), uuid.uuid4()
    pages = ["changes", "changes/new?kind=birth", "facts", "particulars", "address"]
    pages += [f"people/{other}/{part}" for part in ("facts", "particulars", "correct")]
    for path in [*(f"households/{nobody}/{page}" for page in pages), f"employers/{nobody}", f"employers/{nobody}/edit"]:
        assert office.clerk.client.get(f"/{COUNTY}/{path}").status_code == 404, path
    sent = {"form": "birth", "valid_from": "2025-01-01", "source": "visit", "reason": "核对", "name": "锦江纺织厂"}
    posts = ["changes", f"changes/{other}/undo", "facts", "particulars", "address"]
    posts += [f"people/{other}/{part}" for part in ("facts", "particulars", "correct")]
    for path in [*(f"households/{nobody}/{page}" for page in posts), f"employers/{nobody}", f"employers/{nobody}/tests"]:
        assert office.post(f"/{COUNTY}/{path}", **sent)[0] == 404, path
        assert office.post(f"/{COUNTY}/{path}")[0] in (404, 422), path
    api = f"/api/v1/{COUNTY}"
    assert office.clerk.client.get(f"{api}/households/{nobody}/changes").status_code == 404
    assert office.clerk.client.get(f"{api}/employers/{nobody}").status_code == 404
    undo = office.clerk.client.post(
        f"{api}/households/{nobody}/changes/{other}/undo", headers={"X-CSRF-Token": office.clerk.csrf}
    )
    assert undo.status_code == 404
