"""A post that a service line brings reads the cases of that line alone; of any other line, a case is not there."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from core.cases.models import Case
from core.cases.service import advance, case_view, due_counts, due_items
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import read_document, withdraw_document
from core.errors import NotFound
from core.exchange.matters import hand_over
from core.identity.mapping import map_permission
from core.identity.service import case_lines_of, scope_for
from core.scope import entered
from deploy.sample.generate import generate
from tests.conftest import COUNTY, Database
from tests.core.lines import papers, post
from tests.core.staffing import WHY
from tests.web.conftest import Desk, Person
from tests.web.county import LATER, Acting, Planted, plant
from tests.web.test_pages import counted

LINES_OF = {"employment_officer": "employment", "legal_aid_lawyer": "legal_aid", "petition_handler": "petitions"}


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY], households=16)[0]


@pytest.fixture
def planted(app: FastAPI, db: Database, acting: Acting, roster: Path) -> Planted:
    return plant(db, acting, roster)


def _numbers(acting: Acting) -> dict[str, str]:
    with post(acting, "clerk"), unit_of_work() as session:
        return {case.plugin: case.number for case in session.scalars(select(Case))}


def _paper(acting: Acting, case_id: uuid.UUID) -> uuid.UUID:
    with post(acting, "clerk"), unit_of_work() as session:
        papers(session, list(session.scalars(select(Case).where(Case.id == case_id))))
        return session.scalars(select(Document.id).where(Document.case_id == case_id)).first() or uuid.UUID(int=0)


def _lines_listed(who: Person) -> set[str]:
    return {item["plugin"] for item in who.client.get(f"/api/v1/{COUNTY}/cases?limit=200").json()["items"]}


def test_each_line_for_its_own_post_and_all_for_the_posts_of_the_county(planted: Planted, person: Desk) -> None:
    everything = {"living_relief", "employment", "petitions"}
    for role in ("caseworker", "reviewer", "case_approver", "vice_chair_in_charge", "auditor"):
        assert _lines_listed(person(role, role=role)) == everything, role
    for role, line in LINES_OF.items():
        assert _lines_listed(person(role, role=role)) == everything & {line}, role


def test_a_case_of_another_line_is_not_there(planted: Planted, person: Desk, acting: Acting) -> None:
    officer, number, petition = person("zhijie", role="employment_officer"), _numbers(acting), planted.petition
    client, token = officer.client, {"X-CSRF-Token": officer.csrf}
    paper = _paper(acting, planted.relief)
    for place in (
        f"/{COUNTY}/cases/{petition}",
        f"/api/v1/{COUNTY}/cases/{petition}",
        f"/{COUNTY}/cases/{planted.relief}/documents/{paper}",
        f"/{COUNTY}/cases/{planted.relief}",
    ):
        assert client.get(place).status_code == 404, place
    made = client.post(f"/api/v1/{COUNTY}/cases/{petition}/transitions/accept", headers=token | {"If-Match": '"1"'})
    assert made.status_code == 404
    assert number["petitions"] not in client.get(f"/{COUNTY}/cases?line=petitions").text
    page = client.get(f"/{COUNTY}/cases").text
    assert number["employment"] in page
    assert number["petitions"] not in page
    assert number["living_relief"] not in page
    home = client.get(f"/{COUNTY}/").text
    assert f"/{COUNTY}/cases?line=employment" in home
    assert "line=petitions" not in home
    assert client.get(f"/{COUNTY}/cases/{planted.job_seeker}").status_code == 200


def test_services_keep_to_the_line_whatever_the_door(planted: Planted, person: Desk, acting: Acting) -> None:
    officer = person("zhijie", role="employment_officer")
    mine, paper = _paper(acting, planted.job_seeker), _paper(acting, planted.relief)
    with entered(scope_for(officer.account_id, COUNTY)), unit_of_work() as session:
        assert read_document(session, mine)[0].case_id == planted.job_seeker
        for refused in (
            lambda: case_view(session, planted.petition),
            lambda: advance(session, [planted.petition], "accept", "受理"),
            lambda: read_document(session, paper),
            lambda: withdraw_document(session, paper, "重复"),
        ):
            with pytest.raises(NotFound):
                refused()
        assert {item.plugin for item in due_items(session, LATER)} <= {"employment"}
        assert sum(due_counts(session, LATER).values()) == len(due_items(session, LATER, limit=500))
    handler = person("xinfang", role="petition_handler")
    with entered(scope_for(handler.account_id, COUNTY)), unit_of_work() as session, pytest.raises(NotFound):
        hand_over(session, planted.job_seeker, "510100", "涉及两个县")


def test_whoever_gets_a_right_in_a_line_reads_its_cases(planted: Planted, person: Desk) -> None:
    officer, boss = person("zhijie", role="employment_officer"), person("boss", role="tenant_admin")
    assert scope_for(officer.account_id, COUNTY).case_lines == frozenset({"employment"})
    with entered(scope_for(boss.account_id, COUNTY)), unit_of_work() as session:
        map_permission(session, "petitions.register", "employment_officer", granted=True, reason=WHY)
    assert scope_for(officer.account_id, COUNTY).case_lines == frozenset({"employment", "petitions"})
    assert _lines_listed(officer) == {"employment", "petitions"}


def test_posts_together_read_what_each_reads() -> None:
    on = frozenset({"employment", "legal_aid", "petitions"})
    assert case_lines_of(["employment_officer", "legal_aid_lawyer"], on) == frozenset({"employment", "legal_aid"})
    assert case_lines_of(["employment_officer", "auditor"], on) is None
    # who keeps the money reads no cases: that takes nothing from, and adds nothing to, what the other post reads
    assert case_lines_of(["employment_officer", "payer"], on) == frozenset({"employment"})
    assert case_lines_of(["employment_officer"], frozenset()) == frozenset({"employment"}), "old cases of a line that is off"
    assert case_lines_of(["payer"], on) is None


def test_reading_by_line_asks_the_database_no_more(planted: Planted, person: Desk, db: Database) -> None:
    officer, clerk = person("zhijie", role="employment_officer"), person("clerk")
    counts = []
    for who in (officer, clerk):
        who.client.get(f"/{COUNTY}/cases")
        with counted(db) as sent:
            assert who.client.get(f"/{COUNTY}/cases?line=employment").status_code == 200
        counts.append(len(sent))
    assert counts[0] <= counts[1]
