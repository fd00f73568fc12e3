"""Every use of a right is on record: each page and resource that shows persons leaves its row, or shows nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select, text

from core.db.session import unit_of_work
from core.exchange.envelopes import deliver
from core.exchange.identity_queries import ask_province
from core.exchange.models import IdentityMark
from core.exchange.query_models import IdentityQuery
from core.host.manager import host
from core.jobs.runner import run_inline
from core.parameters.forecasts import forecast
from core.parameters.proposals import propose
from core.parameters.service import NewParameter
from core.people.duplicates.models import DuplicateProposal
from core.people.employers.service import save_employer
from core.people.imports.service import send
from core.people.models import WorkerFile
from core.people.papers.attachments import NewPaper, add_paper
from core.people.service import reveal
from core.rights.requests import NewRequest, register
from core.scope import entered
from core.tenancy.keys import tokens
from core.trail import use
from core.trail.models import PermissionUse, ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database, scope_of
from tests.core.lines import LINES, papers, permissions, post
from tests.core.rosters import family, workbook
from tests.web.conftest import Desk, Person
from tests.web.county import LATER, Acting, Planted, plant
from tests.web.line_rows import OTHERS, plant_other_lines
from tests.web.routes import Found, routes_of
from tests.web.test_pages import every_post

WITHOUT_A_ROW_HERE = {"/{tenant}/cases/handlers/{change_id}"}
"""Addresses of things that the planted county has none of."""


@pytest.fixture
def planted(app: FastAPI, db: Database, acting: Acting, roster: Path) -> Planted:
    return plant(db, acting, roster)


def _rows(tenant: str = COUNTY) -> Sequence[ReadLog]:
    with entered(scope_of(tenant)), unit_of_work() as session:
        return session.scalars(select(ReadLog).order_by(ReadLog.id)).all()


def _uses(actor: uuid.UUID) -> dict[str, date]:
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        rows = session.execute(
            select(PermissionUse.permission, PermissionUse.last_used_on).where(PermissionUse.actor == str(actor))
        )
        return dict(rows.all())


def _document(acting: Acting, planted: Planted) -> uuid.UUID:
    from core.cases.models import Case
    from core.documents.models import Document

    with post(acting, "clerk"), unit_of_work() as session:
        papers(session, list(session.scalars(select(Case).where(Case.id == planted.job_seeker))))
        session.flush()
        found = session.scalars(select(Document.id).where(Document.case_id == planted.job_seeker)).first()
        assert found is not None
        return found


def _proposal(acting: Acting) -> uuid.UUID:
    """A figure's change, with what would follow for whom."""
    with acting(COUNTY, actor="clerk", permissions=permissions(), plugins=LINES | host().always_on, on=LATER):
        with unit_of_work() as session:
            made = propose(session, NewParameter("minimum_living_standard", LATER, 90_000, "会议纪要", ""), reason="提标").id
        with unit_of_work() as session:
            forecast(session, made)
    return made


def _request(acting: Acting, planted: Planted) -> uuid.UUID:
    """That a worker wants to know who looked at the file."""
    with post(acting, "clerk", on=LATER), unit_of_work() as session:
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == planted.household)).one()
        return register(session, NewRequest("view_log", planted.household, worker, "身份证原件")).id


def _employer(acting: Acting) -> uuid.UUID:
    """An employer on the county's list."""
    with acting(), unit_of_work() as session:
        return save_employer(session, None, {"name": "锦江纺织厂"}).id


def _scan(acting: Acting, planted: Planted) -> uuid.UUID:
    """A paper of the planted household's file."""
    rights = frozenset({"people.write", "document.add"})
    with acting(COUNTY, actor="clerk", permissions=rights, on=LATER), unit_of_work() as session:
        return add_paper(session, planted.household, NewPaper("income_proof", "", b"%PDF-1.7 a scan")).id


def _worker(acting: Acting, planted: Planted) -> uuid.UUID:
    """The worker of the planted household."""
    with acting(), unit_of_work() as session:
        return session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == planted.household)).one()


def _import(acting: Acting) -> uuid.UUID:
    """A spreadsheet that was checked and waits to be committed."""
    with post(acting, "clerk"), unit_of_work() as session:
        made = send(session, "名册.xlsx", workbook(family(1))).made
        assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    return made.id


