"""Forms of money and of notices: they act on what the page shows, refuse what they do not know, and lose nothing typed."""

from __future__ import annotations

import re
import uuid
from datetime import date
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.cases.models import Case
from core.db.session import unit_of_work
from core.funds.models import PaymentAttempt, PaymentBatch
from core.funds.repository import attempts
from core.money import format_yuan
from core.notices.models import NoticeItem, Objection
from core.people.models import Person as PersonRow
from core.people.models import WorkerFile
from core.tenancy.models import BusinessClock
from core.trail.models import ReadLog
from tests.conftest import COUNTY, Database
from tests.core.lines import post
from tests.web.conftest import Desk, Person
from tests.web.county import Acting, Planted, plant

JANUARY = date(2026, 1, 6)


@pytest.fixture
def planted(app: FastAPI, db: Database, acting: Acting, roster: Path) -> Planted:
    return plant(db, acting, roster)


def _sent(planted: Planted, person: Desk) -> tuple[str, Person]:
    """The planted batch, sent; its page and its payer."""
    url = f"/{COUNTY}/funds/payments/{planted.batch}"
    approver, payer = person("a", role="payment_approver"), person("p", role="payer")
    assert approver.client.post(f"{url}/approve", data={"csrf_token": approver.csrf}).status_code == 303
    sent = payer.client.post(f"{url}/send", data={"csrf_token": payer.csrf})
    assert sent.headers["content-type"].startswith("text/csv")
    assert sent.headers["content-disposition"].endswith(".csv")
    return url, payer


def test_the_announcement_says_what_is_decided_and_not_yet_paid(planted: Planted, app: FastAPI) -> None:
    page = TestClient(app).get(f"/public/{COUNTY}/annual/2025").text
    figures = {
        name: float(amount.replace(",", ""))
        for name, amount in re.findall(r"<dt>([^<（]+)（元）</dt><dd>([0-9,.]+)</dd>", page)
    }
    assert figures["已决定待发放"] > 0
    assert figures["收入"] == figures["支出"] + figures["已决定待发放"] + figures["结余"]


def test_who_cannot_be_paid_for_a_damaged_key_is_named_with_what_to_do(planted: Planted, person: Desk, db: Database) -> None:
    url = f"/{COUNTY}/funds/payments/{planted.batch}"
    approver, payer, manager = (person(role, role=role) for role in ("payment_approver", "payer", "fund_manager"))
    assert approver.client.post(f"{url}/approve", data={"csrf_token": approver.csrf}).status_code == 303
    with db.owner.begin() as connection:
        worker, name, number = connection.execute(
            select(PersonRow.id, PersonRow.name, WorkerFile.file_number)
            .join(WorkerFile, WorkerFile.worker_id == PersonRow.id)
            .join(PaymentAttempt, PaymentAttempt.payee_id == PersonRow.id)
            .order_by(PersonRow.id)
            .limit(1)
        ).one()
        connection.execute(update(PersonRow).values(wrapped_key=bytes(60)).where(PersonRow.id == worker))
    refused = payer.client.post(f"{url}/send", data={"csrf_token": payer.csrf})
    assert (refused.status_code, f"{name}（{number} 号档案）" in refused.text, "从备份恢复" in refused.text) == (
        409,
        True,
        True,
    )
    given_up = {"csrf_token": manager.csrf, "reason": "账号损坏"}
    assert manager.client.post(f"{url}/cancel", data=given_up).status_code == 303
    books = manager.client.get(f"/{COUNTY}/funds?year=2025").text
    assert f"暂不能发放：{number} 号档案" in books


def test_a_return_that_is_not_understood_pays_nothing(planted: Planted, person: Desk, acting: Acting) -> None:
    url, payer = _sent(planted, person)
    with post(acting, "test"), unit_of_work() as session:
        first, second = (row.id for row in attempts(session, planted.batch)[:2])
        paid = [row.amount_fen for row in attempts(session, planted.batch) if row.id != first]
    known = {"csrf_token": payer.csrf, f"failed.{first}": "name_mismatch"}
    receipt = {"paid_items": str(len(paid)), "paid_total": format_yuan(sum(paid))}
    assert payer.client.post(f"{url}/return", data={"csrf_token": payer.csrf}).status_code == 422
    for wrong in ({}, {"paid_items": "x"}, {"paid_total": "x"}, {"paid_items": "0"}, {"paid_total": "1.23"}):
        refused = payer.client.post(f"{url}/return", data=known | (receipt | wrong if wrong else {}))
        assert refused.status_code == 422, wrong
        for typed in wrong.values():
            assert f'value="{typed}"' in refused.text
    for wrong in ({f"failed.{second}": "unheard_of"}, {f"failed.{uuid.uuid4()}": "other"}, {"failed.x": "other"}):
        refused = payer.client.post(f"{url}/return", data=known | receipt | wrong)
        assert refused.status_code == 422, wrong
        assert '<option value="name_mismatch" selected>' in refused.text
    with post(acting, "test"), unit_of_work() as session:
        assert set(session.scalars(select(PaymentAttempt.state))) == {"open"}
    many = {f"failed.{uuid.uuid4()}": "" for _ in range(1500)}
    assert payer.client.post(f"{url}/return", data=known | receipt | many).status_code == 303
    page = payer.client.get(url).text
    assert '<span class="x-bad">户名不符</span>' in page


