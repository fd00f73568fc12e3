"""The pages and resources of a file's life: filters, steps by several hands, consents, what was typed before a refusal."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta
from html import unescape

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from core.db.session import unit_of_work
from core.parameters.service import set_parameter, sync_national
from core.people.life.models import Consent, FileProposal
from core.people.models import HouseholdFact, PersonFact, WorkerFile
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.files_story import WORDS, Acting, plant_file
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.web.conftest import Desk, Person
from tests.web.county import switch_lines

LATER = TODAY + timedelta(days=20)


@pytest.fixture
def office(app: FastAPI, db: Database, acting: Acting) -> uuid.UUID:
    """A county with one application for a file."""
    install(db)
    stand_at(db)
    switch_lines(db, COUNTY)
    with db.owner.begin() as connection:
        sync_national(connection)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2024, 1, 1), 80_000, "省级文件", "domain 10")
    with acting(COUNTY), unit_of_work() as session:
        made = plant_file(session)
        worker = session.scalars(select(WorkerFile.worker_id)).one()
        lines = {"income_wage_fen": 120_000, "residents_pension_fen": 20_000}
        session.add(PersonFact(person_id=worker, valid_from=date(2025, 1, 1), source="visit", **lines))
        session.add(HouseholdFact(household_id=made, valid_from=date(2025, 1, 1), cost_schooling_fen=360_000, source="visit"))
    return made


def page(who: Person, path: str, status: int = 200) -> str:
    answer = who.client.get(f"/{COUNTY}{path}")
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


def send(who: Person, path: str, **form: str | list[str]) -> tuple[int, str]:
    answer = who.client.post(f"/{COUNTY}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, unescape(answer.headers.get("location") or answer.text)


def test_a_file_is_opened_on_its_page(office: uuid.UUID, person: Desk, db: Database) -> None:
    home = f"/households/{office}"
    first, second, boss = person("first"), person("second"), person("boss", role="case_approver")
    shown = page(first, home)
    for words in ("待初审", "下一步", "工资性收入", "1,200.00", "家庭月人均收入", "1,400.00 元", "没有登记授权与同意"):
        assert words in shown, words
    assert "受理" not in re.findall(r'<div class="acts">(.*?)</div>', shown, re.S)[0], "relief follows the file"
    assert page(first, "/").count("档案 · 待初审") == 1
    status, shown = send(first, f"{home}/steps", step="first_check", note="")
    assert status == 422
    assert "初审的情况" in shown
    assert send(first, f"{home}/steps", step="first_check", note="材料齐全")[0] == 303
    status, shown = send(first, f"{home}/steps", step="visit", note="家中三口，属实", evidence="12 号", done_on="昨天")
    assert status == 422
    assert "家中三口，属实" in shown, "nothing typed is lost"
    for kind in ("income_check_authorisation", "sensitive_information"):
        assert send(first, f"{home}/consents", kind=kind, reference="授 1 号", given_on=TODAY.isoformat())[0] == 303
    assert send(first, f"{home}/steps", step="visit", **WORDS["visit"])[0] == 303
    assert "须由未办理过" in page(first, home)
    assert send(first, f"{home}/steps", step="civil_affairs_check", **WORDS["civil_affairs_check"])[0] == 409
    assert send(second, f"{home}/steps", step="civil_affairs_check", **WORDS["civil_affairs_check"])[0] == 303
    assert "建档公示" in page(second, "/notices")
    assert send(second, "/notices/files", title="公示", household=[])[0] == 422
    status, notice = send(second, "/notices/files", title="建档公示", household=[str(office)])
    assert status == 303
    shown = page(second, notice.removeprefix(f"/{COUNTY}"))
    assert "困难职工建档" in shown
    assert "张三1" not in shown
    objections = f"{notice.removeprefix(f'/{COUNTY}')}/objections"
    assert send(second, objections, text="有房", case=str(office))[0] == 303
    assert send(second, objections, text="有房", case=str(uuid.uuid4()))[0] == 422
    assert send(first, f"{home}/steps", step="put_on_file")[0] == 404, "a decision is no clerk's step"
    assert send(first, f"{home}/decisions", step="put_on_file")[0] == 403
    assert send(boss, f"{home}/steps", step="first_check", note="x")[0] == 403
    stand_at(db, LATER)
    assert "尚未答复" in page(boss, home)
    asked = re.findall(rf"{objections}/([0-9a-f-]+)", page(boss, objections.removesuffix("/objections")))
    assert send(boss, f"{objections}/{asked[0]}", outcome="rejected", answer="经查无房")[0] == 303
    assert send(boss, f"{home}/decisions", step="put_on_file")[0] == 303
    shown = page(first, home)
    for words in ("在档", "审批建档", "民政核字 7 号", "受理"):
        assert words in shown, words


def test_a_consent_is_withdrawn_on_the_page_of_its_own_household(office: uuid.UUID, person: Desk, acting: Acting) -> None:
    clerk, home = person("clerk"), f"/households/{office}"
    with acting(COUNTY), unit_of_work() as session:
        other = plant_file(session, 2)
    send(clerk, f"{home}/consents", kind="personal_information", reference="同 1 号")
    with acting(COUNTY), unit_of_work() as session:
        paper = session.scalars(select(Consent.id)).one()
    assert send(clerk, f"/households/{other}/consents/{paper}/withdraw", why="不同意")[0] == 404
    assert send(clerk, f"{home}/consents/{paper}/withdraw", why=" ")[0] == 422
    assert send(clerk, f"{home}/consents/{paper}/withdraw", why="本人撤回")[0] == 303
    assert "本人撤回" in page(clerk, home)


def test_files_are_filtered_and_in_the_order_of_pinyin(office: uuid.UUID, person: Desk, acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        old = TODAY - timedelta(days=400)
        stale = plant_file(session, 2, "on_file", pinyin="an", updated_on=old)
        plant_file(session, 3, "on_file", pinyin="bai", former_kind="low_income", township="三圣乡", categories=["laid_off"])
        plant_file(session, 4, "on_file", pinyin="chen", kind="deep", former_kind="above_line")
        session.add(FileProposal(household_id=stale, kind="stale", since=old, found_on=TODAY))
    with acting(OTHER_COUNTY), unit_of_work() as session:
        foreign = plant_file(session, 5, "on_file")
    clerk = person("clerk")

    def names(query: str) -> list[str]:
        shown = page(clerk, f"/files{query}")
        return re.findall(r"data-open>([^<]+)</a>", shown)

    assert names("") == ["张三2", "张三3", "张三4", "张三1"]
    assert names("?stale=yes") == ["张三2"]
    assert names("?reassess=yes") == ["张三3"]
    assert names("?status=draft") == ["张三1"]
    assert names("?kind=deep") == ["张三4"]
    assert names("?proposed=stale") == ["张三2"]
    assert names("?township=三圣乡&category=laid_off&kind=&status=on_file") == ["张三3"]
    assert names("?township=none") == ["张三2", "张三4", "张三1"]
    shown = page(clerk, "/files?township=三圣乡&reassess=yes")
    assert "/files/printing?township=%E4%B8%89%E5%9C%A3%E4%B9%A1&reassess=yes" in shown
    assert "没有符合条件的档案" in page(clerk, "/files?kind=accident")
    shown = page(clerk, "/files")
    for words in ("待重新认定 1", "一年未更新 1", "登记新户", "原：低保户"):
        assert words in shown, words
    shown = page(clerk, f"/households/{stale}")
    assert "一年未更新" in shown
    assert send(clerk, f"/households/{stale}/proposals/stale", note="")[0] == 422
    assert send(clerk, f"/households/{stale}/steps", step="confirm_unchanged", note="电话核实")[0] == 303
    assert names("?stale=yes") == []
    assert page(clerk, f"/households/{foreign}", 404)
    assert send(clerk, f"/households/{foreign}/steps", step="confirm_unchanged", note="x")[0] == 404


def test_the_interface_makes_the_same_steps(office: uuid.UUID, person: Desk) -> None:
    clerk, reader = person("clerk"), person("reader", role="reviewer")
    base, token = f"/api/v1/{COUNTY}/households/{office}", {"X-CSRF-Token": clerk.csrf}
    listed = clerk.client.get(f"/api/v1/{COUNTY}/households?status=draft&limit=1").json()
    assert [row["former_kind"] for row in listed["items"]] == [None]
    [member] = clerk.client.get(base).json()["members"]
    assert (member["monthly_income_fen"], member["income"]["income_wage_fen"]) == (140_000, 120_000)
    life = clerk.client.get(f"{base}/life").json()
    assert life["status"] == "draft"
    assert {one["step"]: one["mine"] for one in life["next"]}["refuse"] is False
    made = clerk.client.post(f"{base}/steps", json={"step": "first_check", "note": "齐"}, headers=token)
    assert made.json()["status"] == "first_checked"
    assert clerk.client.post(f"{base}/steps", json={"step": "put_on_file"}, headers=token).status_code == 404
    assert clerk.client.post(f"{base}/decisions", json={"step": "refuse"}, headers=token).status_code == 403
    paper = {"kind": "public_notice", "reference": "告 1 号"}
    signed = clerk.client.post(f"{base}/consents", json=paper, headers=token)
    assert signed.status_code == 201
    back = f"{base}/consents/{signed.json()['id']}/withdraw"
    assert clerk.client.post(back, json={"why": "撤回"}, headers=token).json()["withdrawn_on"] == TODAY.isoformat()
    assert len(reader.client.get(f"{base}/consents").json()["items"]) == 1
    assert reader.client.get(f"/api/v1/{COUNTY}/households/{uuid.uuid4()}/consents").status_code == 404
    refused = reader.client.post(f"{base}/consents", json=paper, headers={"X-CSRF-Token": reader.csrf})
    assert refused.status_code == 403