def _pair(acting: Acting) -> uuid.UUID:
    """Two persons who may be one."""
    with acting(on=LATER), unit_of_work() as session:
        first, second = session.scalars(select(WorkerFile.worker_id).order_by(WorkerFile.worker_id).limit(2))
        made = DuplicateProposal(first_id=first, second_id=second, score=70, reasons=["name"], found_on=LATER)
        session.add(made)
        session.flush()
        return made.id


def _question(acting: Acting, planted: Planted, worker: uuid.UUID) -> uuid.UUID:
    """A county's question to the province about a worker who is on file elsewhere too."""
    with acting(on=LATER), unit_of_work() as session:
        digest = tokens().identity_index_hash(reveal(session, worker, "identity_number", "核对"))
    with acting(OTHER_COUNTY, on=LATER), unit_of_work() as session:
        session.add(IdentityMark(province=PROVINCE, hash=digest, year=2025, matter="on_file"))
    rights = frozenset({"people.read", "people.reveal"})
    with acting(COUNTY, actor="clerk", permissions=rights, on=LATER), unit_of_work() as session:
        asked = ask_province(session, planted.household, worker, "自述在外县建档")
    assert asked is not None
    deliver(COUNTY, {"envelope": str(asked.envelope_id)})
    with acting(PROVINCE, on=LATER), unit_of_work() as session:
        return session.scalars(select(IdentityQuery.id)).one()


def _personal() -> frozenset[str]:
    return frozenset(found.code for found in host().collected("bangfu_permissions") if found.personal)


def _reading(app: FastAPI) -> list[Found]:
    """Routes that show persons, of the core and of every line that is installed."""
    return [route for route in routes_of(app) if route.of_tenant and route.method == "GET" and route.permissions & _personal()]


@pytest.mark.slow
def test_every_reading_route_with_persons_leaves_its_row(
    app: FastAPI, planted: Planted, person: Desk, acting: Acting, db: Database
) -> None:
    others = plant_other_lines(db, acting, planted.household)
    readers = {COUNTY: every_post(person), PREFECTURE: every_post(person, "above", PREFECTURE)}
    readers[PROVINCE] = every_post(person, "top", PROVINCE)
    rows = {
        "household_id": planted.household,
        "case_id": planted.job_seeker,
        "document_id": _document(acting, planted),
        "envelope_id": planted.matter,
        "finding_id": planted.finding,
        "year": 2025,
        "proposal_id": _proposal(acting),
        "import_id": _import(acting),
        "request_id": _request(acting, planted),
        "employer_id": _employer(acting),
        "person_id": _worker(acting, planted),
        "duplicate_id": _pair(acting),
        "query_id": _question(acting, planted, _worker(acting, planted)),
        **others,
    }
    scan = _scan(acting, planted)
    batches = {"/notices/": planted.notice, "/payments/": planted.batch}
    seen = set()
    for route in _reading(app):
        if route.path in WITHOUT_A_ROW_HERE:
            continue
        batch = next((row for part, row in batches.items() if part in route.path), None)
        # what was handed over is shown where it arrived
        tenant = PREFECTURE if "envelope_id" in route.path else PROVINCE if "/identity-queries" in route.path else COUNTY
        paper = others["list_id"] if "/lists/" in route.path else rows["document_id"]
        paper = scan if "/papers/" in route.path else paper
        named = {**rows, "tenant": tenant, "batch_id": batch, "document_id": paper}
        url = route.url(tenant).split("?")
        address = route.path.format_map(named) + "".join(f"?{query}" for query in url[1:])
        before = len(_rows(tenant))
        answer = readers[tenant].client.get(address)
        assert answer.status_code == 200, (address, answer.text[-500:])
        *_, last = _rows(tenant)
        assert len(_rows(tenant)) == before + 1, address
        assert (last.what, last.actor) == (route.path.replace("/{tenant}", ""), str(readers[tenant].account_id))
        assert last.permission in route.permissions, address
        row = [named[name.strip("{}")] for name in route.path.split("/") if name.endswith("_id}")]
        assert last.subject_id == (row[-1] if row else None), address
        assert (last.subject_kind == use.LIST) == (not row), address
        seen.add(route.plugin)
    assert seen >= {None, *OTHERS}


def _search(who: Person, text: str = "王") -> int:
    form = {"csrf_token": who.csrf, "q": text}
    return who.client.post(f"/{COUNTY}/find", data=form).status_code