def test_a_payment_sent_back_later_is_told_and_decided(planted: Planted, person: Desk, acting: Acting) -> None:
    url, payer = _sent(planted, person)
    with post(acting, "test"), unit_of_work() as session:
        found = attempts(session, planted.batch)
        paid = {"paid_items": str(len(found)), "paid_total": format_yuan(sum(row.amount_fen for row in found))}
    token = {"csrf_token": payer.csrf}
    assert payer.client.post(f"{url}/return", data=token | paid).status_code == 303
    told = token | {"attempt": str(found[0].id), "back_reason": "account_closed", "slip": "T-88"}
    for wrong in ({"attempt": ""}, {"attempt": str(uuid.uuid4())}, {"back_reason": "x"}, {"slip": "长" * 101}):
        refused = payer.client.post(f"{url}/reversals", data=told | wrong)
        assert refused.status_code == 422, wrong
        assert (told | wrong)["slip"] in refused.text
    assert payer.client.post(f"{url}/reversals", data=told).status_code == 303
    assert "decision" not in payer.client.get(url).text
    approver = person("a2", role="payment_approver")
    assert "审批退汇" in approver.client.get(f"/{COUNTY}/").text
    assert "有退汇待审批" in approver.client.get(f"/{COUNTY}/funds?year=2025").text
    act = re.search(r'action="([^"]+/reversals/[^"]+)"', approver.client.get(url).text)
    assert act is not None
    csrf = {"csrf_token": approver.csrf}
    assert approver.client.post(act[1], data=csrf).status_code == 422
    assert approver.client.post(f"{url}/reversals/{uuid.uuid4()}", data=csrf | {"decision": "approved"}).status_code == 404
    assert payer.client.post(act[1], data=token | {"decision": "approved"}).status_code == 403
    assert approver.client.post(act[1], data=csrf | {"decision": "approved"}).status_code == 303
    page = approver.client.get(url).text
    assert "已冲销" in page
    assert "银行退回" in page


def test_a_batch_is_given_up_with_a_reason_alone(planted: Planted, person: Desk) -> None:
    url, manager = f"/{COUNTY}/funds/payments/{planted.batch}/cancel", person("m", role="fund_manager")
    token = {"csrf_token": manager.csrf}
    assert manager.client.post(url, data=token | {"reason": " "}).status_code == 422
    assert "长" * 501 in manager.client.post(url, data=token | {"reason": "长" * 501}).text
    assert manager.client.post(url, data=token | {"reason": "收款人有误"}).status_code == 303
    planted_batch = url.removesuffix("/cancel")
    assert "已作废" in manager.client.get(planted_batch).text


def test_last_year_s_money_is_paid_in_january(planted: Planted, person: Desk, acting: Acting, db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(update(BusinessClock).values(on=JANUARY))
        connection.execute(update(PaymentAttempt).values(state="cancelled"))
        connection.execute(update(PaymentBatch).values(state="cancelled"))
    manager = person("m", role="fund_manager")
    assert "2025 年度待发放的救助款" in manager.client.get(f"/{COUNTY}/").text
    page = manager.client.get(f"/{COUNTY}/funds?year=2025").text
    form = re.search(r'<form method="post" action="/[0-9]+/funds/payments">.*?</form>', page, re.DOTALL)
    assert form is not None
    sent = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form.group()))
    made = manager.client.post(f"/{COUNTY}/funds/payments", data=sent)
    assert made.status_code == 303
    with post(acting, "test"), unit_of_work() as session:
        assert session.scalars(select(PaymentBatch.year).where(PaymentBatch.state == "draft")).all() == [2025]
    approver = person("a", role="payment_approver")
    assert made.headers["location"] in approver.client.get(f"/{COUNTY}/").text
    other = manager.client.get(f"/{COUNTY}/funds?year=2026").text
    assert "年度另有" not in other


def test_a_receipt_names_its_year_and_keeps_what_was_typed(planted: Planted, person: Desk) -> None:
    manager = person("m", role="fund_manager")
    typed = {
        "csrf_token": manager.csrf,
        "year": "2026",
        "source": "union",
        "purpose": "medical",
        "amount": "0",
        "key": "回单七",
    }
    refused = manager.client.post(f"/{COUNTY}/funds/receipts?year=2025", data=typed)
    assert refused.status_code == 422
    assert "回单七" in refused.text
    assert "2025 年度帮扶资金" in refused.text
    booked = manager.client.post(f"/{COUNTY}/funds/receipts?year=2025", data=typed | {"amount": "100"})
    assert booked.headers["location"] == f"/{COUNTY}/funds?year=2026"
    assert "100.00" in manager.client.get(booked.headers["location"]).text
    assert manager.client.post(f"/{COUNTY}/funds/receipts", data=typed | {"year": "二六"}).status_code == 422


