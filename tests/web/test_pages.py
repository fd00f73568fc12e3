"""Every page of a tenant over a planted county: rendered, masked, refused abroad, and with few questions to the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select, update

from core.cases.models import Case
from core.db.session import reference_work, unit_of_work
from core.exchange.identity_index import mark
from core.exchange.matters import ANSWER
from core.exchange.models import Envelope
from core.identity.models import Post
from core.identity.service import give_post
from core.people.repository import household_view
from core.people.service import reveal
from core.tenancy.keys import tokens
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, Database
from tests.core.lines import post
from tests.web.conftest import SINCE, Desk, Person
from tests.web.county import Acting, Planted, deliver_all, plant

ROLES = (
    "reviewer",
    "case_approver",
    "fund_manager",
    "payment_approver",
    "payer",
    "auditor",
    "tenant_admin",
    "petition_handler",
)
FULL_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9X](?![0-9])")


@pytest.fixture
def planted(app: FastAPI, db: Database, acting: Acting, roster: Path) -> Planted:
    return plant(db, acting, roster)


def every_post(person: Desk, login: str = "everybody", tenant: str = COUNTY) -> Person:
    """An account that sees every page of a county: it holds posts that exclude each other, which no act would give."""
    made = person(login, tenant=tenant)
    with reference_work() as session:
        for role in ROLES:
            session.add(Post(account_id=made.account_id, tenant_code=tenant, role=role, title=role, valid_from=SINCE))
    return made


def addresses(planted: Planted) -> list[str]:
    """Every page of the county."""
    return [
        "/",
        "/deadlines",
        "/files",
        "/files?kind=deep",
        f"/households/{planted.household}",
        "/find",
        "/cases",
        "/cases?line=living_relief&state=noticed",
        f"/cases/{planted.relief}",
        f"/cases/{planted.petition}",
        f"/cases/{planted.job_seeker}",
        "/cases/new?workflow=petition",
        f"/cases/new?workflow=living_relief&household={planted.household}",
        "/cases/new?workflow=living_relief",
        "/notices",
        f"/notices/{planted.notice}",
        "/funds",
        "/funds?year=2024",
        f"/funds/payments/{planted.batch}",
        "/jobs",
        f"/jobs/{planted.job}",
        f"/jobs/{planted.job}/progress",
        "/audit/findings",
        "/audit/findings?state=open",
        "/matters",
        "/plugins",
        "/plugins/petitions",
    ]


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements that the application sends meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(db.app, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.app, "before_cursor_execute", note)


def test_every_page_stands_and_shows_no_full_number(planted: Planted, person: Desk, db: Database) -> None:
    everybody = every_post(person)
    foreign = person("foreign", tenant=OTHER_COUNTY)
    for address in addresses(planted):
        with counted(db) as sent:
            page = everybody.client.get(f"/{COUNTY}{address}")
        assert page.status_code == 200, (address, page.text[-2000:])
        assert not FULL_NUMBER.search(page.text), address
        assert " style=" not in page.text, address
        # A household's page has a dozen parts; once a minute the sign-in notes that it is used.
        assert len(sent) <= 50, (address, len(sent))
        assert foreign.client.get(f"/{COUNTY}{address}").status_code == 404, address


def test_lists_ask_the_same_number_of_questions_however_long_they_are(planted: Planted, person: Desk, db: Database) -> None:
    everybody = every_post(person)
    for long, short in (
        ("/files", "/files?kind=accident"),
        ("/cases", "/cases?line=legal_aid"),
        ("/funds", "/funds?year=2024"),
    ):
        asked = []
        for address in (long, short):
            with counted(db) as sent:
                assert everybody.client.get(f"/{COUNTY}{address}").status_code == 200
            asked.append(len(sent))
        assert asked[0] <= asked[1] + 3, (long, asked)


def test_a_value_is_revealed_with_a_reason_and_the_look_is_recorded(planted: Planted, person: Desk, acting: Acting) -> None:
    everybody = person("clerk")
    url = f"/{COUNTY}/households/{planted.household}"
    with post(acting, "test"), unit_of_work() as session:
        view = household_view(session, planted.household)
        assert view is not None
        member = view.members[0].person.id
    form = {"csrf_token": everybody.csrf, "person_id": str(member), "field": "identity_number"}
    refused = everybody.client.post(f"{url}/reveal", data=form | {"reason": " "})
    assert refused.status_code == 422
    assert not FULL_NUMBER.search(refused.text)
    shown = everybody.client.post(f"{url}/reveal", data=form | {"reason": "核对发放账户"})
    assert shown.status_code == 200
    assert FULL_NUMBER.search(shown.text)
    assert shown.headers["cache-control"] == "no-store"
    with post(acting, "test"), unit_of_work() as session:
        # the page around the value is a look of its own
        assert session.scalars(select(ReadLog.reason).where(ReadLog.reason != "")).all() == ["核对发放账户"]


def test_a_clerk_learns_that_somebody_is_aided_elsewhere_and_nothing_more(
    planted: Planted, person: Desk, acting: Acting
) -> None:
    everybody = person("clerk")
    url = f"/{COUNTY}/households/{planted.household}"
    with post(acting, "test") as scope, unit_of_work() as session:
        view = household_view(session, planted.household)
        assert view is not None
        member = view.members[0].person.id
        number = reveal(session, member, "identity_number", "试")
        year = scope.business_date.year
    form = {"csrf_token": everybody.csrf, "person_id": str(member), "reason": "受理前核查"}
    refused = everybody.client.post(f"{url}/elsewhere", data=form | {"reason": " "})
    assert refused.status_code == 422
    before = everybody.client.post(f"{url}/elsewhere", data=form)
    assert "未在其他单位建档，今年和去年未在其他单位受助" in before.text
    with acting(OTHER_COUNTY), unit_of_work() as session:
        mark(session, [tokens().identity_index_hash(number)], year, "aided:yearly_living")
    after = everybody.client.post(f"{url}/elsewhere", data=form)
    told = after.text
    assert "未在其他单位建档，今年和去年曾在其他单位受助" in told
    # What is said of a person is not left in a cookie.
    assert "set-cookie" not in after.headers
    assert OTHER_COUNTY not in told
    assert not FULL_NUMBER.search(told)


def test_people_are_found_by_name_and_by_a_whole_number(planted: Planted, person: Desk, acting: Acting, db: Database) -> None:
    worker = person("clerk")
    with post(acting, "test"), unit_of_work() as session:
        view = household_view(session, planted.household)
        assert view is not None
        member = view.members[0].person
        name, number = member.name, reveal(session, member.id, "identity_number", "试")
    for typed in (name, number):
        with counted(db) as sent:
            page = worker.client.post(f"/{COUNTY}/find", data={"csrf_token": worker.csrf, "q": typed})
        assert f"/{COUNTY}/households/{planted.household}" in page.text
        assert not FULL_NUMBER.search(page.text)
        assert len(sent) <= 45
        part = worker.client.post(
            f"/{COUNTY}/find", data={"q": typed}, headers={"HX-Request": "true", "X-CSRF-Token": worker.csrf}
        )
        assert name in part.text


def test_a_case_is_opened_once_by_its_form_and_moved_along(planted: Planted, person: Desk) -> None:
    worker = every_post(person)
    form = {
        "csrf_token": worker.csrf,
        "workflow": "petition",
        "opening_key": "once",
        "applicant": "吴敏",
        "field.kind": "settlement",
        "field.channel": "visit",
        "field.subject": "工资",
    }
    refused = worker.client.post(f"/{COUNTY}/cases/new", data=form)
    assert refused.status_code == 422
    assert "吴敏" in refused.text
    form["field.content"] = "拖欠工资两个月"
    first = worker.client.post(f"/{COUNTY}/cases/new", data=form)
    again = worker.client.post(f"/{COUNTY}/cases/new", data=form)
    assert (first.status_code, again.headers["location"]) == (303, first.headers["location"])
    url = first.headers["location"]
    assert "已登记" in worker.client.get(url).text
    step = {"csrf_token": worker.csrf, "version": "1", "note": "材料齐全"}
    late = worker.client.post(f"{url}/steps/accept", data=step | {"version": "0"})
    assert late.status_code == 412
    assert "材料齐全" in late.text
    paper = {"paper": ("a.pdf", b"%PDF-1.7\n% a paper\n", "application/pdf")}
    added = worker.client.post(f"{url}/documents", data={"csrf_token": worker.csrf, "kind": "identity_card"}, files=paper)
    assert added.status_code == 303


def test_a_paper_is_withdrawn_under_its_own_case_alone(planted: Planted, person: Desk) -> None:
    worker = person("clerk")
    token = {"csrf_token": worker.csrf}
    own, other = (f"/{COUNTY}/cases/{case}" for case in (planted.job_seeker, planted.petition))
    paper = {"paper": ("a.pdf", b"%PDF-1.7\n% a paper\n", "application/pdf")}
    assert worker.client.post(f"{own}/documents", data=token | {"kind": "photo"}, files=paper).status_code == 303
    document = re.findall(r"/documents/([0-9a-f-]{36})", worker.client.get(own).text)[0]
    said = token | {"reason": "照片不清"}
    assert worker.client.get(f"{other}/documents/{document}").status_code == 404
    assert worker.client.post(f"{other}/documents/{document}/withdraw", data=said).status_code == 404
    assert worker.client.post(f"{own}/documents/{document}/withdraw", data=said).status_code == 303


def test_a_determined_household_is_offered_its_amount_and_no_other(planted: Planted, person: Desk) -> None:
    worker = every_post(person)
    address = f"/{COUNTY}/cases/new?workflow=living_relief&household={planted.household}"
    page = worker.client.get(address).text
    assert 'name="programme"' in page
    assert 'name="requested"' not in page
    typed = {
        "csrf_token": worker.csrf,
        "workflow": "living_relief",
        "household": str(planted.household),
        "programme": "yearly_living",
        "requested": "99999",
    }
    refused = worker.client.post(f"/{COUNTY}/cases/new", data=typed)
    assert refused.status_code == 422
    assert "以认定金额为准" in refused.text


def receipt(page: str) -> dict[str, str]:
    """What the bank's receipt says when every payment of the batch's page was paid."""
    found = re.search(r"<span>([0-9,]+) 笔 · ([0-9,.]+) 元</span>", page)
    assert found is not None
    return {"paid_items": found[1].replace(",", ""), "paid_total": found[2]}


def test_a_batch_goes_through_three_hands(planted: Planted, person: Desk) -> None:
    url = f"/{COUNTY}/funds/payments/{planted.batch}"
    approver, payer = person("a", role="payment_approver"), person("p", role="payer")
    assert payer.client.post(f"{url}/approve", data={"csrf_token": payer.csrf}).status_code == 403
    assert approver.client.post(f"{url}/approve", data={"csrf_token": approver.csrf}).status_code == 303
    sent = payer.client.post(f"{url}/send", data={"csrf_token": payer.csrf})
    assert sent.status_code == 200
    assert "attachment" in sent.headers["content-disposition"]
    page = payer.client.get(url).text
    assert payer.client.post(f"{url}/return", data={"csrf_token": payer.csrf} | receipt(page)).status_code == 303
    assert "已回盘" in payer.client.get(url).text


def test_answers_switches_and_notices_go_on_to_their_page(planted: Planted, person: Desk) -> None:
    worker = every_post(person)
    token = {"csrf_token": worker.csrf}
    chair = person("chair", role="vice_chair_in_charge")
    finding = f"/{COUNTY}/audit/findings/{planted.finding}/answer"
    answer = {"state": "explained", "answer": "系统时间有误", "version": "1"}
    assert worker.client.post(finding, data=token | answer).status_code == 403
    said = {"csrf_token": chair.csrf} | answer
    assert chair.client.post(finding, data=said | {"answer": ""}).status_code == 422
    assert chair.client.post(finding, data=said).status_code == 303
    assert "系统时间有误" in chair.client.get(f"/{COUNTY}/audit/findings").text
    line = f"/{COUNTY}/plugins/legal_aid"
    refused = worker.client.post(line, data=token | {"enabled": "off", "reason": ""})
    assert refused.status_code == 422
    assert (
        worker.client.post(line, data=token | {"enabled": "off", "reason": "本年度无此项工作", "version": "1"}).status_code
        == 303
    )
    assert "本年度无此项工作" in worker.client.get(line).text
    assert worker.client.get(f"/{COUNTY}/cases/new?workflow=legal_aid").status_code == 404


def test_the_prefecture_takes_the_matter_and_its_answer_is_read_below(planted: Planted, person: Desk, acting: Acting) -> None:
    upper = person("upper", tenant=PREFECTURE, role="case_approver")
    with reference_work() as session:
        give_post(session, upper.account_id, PREFECTURE, "tenant_admin", valid_from=SINCE)
    home = upper.client.get(f"/{PREFECTURE}/")
    assert "签收" in home.text
    url = f"/{PREFECTURE}/matters/{planted.matter}"
    assert "涉及两个县" in upper.client.get(url).text
    assert upper.client.post(f"{url}/take", data={"csrf_token": upper.csrf}).status_code == 303
    assert f"{url}/open" not in upper.client.get(url).text
    caseworker = person("caseworker", tenant=PREFECTURE)
    assert "在本单位立案" in caseworker.client.get(url).text
    opened = caseworker.client.post(f"{url}/open", data={"csrf_token": caseworker.csrf})
    assert opened.status_code == 303
    assert "本件来自移交事项" in caseworker.client.get(opened.headers["location"]).text
    assert "本单位已立案" in caseworker.client.get(url).text
    undecided = upper.client.post(f"{url}/answer", data={"csrf_token": upper.csrf, "text": "已协调"})
    assert (undecided.status_code, "请选择办理结果" in undecided.text, "已协调" in undecided.text) == (422, True, True)
    reply = {"csrf_token": upper.csrf, "text": "已协调", "outcome": "answered"}
    assert upper.client.post(f"{url}/answer", data=reply).status_code == 303
    deliver_all(acting, PREFECTURE)
    assert [page for page in (url, f"/{PREFECTURE}/matters") if "答复未能送达" in upper.client.get(page).text] == []
    with acting(PREFECTURE), unit_of_work() as session:
        session.execute(update(Envelope).where(Envelope.kind == ANSWER).values(state="undelivered"))
    assert [page for page in (url, f"/{PREFECTURE}/matters") if "答复未能送达" not in upper.client.get(page).text] == []
    below = person("below")
    with post(acting, "test"), unit_of_work() as session:
        case_id = session.scalars(select(Case.id).where(Case.outside_state == "returned")).one()
    shown = below.client.get(f"/{COUNTY}/cases/{case_id}")
    assert "对方单位的答复" in shown.text
    assert "已协调" in shown.text
    resource = below.client.get(f"/api/v1/{COUNTY}/cases/{case_id}").json()
    assert [(told["peer"], told["text"]) for told in resource["answers"]] == [(PREFECTURE, "已协调")]
    assert resource["outside_state"] == "returned"
    overview = upper.client.get(f"/{PREFECTURE}/overview?year=2025")
    assert overview.status_code == 200
    assert "锦江区总工会" in overview.text


def test_the_public_reads_without_signing_in(planted: Planted, app: FastAPI) -> None:
    anybody = TestClient(app, follow_redirects=False)
    annual = anybody.get(f"/public/{COUNTY}/annual/2025")
    assert annual.status_code == 200
    assert "<script" not in annual.text
    assert anybody.get(f"/public/{COUNTY}/annual/2024").status_code == 404
    assert anybody.get(f"/public/{OTHER_COUNTY}/annual/2025").status_code == 404
    notice = anybody.get(f"/public/{COUNTY}/notices/{planted.notice}")
    assert notice.status_code == 200
    assert "*" in notice.text
