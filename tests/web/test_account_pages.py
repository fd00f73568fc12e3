"""One's own account on its pages: the two steps of signing in, the forced change, the second factor, sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pyotp
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import text

from core.db.session import reference_work
from core.identity import passwords
from core.identity.local import issue_password
from core.identity.models import Account
from core.identity.second_factor import begin_setup, finish_setup
from core.identity.sessions import session_of
from core.settings import settings
from core.web import first_step, throttle
from core.web.pages.account import browser_of
from core.web.pages.second_factor import qr_code
from tests.conftest import COUNTY, Database
from tests.web.conftest import PASSWORD, Desk, Person
from tests.web.test_app_security import Browser, token_in, try_to_sign_in

BETTER = "窗外 three 只麻雀在数星星"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the least cost."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture(autouse=True)
def uncounted() -> Iterator[None]:
    """Tries are counted from nothing, by this process."""
    throttle._alone().storage.reset()
    yield
    throttle._alone().storage.reset()


def enrol(who: Person) -> tuple[str, list[str]]:
    """Give an account a second factor, as of some minutes ago; its secret and recovery codes."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    setup = begin_setup(who.account_id, "li", at)
    with reference_work() as session:
        account = session.get_one(Account, who.account_id)
        return setup.secret, finish_setup(session, account, setup.sealed, pyotp.TOTP(setup.secret).at(at), at)


def now_code(secret: str) -> str:
    return pyotp.TOTP(secret).now()


def send_code(client: TestClient, page: Response, code: str, wanted: str = "/") -> Response:
    return client.post("/sign-in/code", data={"code": code, "next": wanted, "csrf_token": token_in(page)})