def test_a_refused_posting_keeps_title_and_ticks(planted: Planted, person: Desk, acting: Acting) -> None:
    worker = person("w")
    with post(acting, "test"), unit_of_work() as session:
        stood = select(NoticeItem.case_id)
        ready = session.scalars(select(Case.id).where(Case.plugin == "living_relief", Case.id.not_in(stood))).all()
    page = worker.client.get(f"/{COUNTY}/notices").text
    offered = [case for case in ready if str(case) in page]
    assert f'value="{offered[0]}" checked' in page
    url, token = f"/{COUNTY}/notices", {"csrf_token": worker.csrf}
    refused = worker.client.post(url, data=token | {"title": "第二批"})
    assert (refused.status_code, "第二批" in refused.text) == (422, True)
    assert f'value="{offered[0]}" checked' not in refused.text
    refused = worker.client.post(url, data=token | {"title": "长" * 201, "case": [str(offered[0])]})
    assert f'value="{offered[0]}" checked' in refused.text
    assert "长" * 201 in refused.text


def test_an_objection_names_somebody_of_the_list_or_the_whole_batch(planted: Planted, person: Desk, acting: Acting) -> None:
    worker = person("w")
    url = f"/{COUNTY}/notices/{planted.notice}/objections"
    form = {"csrf_token": worker.csrf, "text": "该户有车", "contact": "13800001234"}
    with post(acting, "test"), unit_of_work() as session:
        item = session.scalars(select(NoticeItem.case_id)).first()
        before = len(session.scalars(select(Objection.id)).all())
    for stranger in (str(planted.petition), "李*"):
        refused = worker.client.post(url, data=form | {"case": stranger})
        assert refused.status_code == 422
        assert "该户有车" in refused.text
        assert "13800001234" in refused.text
    refused = worker.client.post(url, data=form | {"case": str(item), "text": " "})
    assert f'<option value="{item}" selected>' in refused.text
    refused = worker.client.post(url, data=form | {"text": "长" * 4001})
    assert "长" * 4001 in refused.text
    with post(acting, "test"), unit_of_work() as session:
        assert len(session.scalars(select(Objection.id)).all()) == before
    assert worker.client.post(url, data=form | {"case": str(item)}).status_code == 303
    assert worker.client.post(url, data=form | {"text": "整批不合规"}).status_code == 303
    with post(acting, "test"), unit_of_work() as session:
        made = session.execute(select(Objection.text, Objection.case_id).order_by(Objection.id)).all()
    assert made[-2:] == [("该户有车", item), ("整批不合规", None)]


def test_a_refused_answer_stays_with_its_own_objection(planted: Planted, person: Desk, acting: Acting) -> None:
    clerk, approver = person("c"), person("d", role="case_approver")
    url = f"/{COUNTY}/notices/{planted.notice}/objections"
    assert clerk.client.post(url, data={"csrf_token": clerk.csrf, "text": "第二条"}).status_code == 303
    with post(acting, "test"), unit_of_work() as session:
        first = session.scalars(select(Objection.id).order_by(Objection.id)).first()
    answer = {"csrf_token": approver.csrf, "outcome": "unheard_of", "answer": "已核实无房"}
    refused = approver.client.post(f"{url}/{first}", data=answer)
    assert refused.status_code == 422
    assert refused.text.count("已核实无房") == 1


def test_whoever_answers_may_look_at_the_contact_and_the_look_is_recorded(
    planted: Planted, person: Desk, acting: Acting
) -> None:
    clerk, approver = person("c"), person("d", role="case_approver")
    url = f"/{COUNTY}/notices/{planted.notice}"
    form = {"csrf_token": clerk.csrf, "text": "该户有车", "contact": "13800001234"}
    assert clerk.client.post(f"{url}/objections", data=form).status_code == 303
    with post(acting, "test"), unit_of_work() as session:
        found = session.scalars(select(Objection.id).order_by(Objection.id)).all()
    look = f"{url}/objections/{found[-1]}/contact"
    assert "13800001234" not in approver.client.get(url).text
    assert clerk.client.post(look, data={"csrf_token": clerk.csrf, "reason": "看看"}).status_code == 403
    token = {"csrf_token": approver.csrf}
    assert approver.client.post(look, data=token).status_code == 422
    shown = approver.client.post(look, data=token | {"reason": "核实异议"})
    assert shown.status_code == 200
    assert "13800001234" in shown.text
    without = f"{url}/objections/{found[0]}/contact"
    assert approver.client.post(without, data=token | {"reason": "核实异议"}).status_code == 404
    with post(acting, "test"), unit_of_work() as session:
        values = select(ReadLog.what, ReadLog.subject_id, ReadLog.reason).where(ReadLog.reason != "")
        reads = session.execute(values).all()
    assert reads == [("contact", found[-1], "核实异议")]