def test_a_search_is_a_look(planted: Planted, person: Desk) -> None:
    clerk = person("clerk")
    assert _search(clerk) == 200
    assert [(row.what, row.subject_kind, row.subject_id) for row in _rows()] == [("/find", use.LIST, None)]


def test_what_was_not_shown_is_no_look(planted: Planted, person: Desk) -> None:
    clerk, leader = person("clerk"), person("leader", role="leader")
    assert clerk.client.get(f"/{COUNTY}/households/{uuid.uuid4()}").status_code == 404
    assert leader.client.get(f"/{COUNTY}/households/{planted.household}").status_code == 403
    assert leader.client.get(f"/{COUNTY}/").status_code == 200
    assert _rows() == []
    assert clerk.client.get(f"/{COUNTY}/cases/new?workflow=living_relief&household={planted.household}").status_code == 200
    assert (_rows()[-1].subject_kind, _rows()[-1].subject_id) == ("household", planted.household)


def test_a_page_that_is_drawn_again_with_a_refusal_is_a_look(
    planted: Planted, person: Desk, acting: Acting, db: Database
) -> None:
    clerk, worker = person("clerk"), str(_worker(acting, planted))
    address = f"/{COUNTY}/households/{planted.household}/reveal"

    def post_reason(reason: str, **whom: str) -> int:
        form = {"csrf_token": clerk.csrf, "field": "phone", "reason": reason, **whom}
        return clerk.client.post(address, data=form).status_code

    assert post_reason("长" * 501) == 422  # refused before the page: an error's own page shows nobody
    assert _rows() == []
    assert [post_reason(" ", person_id=worker), post_reason("核对")] == [422, 404]
    rows = _rows()
    assert [(row.what, row.subject_id) for row in rows] == [("/households/{household_id}/reveal", planted.household)] * 2
    assert all(row.shown for row in rows)
    with db.owner.begin() as connection:
        connection.execute(text("revoke insert on read_log from bangfu_app"))
    try:
        assert post_reason(" ") == 500
    finally:
        with db.owner.begin() as connection:
            connection.execute(text("grant insert on read_log to bangfu_app"))


def test_where_the_row_cannot_be_written_nothing_is_shown(planted: Planted, person: Desk, db: Database) -> None:
    clerk = person("clerk")
    with db.owner.begin() as connection:
        connection.execute(text("revoke insert on read_log from bangfu_app"))
    try:
        for address in (f"/{COUNTY}/households/{planted.household}", f"/api/v1/{COUNTY}/households/{planted.household}"):
            page = clerk.client.get(address)
            assert page.status_code == 500
            assert "household" not in page.text.replace(address, "")
        assert _search(clerk) == 500
    finally:
        with db.owner.begin() as connection:
            connection.execute(text("grant insert on read_log to bangfu_app"))
    assert clerk.client.get(f"/{COUNTY}/households/{planted.household}").status_code == 200


def test_the_day_of_last_use_is_noted_once_a_day(planted: Planted, person: Desk, db: Database) -> None:
    clerk = person("clerk")
    address = f"/{COUNTY}/households/{planted.household}"
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "permission_use" in statement:
            written.append(statement)

    event.listen(db.app, "before_cursor_execute", note)
    try:
        for _ in range(3):
            assert clerk.client.get(address).status_code == 200
    finally:
        event.remove(db.app, "before_cursor_execute", note)
    assert len(written) == 1
    assert _uses(clerk.account_id)["people.read"] == LATER


def test_a_change_is_no_look_and_a_right_that_a_service_asks_for_counts_as_used(planted: Planted, person: Desk) -> None:
    petitions = person("xinfang", role="petition_handler")
    form = {"csrf_token": petitions.csrf, "version": "1", "note": "材料齐全，予以受理"}
    petitions.client.get(f"/{COUNTY}/cases/{planted.petition}")
    before, looks = _uses(petitions.account_id), len(_rows())
    assert "petitions.handle" not in before
    made = petitions.client.post(f"/{COUNTY}/cases/{planted.petition}/steps/accept", data=form)
    assert made.status_code == 303, made.text[-800:]
    assert "petitions.handle" in _uses(petitions.account_id)
    assert len(_rows()) == looks == 1


def test_a_use_that_cannot_be_noted_stops_no_change(
    planted: Planted, person: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    boss = person("boss", role="tenant_admin")

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(use, "note_permissions", broken)
    assert boss.client.get(f"/{COUNTY}/staff").status_code == 200
    assert "not noted" in caplog.text
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(PermissionUse)) == 0
