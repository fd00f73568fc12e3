"""Provisioning as people meet it: the first way in, the administrator's page, the command line and the doctor."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from typer.testing import CliRunner

from core.db.session import reference_work
from core.identity.directory.there import directory
from core.identity.models import Account
from core.identity.sessions import Origin, open_session, session_of
from core.settings import settings
from deploy.cli import app as commands
from deploy.doctor import _identity_provider
from deploy.keycloak.people import carry_over
from tests.conftest import COUNTY, Database
from tests.core.lines import install
from tests.core.staffing import admin, hire, stand_at
from tests.keycloak.office import (
    HERE,
    OWN,
    account_of,
    first_sign_in,
    groups_of,
    let_in,
    new_login,
    office,
    person_of,
    send,
    signs_in,
)
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.web import web
from tests.web.conftest import app
from tests.web.test_pages_browser import chromium

__all__ = ["app", "chromium", "office", "web"]

pytestmark = pytest.mark.keycloak


def _page_of_boss(app: FastAPI, boss: object) -> tuple[TestClient, str]:
    client = TestClient(app, follow_redirects=False)
    with reference_work() as session:
        account = session.get_one(Account, boss)
        token, row = open_session(session, account, Origin())
        row.fresh_until = datetime.now(UTC) + timedelta(hours=1)
        csrf = row.csrf_token
    client.cookies.set("bangfu_session", token)
    return client, csrf


@pytest.mark.browser
def test_the_first_way_in_and_out(app: FastAPI, chromium: Browser, web: str, keycloak: RunningKeycloak, db: Database) -> None:
    install(db)
    stand_at(db)
    boss = admin()
    account, password = let_in(boss)
    send()
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(f"{web}/{COUNTY}/")
    page.click("text=前往统一身份认证登录")
    page.fill("input[name=username]", account.login)
    page.fill("input[name=password]", password)
    page.click("[type=submit]")
    # Keycloak lets nobody past the change of the first password.
    expect(page.locator("input[name=password-new]")).to_be_visible()
    page.fill("input[name=password-new]", OWN)
    page.fill("input[name=password-confirm]", OWN)
    page.click("[type=submit]")
    expect(page).to_have_url(f"{web}/{COUNTY}/")
    [cookie] = [found for found in context.cookies(web) if found.get("name") == "bangfu_session"]
    token = cookie.get("value", "")
    assert session_of(token) is not None
    # Another session of the person, which no session here belongs to.
    assert signs_in(keycloak, account.login, OWN)
    subject = account_of(account.id).subject or ""
    client, csrf = _page_of_boss(app, boss)
    seen = client.get(f"/{COUNTY}/staff/{account.id}").text
    assert "暂时无法连接" not in seen
    assert len(re.findall("统一身份认证：bangfu-web", seen)) == 1
    assert len(directory().sessions(subject)) == 2
    done = client.post(f"/{COUNTY}/staff/{account.id}/sessions/end", data={"csrf_token": csrf})
    assert done.status_code == 303
    assert session_of(token) is None
    send()
    assert directory().sessions(subject) == []
    page.goto(f"{web}/{COUNTY}/")
    expect(page).to_have_url(re.compile(rf"{web}/sign-in"))
    context.close()


def test_one_session_ended_here_ends_there_alone(app: FastAPI, web: str, keycloak: RunningKeycloak, db: Database) -> None:
    install(db)
    stand_at(db)
    boss = admin()
    account, password = let_in(boss)
    send()
    first_sign_in(keycloak, account.login, password)
    assert signs_in(keycloak, account.login, OWN)
    subject = account_of(account.id).subject or ""
    one, other = (found.id for found in directory().sessions(subject))
    with reference_work() as session:
        for sid in (one, other):
            _, row = open_session(session, session.get_one(Account, account.id), Origin())
            row.provider_sid, row.fresh_until = sid, datetime.now(UTC) + timedelta(hours=1)
            session.flush()
    client, csrf = _page_of_boss(app, boss)
    seen = client.get(f"/{COUNTY}/staff/{account.id}").text
    handle = re.search(r'name="handle" value="([0-9a-f]{16})"', seen)
    assert handle is not None
    # The newest stands first.
    client.post(f"/{COUNTY}/staff/{account.id}/sessions/end", data={"csrf_token": csrf, "handle": handle[1]})
    send()
    assert [found.id for found in directory().sessions(subject)] == [one]


def test_the_samples_people_are_known_as_ours(office: RunningKeycloak) -> None:
    login = new_login()
    who = hire(login, (COUNTY, "caseworker"))
    assert carry_over(office.addresses, [(login, "王小敏"), ("nobody-here", "无")], PASSWORD) == 1
    assert person_of(office, who)["attributes"] == {"bangfu_account": [str(who)]}
    assert groups_of(office, who) == []
    assert send() == 0
    assert groups_of(office, who) == [f"{HERE}/caseworker"]
    assert signs_in(office, login, PASSWORD)


def test_commands_carry_an_installation_over(office: RunningKeycloak, tmp_path: Path) -> None:
    who = hire(new_login(), (COUNTY, "caseworker"))
    run = CliRunner().invoke
    said = run(commands, ["keycloak", "provision", "--here"], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "1 个账号已交发件箱" in said.output
    assert "0 项未成" in said.output
    assert len(groups_of(office, who)) == 1
    taken = office.person()
    hire(taken, (COUNTY, "reviewer"))
    assert send() == 0
    said = run(commands, ["keycloak", "adopt", taken, "--county", COUNTY], catch_exceptions=False)
    assert "已对应统一身份认证用户" in said.output
    assert send() == 0


def test_the_doctor_looks_at_the_identity_provider(office: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(_identity_provider())
    assert [(check.zh, check.good) for check in found] == [
        ("统一身份认证可连接", True),
        ("账号管理客户端", True),
        ("与统一身份认证时钟一致", True),
    ]
    monkeypatch.setenv("BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET", "wrong")
    settings.cache_clear()
    wrong = list(_identity_provider())[-1]
    assert (wrong.zh, wrong.good, "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET" in wrong.mend) == ("账号管理客户端", False, True)
    monkeypatch.setenv("BANGFU_KEYCLOAK_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    [away] = list(_identity_provider())
    assert (away.good, "127.0.0.1:9" in away.said) == (False, True)
