"""The pages and resources of a file's papers and of its printed form: headers that run nothing, records, nothing typed lost."""

from __future__ import annotations

import uuid
from io import BytesIO

import docx
import pytest
from pypdf import PdfReader
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from core.db.session import unit_of_work
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.core.people_story import Home, number_of, put_on_file
from tests.core.test_printing import photo
from tests.web.conftest import Desk, Person
from tests.web.county import Acting

PDF = b"%PDF-1.7 a scan"
SANDBOX = "sandbox; default-src 'none'; img-src 'self'; frame-ancestors 'none'"
PHONE = "13800001234"


@pytest.fixture
def household(app: object, acting: Acting) -> Home:
    with acting(), unit_of_work() as session:
        return put_on_file(session, ("欧阳𠮷", number_of(21)), ("王小二", number_of(22)), phone=PHONE)


def _send(who: Person, url: str, data: bytes, **form: str) -> int:
    sent = who.client.post(url, data={"csrf_token": who.csrf, **form}, files={"paper": ("x.exe", data, "text/html")})
    return int(sent.status_code)


def _looks(what: str) -> list[ReadLog]:
    with unit_of_work() as session:
        return list(session.scalars(select(ReadLog).where(ReadLog.what == what)))


def test_papers_by_the_page(household: Home, person: Desk, acting: Acting) -> None:
    clerk = person("clerk")
    here = f"/{COUNTY}/households/{household.household_id}/papers"
    page = clerk.client.get(here)
    assert page.status_code == 200
    assert "尚未登记照片" in page.text
    assert _send(clerk, here, photo(), kind="photo") == 303
    assert _send(clerk, here, PDF, kind="income_proof", title="三月<b>工资条") == 303
    assert _send(clerk, here, photo(), kind="identity_card") == 303
    refused = clerk.client.post(
        here, data={"csrf_token": clerk.csrf, "kind": "medical_record", "title": "诊断书"}, files={"paper": ("x", b"<svg/>")}
    )
    assert refused.status_code == 422 or refused.status_code == 400
    assert 'value="诊断书"' in refused.text
    api = clerk.client.get(f"/api/v1{here}").json()["items"]
    card, scan, face = (one["id"] for one in api)
    shown_page = clerk.client.get(here).text
    assert f'src="{here}/{face}"' in shown_page
    assert "三月&lt;b&gt;工资条" in shown_page
    shown = clerk.client.get(f"{here}/{face}")
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert shown.headers["content-security-policy"] == SANDBOX
    assert shown.headers["content-disposition"].startswith("inline;")
    saved = clerk.client.get(f"{here}/{scan}")
    assert (saved.content, saved.headers["content-disposition"][:11]) == (PDF, "attachment;")
    assert saved.headers["content-security-policy"] == SANDBOX
    # the card does not open without a reason
    assert clerk.client.get(f"{here}/{card}").status_code in (400, 422)
    opened = clerk.client.post(f"{here}/{card}", data={"csrf_token": clerk.csrf, "reason": "核对身份"})
    assert (opened.status_code, opened.headers["content-type"]) == (200, "image/jpeg")
    with acting():
        assert [look.reason for look in _looks("paper.identity_card")] == ["核对身份"]
    assert clerk.client.post(f"{here}/{scan}/remove", data={"csrf_token": clerk.csrf, "reason": "重复"}).status_code == 303
    assert "重复" in clerk.client.get(here).text
    assert clerk.client.post(f"{here}/{scan}/restore", data={"csrf_token": clerk.csrf}).status_code == 303
    other = person("other", tenant=OTHER_COUNTY)
    there = here.replace(COUNTY, OTHER_COUNTY)
    assert other.client.get(there).status_code == 404
    assert other.client.get(f"{there}/{scan}").status_code == 404
    assert _send(other, there, photo(), kind="photo") == 404


def test_the_form_on_paper(household: Home, person: Desk, acting: Acting) -> None:
    clerk = person("clerk")
    here = f"/{COUNTY}/households/{household.household_id}"
    masked = clerk.client.get(f"{here}/form.pdf")
    assert masked.headers["content-type"] == "application/pdf"
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(masked.content)).pages)
    assert household.file_number in text
    assert not [secret for secret in (number_of(21), number_of(22), PHONE) if secret in text]
    word = docx.Document(BytesIO(clerk.client.get(f"{here}/form.docx").content))
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    assert "欧阳𠮷" in cells
    assert number_of(21) not in cells
    refused = clerk.client.post(f"{here}/form", data={"csrf_token": clerk.csrf, "reason": " ", "made": "docx"})
    assert refused.status_code in (400, 422)
    full = clerk.client.post(f"{here}/form", data={"csrf_token": clerk.csrf, "reason": "报送复核", "made": "docx"})
    cells = [cell.text for table in docx.Document(BytesIO(full.content)).tables for row in table.rows for cell in row.cells]
    assert {number_of(21), number_of(22), PHONE} <= set(cells)
    with acting():
        assert len(_looks("identity_number")) == 2
        assert len(_looks("/households/{household_id}/form.pdf")) == 1
    again = clerk.client.post(
        f"/api/v1{here}/form", json={"reason": "报送复核", "made": "docx"}, headers={"X-CSRF-Token": clerk.csrf}
    )
    assert again.status_code == 200
    assert clerk.client.get(f"{here.replace(str(household.household_id), str(uuid.uuid4()))}/form.pdf").status_code == 404


def test_many_at_once(household: Home, person: Desk, acting: Acting) -> None:
    clerk = person("clerk")
    here = f"/{COUNTY}/files/printing"
    form = {"csrf_token": clerk.csrf, "made": "list"}
    nobody = clerk.client.post(f"{here}?township=无此镇", data=form)
    assert (nobody.status_code, "没有符合条件的档案" in nobody.text) == (422, True)
    assert clerk.client.get(f"{here}?status=on_file&township=&employer={uuid.uuid4()}").status_code == 404
    narrow = clerk.client.get(f"{here}?status=on_file&reassess=yes")
    assert all(words in narrow.text for words in ("符合条件 0 户", "待重新认定", 'value="on_file" selected'))
    asked = f"{here}?status=on_file"
    assert f'action="{asked}"' in clerk.client.get(asked).text
    listed = clerk.client.post(asked, data=form)
    assert listed.headers["content-type"].endswith("spreadsheetml.sheet")
    rows = CalamineWorkbook.from_filelike(BytesIO(listed.content)).get_sheet_by_index(0).to_python()
    assert len(rows) == 3
    assert number_of(21) not in str(rows)
    assert clerk.client.post(here, data=form | {"full": "1", "reason": ""}).status_code in (400, 422)
    started = clerk.client.post(here, data=form | {"made": "forms", "key": str(uuid.uuid4())})
    assert started.status_code == 303
    with acting(), unit_of_work() as session:
        job = session.scalars(select(Job).where(Job.kind == "people_print_forms")).one()
        job_id = job.id
    run_inline(COUNTY, job_id)
    page = clerk.client.get(here).text
    assert "困难职工档案表 第1至1份.pdf" in page
    (url,) = {part.split('"')[0] for part in page.split('action="') if part.startswith(f"{here}/")}
    fetched = clerk.client.post(url, data={"csrf_token": clerk.csrf})
    assert fetched.content.startswith(b"%PDF")
    assert clerk.client.post(url, data={"csrf_token": clerk.csrf}).status_code == 404