def hidden_fields(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {unescape(name): unescape(value) for name, value in found}


# Two steps


def test_a_second_factor_is_asked_for_before_there_is_a_session(person: Desk, browser: Browser) -> None:
    secret, _ = enrol(person("li"))
    client = browser()
    first = try_to_sign_in(client, "LI", PASSWORD, f"/{COUNTY}/trial")
    assert (first.status_code, first.headers["location"]) == (303, f"/sign-in/code?next=/{COUNTY}/trial")
    assert "bangfu_session" not in client.cookies
    assert client.get(f"/{COUNTY}/trial").headers["location"].startswith("/sign-in")
    page = client.get(first.headers["location"])
    assert page.status_code == 200
    wrong = send_code(client, page, "000000", f"/{COUNTY}/trial")
    assert (wrong.status_code, "bangfu_session" in client.cookies) == (422, False)
    assert "验证码不正确" in wrong.text
    assert "000000" not in wrong.text
    right = send_code(client, wrong, now_code(secret), f"/{COUNTY}/trial")
    assert (right.status_code, right.headers["location"]) == (303, f"/{COUNTY}/trial")
    found = session_of(client.cookies["bangfu_session"])
    assert found is not None
    assert found.assurance == 2
    assert client.get(f"/{COUNTY}/trial").status_code == 200


def test_the_first_step_is_good_once_and_for_five_minutes(
    person: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, codes = enrol(person("li"))
    client = browser()
    page = client.get(try_to_sign_in(client, "li", PASSWORD).headers["location"])
    proof = client.cookies["bangfu_proof"]
    visit = client.cookies["bangfu_visit"]
    assert send_code(client, page, codes[0]).status_code == 303
    again = browser()
    again.cookies.set("bangfu_proof", proof)
    again.cookies.set("bangfu_visit", visit)
    assert send_code(again, page, codes[1]).status_code == 422
    forged = browser()
    forged.cookies.set("bangfu_proof", proof[:-1] + ("0" if proof[-1] != "0" else "1"))
    assert "重新输入密码" in forged.get("/sign-in/code").text
    monkeypatch.setattr(first_step, "LASTS_S", -1)
    late = browser()
    late.get(try_to_sign_in(late, "li", PASSWORD).headers["location"])
    for answer in (late.get("/sign-in/code"), late.post("/sign-in/code", data={"code": codes[2]})):
        assert answer.status_code == 403
        assert "重新输入密码" in answer.text


def test_codes_are_throttled_and_a_right_password_does_not_help(person: Desk, browser: Browser) -> None:
    secret, _ = enrol(person("li"))
    client = browser()
    answers = []
    for _ in range(3):
        page = client.get(try_to_sign_in(client, "li", PASSWORD).headers["location"])
        answers += [send_code(client, page, f"00000{number}").status_code for number in range(3)]
    assert answers == [422] * 6 + [429] * 3
    page = client.get("/sign-in/code")
    assert send_code(client, page, now_code(secret)).status_code == 429


# The throttle and known browsers


def test_strangers_everywhere_never_lock_the_person_out_at_his_own_computer(
    person: Desk, browser: Browser, app: FastAPI
) -> None:
    person("li")
    own = browser()
    assert try_to_sign_in(own, "li", PASSWORD).status_code == 303
    guesses = []
    for machine in range(6):
        stranger = TestClient(app, client=(f"10.0.0.{machine}", 5000), follow_redirects=False)
        guesses += [try_to_sign_in(stranger, "li", f"猜的密码{number}").status_code for number in range(6)]
    assert guesses == [422] * 30 + [429] * 6
    elsewhere = TestClient(app, client=("10.0.9.9", 5000), follow_redirects=False)
    refused = try_to_sign_in(elsewhere, "li", PASSWORD)
    assert refused.status_code == 429
    assert "以前登录过的电脑" in refused.text
    assert 'value="li"' in refused.text
    assert try_to_sign_in(own, "li", PASSWORD).status_code == 303
    person("wang")
    assert try_to_sign_in(elsewhere, "wang", PASSWORD).status_code == 303


def test_a_known_browser_is_slowed_down_too(person: Desk, browser: Browser) -> None:
    person("li")
    own = browser()
    try_to_sign_in(own, "li", PASSWORD)
    statuses = [try_to_sign_in(own, "li", f"猜的密码{number}").status_code for number in range(7)]
    assert statuses == [422] * 6 + [429]


def test_a_browser_is_known_to_those_who_signed_in_there_alone(person: Desk, browser: Browser) -> None:
    for login in ("li", "wang"):
        person(login)
    shared = browser()
    for login in ("li", "wang"):
        assert try_to_sign_in(shared, login, PASSWORD).status_code == 303
    known = shared.cookies["bangfu_known"]
    assert known.count("-") == 2
    assert "li" not in known
    try_to_sign_in(shared, "li", PASSWORD)
    assert sorted(shared.cookies["bangfu_known"].split(".")) == sorted(known.split("."))


# The first password


def test_nothing_can_be_done_before_the_first_password_is_changed(person: Desk, browser: Browser) -> None:
    li = person("li")
    with reference_work() as session:
        issued = issue_password(session, session.get_one(Account, li.account_id))
    client, other = browser(), browser()
    for one in (other, client):
        assert try_to_sign_in(one, "li", issued, f"/{COUNTY}/trial").status_code == 303
    for path in (f"/{COUNTY}/trial", f"/{COUNTY}/", "/", "/desks", "/account", "/account/second-factor"):
        assert client.get(path).headers["location"] == "/account/password", path
    fragment = client.get(f"/{COUNTY}/trial", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (403, "/account/password")
    for path in (f"/api/v1/{COUNTY}/trial/scope", "/api/v1/session"):
        told = client.get(path)
        assert (told.status_code, told.headers["content-type"]) == (403, "application/problem+json")
        assert told.json()["type"] == "urn:bangfu:error:password_change_required"
    page = client.get("/account/password")
    assert page.status_code == 200
    assert 'name="current"' not in page.text
    weak = client.post("/account/password", data={"password": "12345678", "again": "12345678", "csrf_token": token_in(page)})
    assert weak.status_code == 422
    assert "常见密码" in weak.text
    assert "12345678" not in weak.text
    unlike = client.post("/account/password", data={"password": BETTER, "again": "x", "csrf_token": token_in(page)})
    assert (unlike.status_code, "不一致" in unlike.text) == (422, True)
    changed = client.post("/account/password", data={"password": BETTER, "again": BETTER, "csrf_token": token_in(page)})
    assert (changed.status_code, changed.headers["location"]) == (303, "/")
    assert client.get(f"/{COUNTY}/trial").status_code == 200
    assert other.get(f"/{COUNTY}/trial").headers["location"].startswith("/sign-in")


def test_signing_out_is_open_to_one_who_must_change(person: Desk, db: Database) -> None:
    li = person("li")
    with db.owner.begin() as connection:
        connection.execute(text("update account set must_change_password = true"))
    assert li.client.post("/sign-out", data={"csrf_token": li.csrf}).headers["location"] == "/sign-in"


# One's own account


def test_the_account_page_tells_who_where_and_how(person: Desk, browser: Browser) -> None:
    li = person("li")
    other = browser()
    agent = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/109.0 Safari/537.36"
    other.headers["user-agent"] = agent
    try_to_sign_in(other, "li", PASSWORD)
    page = li.client.get("/account")
    assert page.status_code == 200
    for told in ("员工li", "锦江区总工会", "经办", "未启用第二重验证", "本次登录", "Chrome · Windows", "退出其他所有登录"):
        assert told in page.text, told
    assert page.text.count("本次登录") == 1
    [number] = re.findall(r'name="which" value="([0-9a-f]{64})"', page.text)
    ended = li.client.post("/account/sessions/end", data={"which": number, "csrf_token": li.csrf})
    assert ended.headers["location"] == "/account"
    assert "该处登录已退出" in li.client.get("/account").text
    assert other.get("/desks").status_code == 303
    li.client.post("/account/sessions/end", data={"which": number, "csrf_token": li.csrf})
    assert "已经结束" in li.client.get("/account").text
    assert "已经结束" not in li.client.get("/account").text


def test_all_other_sessions_end_at_once(person: Desk, browser: Browser) -> None:
    li, others = person("li"), [browser() for _ in range(2)]
    for other in others:
        try_to_sign_in(other, "li", PASSWORD)
    assert li.client.post("/account/sessions/end", data={"which": "others"}).status_code == 403
    li.client.post("/account/sessions/end", data={"which": "others", "csrf_token": li.csrf})
    assert "其他 2 处登录已退出" in li.client.get("/account").text
    assert all(other.get("/desks").status_code == 303 for other in others)


def test_the_frame_of_every_page_leads_to_the_account(person: Desk) -> None:
    assert 'href="/account"' in person("li").client.get(f"/{COUNTY}/trial").text


def test_a_password_is_changed_with_the_present_one(person: Desk) -> None:
    li = person("li")
    form = {"current": "wrong", "password": BETTER, "again": BETTER, "csrf_token": li.csrf}
    refused = li.client.post("/account/password", data=form)
    assert (refused.status_code, "当前密码不正确" in refused.text) == (422, True)
    changed = li.client.post("/account/password", data=form | {"current": PASSWORD})
    assert changed.headers["location"] == "/account"
    assert "密码已修改" in li.client.get("/account").text
    statuses = [li.client.post("/account/password", data=form).status_code for _ in range(7)]
    assert statuses == [422] * 6 + [429]


def test_whoever_signs_in_elsewhere_is_told_so(person: Desk, db: Database) -> None:
    li = person("li")
    with db.owner.begin() as connection:
        connection.execute(text("update account set password_hash = null"))
    assert "统一身份认证" in li.client.get("/account").text
    assert "统一身份认证" in li.client.get("/account/password").text
    assert li.client.get("/account/second-factor").headers["location"] == "/account"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 Chrome/109.0 Safari/537.36", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari · iPhone"),
        ("curl/8", ""),
        (None, ""),
    ],
)
def test_browsers_are_called_what_people_call_them(agent: str | None, told: str) -> None:
    assert browser_of(agent) == told


