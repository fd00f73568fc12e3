"""The log by subject and right, who signed in, and the file that an auditor takes away."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.cases.models import Case
from core.db.session import unit_of_work
from core.identity.local import prove
from core.scope import entered
from core.trail.models import ReadLog
from core.trail.service import record, record_page, record_read
from core.web.pages import log
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database, scope_of
from tests.core.lines import install, job_seeker, post
from tests.core.staffing import stand_at
from tests.web.conftest import PASSWORD, Desk, Person
from tests.web.county import Acting

HOUSEHOLD = uuid.UUID(int=11)


@pytest.fixture(autouse=True)
def office(app: FastAPI, db: Database) -> None:
    install(db)
    stand_at(db)


def _page(who: Person, path: str, tenant: str = COUNTY) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.text


def _file(who: Person, query: str = "", tenant: str = COUNTY) -> list[list[str]]:
    answer = who.client.get(f"/{tenant}/log/file{query}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(answer.text[1:])))


def _looks(count: int = 1) -> None:
    with entered(scope_of(COUNTY, actor="system:test")), unit_of_work() as session:
        for _ in range(count):
            record_page(session, "/households/{household_id}", "people.read", "household", HOUSEHOLD)
        record_page(session, "/cases", "case.read", "list", None)


def test_looks_are_found_by_subject_and_by_right(person: Desk) -> None:
    auditor = person("shenji", role="auditor")
    _looks()
    both = _page(auditor, "/log?what=reads")
    assert "/households/{household_id}" in both
    assert "permission=case.read" in both
    only = _page(auditor, f"/log?what=reads&subject={HOUSEHOLD}")
    assert ("permission=people.read" in only, "permission=case.read" in only) == (True, False)
    only = _page(auditor, "/log?what=reads&permission=case.read")
    assert ("permission=people.read" in only, "permission=case.read" in only) == (False, True)
    assert "permission=people.read" in _page(auditor, "/log?what=reads&action=/households/")
    assert "没有符合条件的记录" in _page(auditor, "/log?permission=case.read")


def test_changes_are_found_by_the_number_of_the_case(person: Desk, acting: Acting, tmp_path: Path) -> None:
    auditor = person("shenji", role="auditor")
    with post(acting, "clerk"), unit_of_work() as session:
        one, other = job_seeker(session, 2)
        numbers, ids = (one.number, other.number), (one.id, other.id)
    found = _page(auditor, f"/log?subject={numbers[0].lower()}")
    assert (str(ids[0]) in found, str(ids[1]) in found) == (True, False)
    assert "没有符合条件的记录" in _page(auditor, "/log?subject=XX2025-000001")
    elsewhere = person("far", tenant=OTHER_COUNTY, role="auditor")
    assert "没有符合条件的记录" in _page(elsewhere, f"/log?subject={numbers[0]}", OTHER_COUNTY)
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.scalars(select(Case.number)).all()


def test_sign_ins_are_seen_by_the_tenants_of_the_account_s_posts(person: Desk) -> None:
    auditor, far = person("shenji", role="auditor"), person("far", tenant=OTHER_COUNTY, role="auditor")
    reader = person("guan", tenant=PROVINCE, role="audit_administrator")
    person("jing")
    assert prove("jing", "wrong", address="10.9.8.7") is None
    assert prove("typed-by-mistake", "x", address="10.6.6.6") is None
    here = _page(auditor, "/log?what=sign_ins")
    assert "sign_in.refused" in here
    assert "address=10.9.8.7" in here
    assert "10.6.6.6" not in here
    assert "10.9.8.7" not in _page(far, "/log?what=sign_ins", OTHER_COUNTY)
    top = _page(reader, "/log?what=sign_ins", PROVINCE)
    assert "无此账号" in top
    assert "10.6.6.6" in top
    assert "10.9.8.7" in _page(reader, f"/log?what=sign_ins&of={COUNTY}", PROVINCE)
    only = _page(auditor, "/log?what=sign_ins&actor=jing&action=sign_in.refused")
    assert ("10.9.8.7" in only, "员工shenji" in only.split("<table")[1]) == (True, False)
    assert "没有符合条件的记录" in _page(auditor, "/log?what=sign_ins&day=2020-01-01")
    assert "没有符合条件的记录" in _page(auditor, "/log?what=sign_ins&actor=system:audit")


def test_a_slowed_down_guesser_is_on_record_once(person: Desk, browser: object, app: FastAPI) -> None:
    reader, _ = person("guan", tenant=PROVINCE, role="audit_administrator"), person("jing", tenant=PROVINCE)
    guesser = TestClient(app, follow_redirects=False)
    form = guesser.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
    statuses = [
        guesser.post("/sign-in", data={"login": "jing", "password": f"wrong{n}", "csrf_token": form}).status_code
        for n in range(9)
    ]
    assert statuses[-1] == 429
    found = _file(reader, "?what=sign_ins&actor=jing", PROVINCE)
    outcomes = [row[5] for row in found[1:]]
    assert outcomes.count("sign_in.throttled") == 1
    assert outcomes.count("sign_in.refused") == statuses.count(422)
    assert PASSWORD not in str(found)


def test_the_file_holds_what_the_filters_say_and_taking_it_is_on_record(person: Desk) -> None:
    auditor = person("shenji", role="auditor")
    _looks()
    head, *rows = _file(auditor, f"?what=reads&subject={HOUSEHOLD}")
    assert head[0] == "时间"
    assert [(row[3], row[5], row[6], row[8]) for row in rows] == [
        ("system:test", "/households/{household_id}", "查看困难职工档案", str(HOUSEHOLD))
    ]
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        taken = session.scalars(select(ReadLog).where(ReadLog.what == "log.reads")).one()
    assert (taken.actor, taken.subject_kind) == (str(auditor.account_id), "log")
    clerk = person("jing")
    assert clerk.client.get(f"/{COUNTY}/log/file").status_code == 403


def test_the_file_ends_at_its_limit_and_says_so(person: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = person("shenji", role="auditor")
    _looks(25)
    monkeypatch.setattr(log, "_CHUNK", 10)
    assert len(_file(auditor, "?what=reads&permission=people.read")) == 1 + 25
    monkeypatch.setattr(log, "MOST_LINES", 20)
    rows = _file(auditor, "?what=reads&permission=people.read")
    assert len(rows) == 1 + 20 + 1
    assert rows[-1] == ["只含最新的 20 条；更早的请按日期分次导出"]
    assert "一次最多 20 条" in _page(auditor, "/log")


def test_acts_are_told_in_words_and_found_by_them(person: Desk) -> None:
    auditor = person("shenji", role="auditor")
    with entered(scope_of(COUNTY, actor="system:test")), unit_of_work() as session:
        record(session, "parameter.set", "parameter", None, {"n": 1})
        record(session, "case.approve", "case", None, {"n": 2})
        record(session, "stranger.done", "thing", None, {"n": 3})
    page = _page(auditor, "/log?actor=system:test")
    assert '<td>设定政策参数 <span class="sub">parameter.set</span></td>' in page
    assert '<td>审批同意 <span class="sub">case.approve</span></td>' in page
    assert "<td>stranger.done</td>" in page
    assert '<option value="parameter.set">设定政策参数</option>' in page
    for asked in ("设定政策参数", "parameter.set"):
        only = _page(auditor, f"/log?actor=system:test&action={asked}").split("<table")[1]
        assert ("n=1" in only, "n=2" in only, "n=3" in only) == (True, False, False)
    rows = _file(auditor, "?actor=system:test")[1:]
    assert {(row[5], row[6]) for row in rows} == {
        ("parameter.set", "设定政策参数"),
        ("case.approve", "审批同意"),
        ("stranger.done", ""),
    }
    tried = _page(auditor, "/log?what=sign_ins&actor=shenji&action=登录成功")
    assert '登录成功 <span class="sub">sign_in.signed_in</span>' in tried
    assert "sign_in.refused</span>" not in tried
    assert '<td>figure of policy set <span class="sub">parameter.set</span></td>' in _page(auditor, "/log?lang=en")


def test_no_cell_of_the_file_is_a_formula(person: Desk) -> None:
    auditor = person("shenji", role="auditor")
    with entered(scope_of(COUNTY, actor="system:test")), unit_of_work() as session:
        record(session, "=cmd", "thing", None, {"n": 1})
        record_read(session, "+1", "thing", None, "核对")
    assert _file(auditor, "?action==cmd")[1][5] == "'=cmd"
    assert "'+1" in [row[5] for row in _file(auditor, "?what=reads")]
