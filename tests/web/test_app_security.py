"""Signing in, cookies, tokens against forged requests, headers, the throttle, errors without what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st

from core.settings import settings
from core.web import throttle
from core.web.security import local_path
from deploy.embedded.valkey import EmbeddedValkey
from tests.conftest import COUNTY, Database
from tests.web.conftest import PASSWORD, Desk

Browser = Callable[[], TestClient]


@pytest.fixture(scope="module")
def valkey(migrated: Database) -> Iterator[str]:
    with EmbeddedValkey(migrated.home) as urls:
        yield urls.redis


@pytest.fixture
def counted(valkey: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tries are counted in the real Valkey, from nothing."""
    monkeypatch.setenv("BANGFU_VALKEY_URL", valkey)
    settings.cache_clear()
    throttle._shared.cache_clear()
    throttle._shared().storage.reset()
    yield
    throttle._shared.cache_clear()
    monkeypatch.undo()
    settings.cache_clear()


def token_in(page: Response) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found.group(1)


def try_to_sign_in(client: TestClient, login: str, password: str, wanted: str = "/") -> Response:
    form = {"login": login, "password": password, "next": wanted, "csrf_token": token_in(client.get("/sign-in"))}
    return client.post("/sign-in", data=form)


def test_signing_in_leads_on_with_a_new_session_and_ends_the_former(person: Desk, browser: Browser, counted: None) -> None:
    person("li")
    client = browser()
    answer = try_to_sign_in(client, "LI ", PASSWORD, f"/{COUNTY}/trial")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{COUNTY}/trial")
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("bangfu_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    first = client.cookies["bangfu_session"]
    assert client.get(f"/{COUNTY}/trial").status_code == 200
    assert client.get("/").headers["location"] == f"/{COUNTY}/"
    try_to_sign_in(client, "li", PASSWORD)
    assert client.cookies["bangfu_session"] != first
    client.cookies.set("bangfu_session", first, domain="testserver.local")
    former = browser()
    former.cookies.set("bangfu_session", first)
    assert former.get("/desks").status_code == 303


def test_encrypted_connections_get_host_bound_cookies_and_hsts(
    person: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("li")
    monkeypatch.setattr(settings(), "secure_cookies", True)
    client = browser()
    client.base_url = "https://testserver"
    answer = try_to_sign_in(client, "li", PASSWORD)
    cookie = next(line for line in answer.headers.get_list("set-cookie") if "session" in line)
    assert cookie.startswith("__Host-bangfu_session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_wrong_password_keeps_the_login_and_says_nothing_more(person: Desk, browser: Browser, counted: None) -> None:
    person("li")
    wrong = try_to_sign_in(browser(), "li", "猜的密码123")
    unknown = try_to_sign_in(browser(), "nobody", "猜的密码123")
    for answer in (wrong, unknown):
        assert answer.status_code == 422
        assert "账号或密码不正确" in answer.text
        assert "猜的密码123" not in answer.text
    assert 'value="li"' in wrong.text


def test_a_sign_in_form_of_another_browser_is_refused(person: Desk, browser: Browser) -> None:
    person("li")
    client = browser()
    client.get("/sign-in")
    form = {"login": "li", "password": PASSWORD, "csrf_token": token_in(browser().get("/sign-in"))}
    assert client.post("/sign-in", data=form).status_code == 403
    assert "bangfu_session" not in client.cookies


def test_guessing_is_slowed_down_without_locking_the_account_elsewhere(
    person: Desk, browser: Browser, counted: None, app: object
) -> None:
    person("li")
    client = browser()
    answers = [try_to_sign_in(client, "li", f"猜的密码{number}") for number in range(7)]
    assert [answer.status_code for answer in answers] == [422] * 6 + [429]
    assert "请 5 分钟后再试" in answers[-1].text
    assert try_to_sign_in(client, "li", PASSWORD).status_code == 429
    elsewhere = TestClient(client.app, client=("10.0.0.9", 5000), follow_redirects=False)
    assert try_to_sign_in(elsewhere, "li", PASSWORD).status_code == 303


def test_a_change_without_the_page_s_token_is_refused(person: Desk) -> None:
    li, wang = person("li"), person("wang")
    url = f"/{COUNTY}/trial"
    assert li.client.post(url).status_code == 403
    assert li.client.post(url, data={"csrf_token": wang.csrf}).status_code == 403
    assert li.client.post(url, data={"csrf_token": "错"}).status_code == 403
    assert li.client.post("/sign-out").status_code == 403
    assert li.client.post(url, headers={"X-CSRF-Token": li.csrf}).status_code == 303
    assert li.client.post(url, data={"csrf_token": token_in(li.client.get(url))}).headers["location"] == url
    told = li.client.get(url)
    assert "已保存" in told.text
    assert "已保存" not in li.client.get(url).text


def test_signing_out_ends_the_session_at_the_server(person: Desk, browser: Browser) -> None:
    li = person("li")
    answer = li.client.post("/sign-out", data={"csrf_token": li.csrf})
    assert answer.headers["location"] == "/sign-in"
    again = browser()
    again.cookies.set("bangfu_session", li.token)
    assert again.get(f"/{COUNTY}/trial").status_code == 303


def test_every_answer_carries_the_protecting_headers(person: Desk, browser: Browser) -> None:
    li = person("li")
    for path in (
        f"/{COUNTY}/trial",
        "/sign-in",
        "/nowhere/at/all",
        "/healthz",
        f"/api/v1/{COUNTY}/trial/fault",
        "/static/seal.svg",
    ):
        headers = li.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert li.client.get(f"/{COUNTY}/trial").headers["cache-control"] == "no-store"
    assert "immutable" in li.client.get("/static/seal.svg?v=1").headers["cache-control"]
    assert "immutable" not in li.client.get("/static/seal.svg").headers["cache-control"]


def test_a_fault_shows_its_number_and_logs_no_text(person: Desk, caplog: pytest.LogCaptureFixture) -> None:
    answer = person("li").client.get(f"/api/v1/{COUNTY}/trial/fault")
    assert answer.status_code == 500
    number = answer.json()["number"]
    assert number == answer.headers["x-request-id"]
    assert number in caplog.text
    assert "RuntimeError" in caplog.text
    for text in (answer.text, caplog.text):
        assert "张三" not in text
        assert "510104197001011234" not in text


def test_what_was_typed_is_not_echoed(person: Desk) -> None:
    li = person("li")
    answer = li.client.post(
        f"/api/v1/{COUNTY}/cases",
        json={"plugin": {"秘密": "510104197001011234"}, "workflow": "w", "parties": [{"role": "秘密值"}]},
        headers={"X-CSRF-Token": li.csrf},
    )
    assert answer.status_code == 422
    assert "秘密值" not in answer.text
    assert "510104197001011234" not in answer.text
    assert {"where": "body.plugin", "kind": "string_type", "zh": "格式或取值不符合要求"} in answer.json()["errors"]


def test_a_request_that_is_too_large_is_refused(person: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    li = person("li")
    monkeypatch.setattr(settings(), "upload_limit_bytes", 1000)
    token = {"X-CSRF-Token": li.csrf}
    answer = li.client.post(f"/api/v1/{COUNTY}/cases", content=b"[" + b"1," * 400_000, headers=token)
    assert answer.status_code == 413
    page = li.client.post(f"/{COUNTY}/trial", data={"csrf_token": "1" * 600_000})
    assert (page.status_code, "文件过大" in page.text) == (413, True)


@pytest.mark.parametrize(
    "url", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\nb", "evil"]
)
def test_nobody_is_sent_on_to_a_strangers_page(url: str) -> None:
    assert local_path(url, "/desks") == "/desks"


@given(st.text(max_size=30).map(lambda tail: "/" + tail))
def test_a_kept_address_stays_on_this_site(url: str) -> None:
    kept = local_path(url, "/desks")
    assert kept == "/desks" or (kept == url and not kept.startswith(("//", "/\\")))