# Setting up the second factor


def test_a_second_factor_is_set_up_by_scanning_or_typing(person: Desk, browser: Browser) -> None:
    li = person("li")
    page = li.client.get("/account/second-factor")
    assert page.status_code == 200
    assert "<svg" in page.text
    assert "style=" not in page.text
    found = re.search(r'class="own-secret">([A-Z2-7 ]+)<', page.text)
    assert found is not None
    secret = found.group(1).replace(" ", "")
    sealed = hidden_fields(page.text)["setup"]
    wrong = li.client.post("/account/second-factor", data={"code": "000000", "setup": sealed, "csrf_token": li.csrf})
    assert wrong.status_code == 422
    assert found.group(1) in wrong.text
    lost = li.client.post("/account/second-factor", data={"code": "000000", "setup": "x", "csrf_token": li.csrf})
    assert (lost.status_code, "请重新扫码" in lost.text) == (422, True)
    data = {"code": now_code(secret), "setup": hidden_fields(wrong.text)["setup"], "csrf_token": li.csrf}
    done = li.client.post("/account/second-factor", data=data)
    assert done.status_code == 200
    codes = re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", done.text)
    assert len(codes) == 10
    assert "恢复码还剩 10 个" in li.client.get("/account").text
    assert codes[0] not in li.client.get("/account").text
    assert "更换验证器" in li.client.get("/account/second-factor").text
    renewed = li.client.post("/account/second-factor/codes", data={"csrf_token": li.csrf})
    assert renewed.status_code == 200
    assert codes[0] not in renewed.text
    ended = li.client.post("/account/second-factor/end", data={"csrf_token": li.csrf})
    assert ended.headers["location"] == "/account"
    assert "第二重验证已停用" in li.client.get("/account").text
    li.client.post("/account/second-factor/codes", data={"csrf_token": li.csrf})
    assert "尚未设置" in li.client.get("/account").text


def test_a_qr_code_is_drawn_without_styles() -> None:
    drawn = qr_code("otpauth://totp/x?secret=<b>")
    assert drawn.startswith("<svg")
    assert "style" not in drawn
    assert "<b>" not in drawn


def test_whoever_must_have_one_is_led_to_set_it_up(person: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "second_factor", "administrators_and_money")
    payer, clerk = person("payer", role="payer"), person("clerk")
    assert clerk.client.get(f"/{COUNTY}/").status_code == 200
    assert payer.client.get(f"/{COUNTY}/").headers["location"] == "/account/second-factor"
    told = payer.client.get(f"/api/v1/{COUNTY}/trial/scope")
    assert (told.status_code, told.json()["type"]) == (403, "urn:bangfu:error:second_factor_required")
    assert "须使用第二重验证" in payer.client.get("/account/second-factor").text
    assert "您的岗位必须启用" in payer.client.get("/account").text
    page = payer.client.get("/account/second-factor").text
    secret = re.search(r'class="own-secret">([A-Z2-7 ]+)<', page)
    assert secret is not None
    data = {"code": now_code(secret.group(1).replace(" ", "")), "setup": hidden_fields(page)["setup"]}
    assert payer.client.post("/account/second-factor", data=data | {"csrf_token": payer.csrf}).status_code == 200
    assert payer.client.get(f"/{COUNTY}/").status_code == 200
    payer.client.post("/account/second-factor/end", data={"csrf_token": payer.csrf})
    assert "不能停用" in payer.client.get("/account").text
