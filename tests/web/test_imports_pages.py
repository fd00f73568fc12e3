"""The pages and the interface of imports: a file sent, looked through, its columns corrected, written, given up."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.jobs.runner import run_inline
from core.people.imports.models import RosterImport
from core.people.models import WorkerFile
from core.scope import Scope
from core.settings import settings
from core.tenancy.keys import give_key
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.core.rosters import HEAD, Row, family, number_of, workbook
from tests.web.conftest import Desk, Person

Acting = Callable[..., AbstractContextManager[Scope]]


@pytest.fixture
def clerk(person: Desk, acting: Acting) -> Person:
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    return person("li")


def sent(who: Person, rows: list[Row], head: tuple[str, ...] = HEAD, name: str = "名册.xlsx") -> str:
    """Sent by the form; the address of the import."""
    answer = who.client.post(
        f"/{COUNTY}/imports", data={"csrf_token": who.csrf}, files={"file": (name, workbook(rows, head), "application/x")}
    )
    assert answer.status_code == 303, answer.text[-800:]
    return str(answer.headers["location"])


def done(acting: Acting, url: str) -> RosterImport:
    """The work behind the import done by this process."""
    import_id = uuid.UUID(url.rsplit("/", 1)[1])
    asked = select(RosterImport).where(RosterImport.id == import_id).execution_options(populate_existing=True)
    with acting(COUNTY), unit_of_work() as session:
        made = session.scalars(asked).one()
    assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    with acting(COUNTY), unit_of_work() as session:
        return session.scalars(asked).one()


def post(who: Person, url: str, **form: object) -> str:
    answer = who.client.post(url, data={"csrf_token": who.csrf, **form})
    assert answer.status_code == 303, answer.text[-800:]
    return str(answer.headers["location"])


def test_from_the_file_to_the_files(clerk: Person, acting: Acting) -> None:
    assert "还没有导入过档案" in clerk.client.get(f"/{COUNTY}/imports").text
    assert "已核对的导入文件" not in clerk.client.get(f"/{COUNTY}/").text
    rows = [*family(1), *family(11, 3), *family(21)]
    rows[-1] = rows[-1].but(身份证号="51010419800101")
    head = tuple({"月收入": "每月到手", "健康状况": "健康壮况"}.get(name, name) for name in HEAD)
    url = sent(clerk, rows, head)
    page = clerk.client.get(url).text
    assert "正在核对" in page
    assert 'data-poll="2"' in page
    assert "HX-Refresh" not in clerk.client.get(f"{url}/progress").headers
    done(acting, url)
    assert clerk.client.get(f"{url}/progress").headers["HX-Refresh"] == "true"
    assert "已核对的导入文件" in clerk.client.get(f"/{COUNTY}/").text
    page = clerk.client.get(url).text
    assert "确认导入 2 户" in page
    assert number_of(1) not in page
    assert "第 8 行" in page
    assert "不认识列“…”，此列未读入（" in page
    assert "按相近列名推测" in page
    key = re.search(r'name="key" value="([^"]*每月到手[^"]*)"', page)
    assert key is not None
    assert post(clerk, f"{url}/columns", key=[key[1]], target=["income"]) == url
    done(acting, url)
    page = clerk.client.get(url).text
    assert "本单位指定" in page
    assert "第 8 行" not in clerk.client.get(f"{url}?severity=warning").text
    assert "第 8 行" in clerk.client.get(f"{url}?severity=error&sheet=名册").text
    copy = clerk.client.get(f"{url}/annotated")
    assert copy.content.startswith(b"PK")
    assert "attachment" in copy.headers["content-disposition"]
    assert int(copy.headers["content-length"]) == len(copy.content)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(ReadLog.what)).all().count("/imports/{import_id}/annotated") == 1
    assert post(clerk, f"{url}/commit") == url
    made = done(acting, url)
    assert made.state == "committed"
    page = clerk.client.get(url).text
    assert "退回的 1 户没有导入" in page
    assert "确认导入" not in page
    assert clerk.client.get(f"{url}/annotated").status_code == 409
    assert f"{url}" in clerk.client.get(f"/{COUNTY}/imports").text
    with acting(COUNTY), unit_of_work() as session:
        assert len(session.scalars(select(WorkerFile)).all()) == 2


def test_what_cannot_be_taken_is_said_on_the_page(clerk: Person, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    form, page = {"csrf_token": clerk.csrf}, f"/{COUNTY}/imports"
    refused = clerk.client.post(page, data=form, files={"file": ("说明.docx", b"PK", "application/x")})
    assert refused.status_code == 422
    assert "请上传 .xlsx" in refused.text
    assert clerk.client.post(page, data=form).status_code in (409, 422)
    monkeypatch.setattr(settings(), "import_limit_bytes", 1024)
    large = clerk.client.post(page, data=form, files={"file": ("大.csv", b"x" * 4096, "text/csv")})
    assert large.status_code == 422
    assert "文件为空或超过" in large.text
    assert clerk.client.post(page, files={"file": ("名册.xlsx", workbook(family(1)), "x")}).status_code == 403


def test_given_up_before_it_is_written(clerk: Person, acting: Acting, person: Desk) -> None:
    url = sent(clerk, family(1))
    done(acting, url)
    stranger = person("wang", tenant=OTHER_COUNTY)
    there = url.replace(COUNTY, OTHER_COUNTY)
    assert stranger.client.get(there).status_code == 404
    assert stranger.client.post(f"{there}/discard", data={"csrf_token": stranger.csrf}).status_code == 404
    assert person("leader", role="leader").client.get(url).status_code == 403
    assert post(clerk, f"{url}/discard") == f"/{COUNTY}/imports"
    assert "已放弃" in clerk.client.get(url).text
    again = clerk.client.post(f"{url}/commit", data={"csrf_token": clerk.csrf})
    assert again.status_code == 409
    assert "没有办成" in again.text


def test_the_same_by_the_interface(clerk: Person, acting: Acting) -> None:
    api, token = f"/api/v1/{COUNTY}/imports", {"X-CSRF-Token": clerk.csrf}
    rows = [*family(1), *family(11).copy()]
    rows[-1] = rows[-1].but(身份证号="51010419800101")
    made = clerk.client.post(api, headers=token, files={"file": ("名册.xlsx", workbook(rows), "application/x")})
    assert made.status_code == 201, made.text
    one = made.headers["location"]
    assert made.json()["state"] == "checking"
    again = clerk.client.post(api, headers=token, files={"file": ("名册.xlsx", workbook(rows), "application/x")})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    done(acting, one)
    seen = clerk.client.get(one).json()
    assert (seen["state"], seen["households"], seen["held_back"]) == ("checked", 1, 1)
    problems = clerk.client.get(f"{one}/problems?severity=error&limit=1").json()
    assert [(item["row"], item["column"]) for item in problems["items"]] == [(5, "身份证号")]
    assert clerk.client.get(f"{one}/changes").json() == {"items": [], "after": None}
    assert clerk.client.post(f"{one}/columns", headers=token, json={"columns": {}}).json()["state"] == "checked"
    assert clerk.client.post(f"{one}/choices", headers=token, json={"decided": [], "taken": []}).status_code == 200
    assert clerk.client.post(f"{one}/commit", headers=token).json()["state"] == "committing"
    done(acting, one)
    assert clerk.client.get(one).json()["state"] == "committed"
    assert clerk.client.post(f"{one}/discard", headers=token).status_code == 409
    assert [item["id"] for item in clerk.client.get(api).json()["items"]] == [made.json()["id"]]
