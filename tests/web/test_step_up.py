"""The fresh proof: which acts ask for it, and that nothing typed is lost while the person proves himself."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from sqlalchemy import text

from core.web.app import API_ROOT, make_app
from core.web.context import enter_tenant
from core.web.security import guard_form, guard_header
from core.web.step_up import fresh_proof
from tests.conftest import COUNTY, Database
from tests.web.conftest import PASSWORD, Desk
from tests.web.routes import routes_of
from tests.web.test_account_pages import enrol, hidden_fields, now_code, quick, uncounted

__all__ = ["quick", "uncounted"]

NEED_FRESH_PROOF = {
    ("POST", "/{tenant}/funds/payments/{batch_id}/approve"),
    ("POST", "/{tenant}/funds/payments/{batch_id}/send"),
    ("POST", "/{tenant}/funds/payments/{batch_id}/return"),
    ("POST", "/{tenant}/funds/payments/{batch_id}/reversals"),
    ("POST", "/{tenant}/funds/payments/{batch_id}/reversals/{reversal_id}"),
    ("POST", "/{tenant}/mergers"),
    ("POST", "/{tenant}/mergers/{closing_id}"),
    ("POST", "/{tenant}/mergers/{closing_id}/stop"),
    ("POST", "/api/v1/{tenant}/mergers"),
    ("POST", "/api/v1/{tenant}/mergers/{closing_id}/decision"),
    ("POST", "/api/v1/{tenant}/mergers/{closing_id}/stop"),
    ("POST", "/{tenant}/opening-balances/{balance_id}"),
    ("POST", "/api/v1/{tenant}/opening-balances/{balance_id}/decision"),
    ("POST", "/{tenant}/tenants"),
    ("POST", "/{tenant}/tenants/profiles"),
    ("PUT", "/api/v1/{tenant}/tenant-profiles/{profile}"),
    ("POST", "/{tenant}/tenants/{code}/prepare"),
    ("POST", "/{tenant}/tenants/{code}/go-live"),
    ("POST", "/{tenant}/tenants/{code}/suspend"),
    ("POST", "/{tenant}/tenants/{code}/resume"),
    ("POST", "/{tenant}/tenants/{code}/division"),
    ("POST", "/api/v1/{tenant}/tenants"),
    ("POST", "/api/v1/{tenant}/tenants/{code}/go-live"),
    ("POST", "/api/v1/{tenant}/tenants/{code}/suspend"),
    ("POST", "/api/v1/{tenant}/tenants/{code}/resume"),
    ("POST", "/api/v1/{tenant}/tenants/{code}/division"),
    ("POST", "/{tenant}/plugins/{name}"),
    ("POST", "/{tenant}/programs"),
    ("POST", "/{tenant}/system/plugins/{name}"),
    ("POST", "/{tenant}/cases/handlers"),
    ("POST", "/{tenant}/cases/handlers/emergency"),
    ("POST", "/{tenant}/cases/handlers/{change_id}"),
    ("POST", "/api/v1/{tenant}/handler-changes"),
    ("POST", "/api/v1/{tenant}/handler-changes/emergency"),
    ("POST", "/api/v1/{tenant}/handler-changes/{change_id}/decision"),
    ("POST", "/{tenant}/parameters/proposals/{proposal_id}/adopt"),
    ("POST", "/{tenant}/parameters/proposals/{proposal_id}/refuse"),
    ("POST", "/api/v1/{tenant}/parameter-proposals/{proposal_id}/decision"),
    ("POST", "/{tenant}/plugins/{name}/rule"),
    ("POST", "/{tenant}/plugins/{name}/settings"),
    ("POST", "/{tenant}/plugins/{name}/settings/restore"),
    ("POST", "/{tenant}/plugins/{name}/settings/secret"),
    ("POST", "/{tenant}/plugins/{name}/settings/withdraw"),
    ("POST", "/api/v1/{tenant}/plugins/{name}/rules"),
    ("PUT", "/api/v1/{tenant}/plugins/{name}"),
    ("PUT", "/api/v1/{tenant}/plugins/{name}/settings"),
    ("POST", "/{tenant}/rights/{request_id}/copy"),
    ("POST", "/{tenant}/rights/households/{household_id}/erasure"),
    ("POST", "/{tenant}/rights/erasures/{erasure_id}"),
    ("POST", "/api/v1/{tenant}/rights/erasures"),
    ("POST", "/api/v1/{tenant}/rights/erasures/{erasure_id}/decision"),
    ("GET", "/account/second-factor"),
    ("POST", "/account/second-factor"),
    ("POST", "/account/second-factor/codes"),
    ("POST", "/account/second-factor/end"),
}
"""Every act that asks for a fresh proof; one that is added enters here by hand, so that none is lost unseen."""


pages, resources = APIRouter(), APIRouter()


@pages.post("/weighty")
async def weighty(request: Request, reason: str = Form()) -> dict[str, object]:
    form = await request.form()
    return {"reason": reason, "marks": form.getlist("mark")}


@pages.get("/weighty")
def weighty_page() -> str:
    return "seen"


@resources.post("/weighty")
def weighty_resource() -> str:
    return "done"


@lru_cache(maxsize=1)
def _made() -> FastAPI:
    app = make_app()
    for router, prefix, guard in ((pages, "/{tenant}", guard_form), (resources, f"{API_ROOT}/{{tenant}}", guard_header)):
        app.include_router(router, prefix=prefix, dependencies=[Depends(enter_tenant), Depends(guard), Depends(fresh_proof())])
    return app


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """An application of its own, made once, with a page and a resource more that ask for a fresh proof."""
    return _made()


def age_proof(db: Database, minutes: int = 11) -> None:
    """As if everybody had proven himself so many minutes earlier."""
    with db.owner.begin() as connection:
        connection.execute(
            text("update staff_session set authenticated_at = authenticated_at - :by"), {"by": timedelta(minutes=minutes)}
        )


def test_which_acts_ask_for_a_fresh_proof(app: FastAPI) -> None:
    asking = {(route.method, route.path) for route in routes_of(app) if route.asks_again}
    assert {(method, path) for method, path in asking if "weighty" not in path} == NEED_FRESH_PROOF


def test_a_form_is_kept_while_the_person_proves_himself(person: Desk, db: Database) -> None:
    li = person("li")
    url = f"/{COUNTY}/weighty"
    form = {"reason": '大额"<b>支出', "mark": ["a", "b"], "csrf_token": li.csrf}
    assert li.client.post(url, data=form).json() == {"reason": '大额"<b>支出', "marks": ["a", "b"]}
    age_proof(db)
    asked = li.client.post(f"{url}?from=list", data=form)
    assert asked.status_code == 401
    assert "再次验证身份" in asked.text
    assert "大额&#34;&lt;b&gt;支出" in asked.text
    assert asked.text.count('name="mark"') == 2
    assert asked.text.count("csrf_token") == 1
    assert f'action="{url}?from=list"' in asked.text
    again = {**hidden_fields(asked.text), "mark": ["a", "b"]}
    assert "proof_password" not in again
    wrong = li.client.post(url, data=again | {"proof_password": "错的密码"})
    assert wrong.status_code == 422
    assert "密码不正确" in wrong.text
    assert "错的密码" not in wrong.text
    assert hidden_fields(wrong.text)["reason"] == form["reason"]
    done = li.client.post(url, data=again | {"proof_password": PASSWORD})
    assert done.json() == {"reason": form["reason"], "marks": ["a", "b"]}
    assert li.client.post(url, data=form).status_code == 200


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        (f"http://testserver/{COUNTY}/cases?state=open", f"/{COUNTY}/cases?state=open"),
        (f"http://testserver/{COUNTY}/weighty", f"/{COUNTY}/"),
        ("http://evil.example/cases", f"/{COUNTY}/"),
        ("http://testserver//evil.example", "/"),
        ("", f"/{COUNTY}/"),
    ],
)
def test_whoever_changes_his_mind_goes_back_to_where_he_was(person: Desk, db: Database, referer: str, back: str) -> None:
    li = person("li")
    age_proof(db)
    form = {"reason": "x", "csrf_token": li.csrf}
    asked = li.client.post(f"/{COUNTY}/weighty", data=form, headers={"Referer": referer})
    assert f'<a href="{back}">返回原来的页面</a>' in asked.text


def test_a_fresh_proof_is_no_way_around_the_page_s_token(person: Desk, db: Database) -> None:
    li = person("li")
    age_proof(db)
    data = {"reason": "x", "proof_password": PASSWORD}
    assert li.client.post(f"/{COUNTY}/weighty", data=data).status_code == 403
    assert li.client.post("/account/confirm", data=data).status_code == 403


def test_secrets_and_files_are_not_kept(person: Desk, db: Database) -> None:
    li = person("li")
    age_proof(db)
    asked = li.client.post(
        f"/{COUNTY}/weighty",
        data={"reason": "x", "password": "秘密一二三", "csrf_token": li.csrf},
        files={"paper": ("a.txt", b"1")},
    )
    assert asked.status_code == 401
    assert "秘密一二三" not in asked.text
    assert "请重新选择" in asked.text
    assert hidden_fields(asked.text)["reason"] == "x"


def test_a_page_leads_to_the_confirmation_and_back(person: Desk, db: Database) -> None:
    li = person("li")
    url = f"/{COUNTY}/weighty"
    age_proof(db)
    led = li.client.get(f"{url}?year=2025")
    assert led.status_code == 303
    assert led.headers["location"].startswith("/account/confirm?next=")
    page = li.client.get(led.headers["location"])
    assert page.status_code == 200
    fields = hidden_fields(page.text)
    assert fields["next"] == f"{url}?year=2025"
    wrong = li.client.post("/account/confirm", data=fields | {"proof_password": "x"})
    assert (wrong.status_code, hidden_fields(wrong.text)["next"]) == (422, fields["next"])
    back = li.client.post("/account/confirm", data=fields | {"proof_password": PASSWORD})
    assert back.headers["location"] == fields["next"]
    assert li.client.get(url).status_code == 200
    assert li.client.get(led.headers["location"]).headers["location"] == fields["next"]
    assert "身份已验证" in li.client.get("/account/confirm").text
    stranger = li.client.post("/account/confirm", data=fields | {"proof_password": PASSWORD, "next": "//evil.example"})
    assert stranger.headers["location"] == "/account/confirm"


def test_a_fragment_leads_its_page_to_the_confirmation(person: Desk, db: Database) -> None:
    li = person("li")
    age_proof(db)
    answer = li.client.post(
        f"/{COUNTY}/weighty",
        data={"reason": "x", "csrf_token": li.csrf},
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver/{COUNTY}/trial?tab=a"},
    )
    assert answer.status_code == 403
    assert answer.headers["HX-Redirect"].startswith("/account/confirm?next=")


def test_a_program_is_told_in_the_words_of_rfc_9470(person: Desk, db: Database) -> None:
    li = person("li")
    url, headers = f"/api/v1/{COUNTY}/weighty", {"X-CSRF-Token": li.csrf}
    assert li.client.post(url, headers=headers).status_code == 200
    age_proof(db)
    told = li.client.post(url, headers=headers)
    assert told.status_code == 401
    assert told.json()["type"] == "urn:bangfu:error:fresh_proof_required"
    challenge = told.headers["www-authenticate"]
    for part in ('error="insufficient_user_authentication"', 'acr_values="1"', 'max_age="600"'):
        assert part in challenge


def test_an_account_with_a_second_factor_shows_it_again(person: Desk, db: Database) -> None:
    li = person("li")
    secret, codes = enrol(li)
    url = f"/{COUNTY}/weighty"
    form = {"reason": "x", "csrf_token": li.csrf}
    # the session is fresh, but was opened by the password alone
    asked = li.client.post(url, data=form)
    assert asked.status_code == 401
    assert 'name="proof_code"' in asked.text
    challenge = li.client.post(f"/api/v1/{COUNTY}/weighty", headers={"X-CSRF-Token": li.csrf}).headers
    assert 'acr_values="2"' in challenge["www-authenticate"]
    assert li.client.post(url, data=form | {"proof_password": PASSWORD}).status_code == 422
    assert li.client.post(url, data=form | {"proof_password": PASSWORD, "proof_code": now_code(secret)}).status_code == 200
    assert li.client.post(url, data=form).status_code == 200
    age_proof(db)
    assert li.client.post(url, data=form | {"proof_password": PASSWORD, "proof_code": codes[0]}).status_code == 200


def test_proving_oneself_is_throttled(person: Desk, db: Database) -> None:
    li = person("li")
    age_proof(db)
    form = {"reason": "x", "csrf_token": li.csrf, "proof_password": "x"}
    statuses = [li.client.post(f"/{COUNTY}/weighty", data=form).status_code for _ in range(7)]
    assert statuses == [422] * 6 + [429]
    data = {"csrf_token": li.csrf, "proof_password": PASSWORD}
    assert li.client.post("/account/confirm", data=data).status_code == 429


def test_a_line_is_switched_only_with_a_fresh_proof(person: Desk, db: Database) -> None:
    admin = person("admin", role="tenant_admin")
    age_proof(db)
    form = {"enabled": "", "reason": "停办", "csrf_token": admin.csrf}
    asked = admin.client.post(f"/{COUNTY}/plugins/trial", data=form)
    assert asked.status_code == 401
    assert hidden_fields(asked.text)["reason"] == "停办"
    done = admin.client.post(f"/{COUNTY}/plugins/trial", data=form | {"proof_password": PASSWORD})
    assert done.headers["location"] == f"/{COUNTY}/plugins/trial"


def test_whoever_signs_in_elsewhere_proves_himself_there(person: Desk, db: Database) -> None:
    li = person("li")
    age_proof(db)
    with db.owner.begin() as connection:
        connection.execute(text("update account set password_hash = null"))
    asked = li.client.post(f"/{COUNTY}/weighty", data={"reason": "x", "csrf_token": li.csrf})
    assert asked.status_code == 401
    assert 'target="_blank"' in asked.text
    assert "proof_password" not in asked.text
    assert hidden_fields(asked.text)["reason"] == "x"
