"""What was typed is not said again: whatever is refused, a number typed into it comes back in no answer and no address."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Conflict, InvalidInput
from core.jobs import failures
from core.people.entry import Fault, Refused
from core.vault.unsaid import masked, without_numbers
from core.web.pages import entry_forms
from core.web.unsaid import kept_address
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.lines import PETITION, Acting, install, with_key
from tests.web.conftest import Desk, Person
from tests.web.county import switch_lines

NUMBER = "510104197001011234"
SPACED = "510104 19700101 1234"
API = f"/api/v1/{COUNTY}"
PARTY = {"role": "applicant", "label": "吴敏"}
CASE: dict[str, Any] = {"plugin": "petitions", "workflow": "petition", "parties": [PARTY], "form": PETITION}
BODIES: dict[str, dict[str, Any]] = {
    "a workflow": CASE | {"workflow": f"petition {NUMBER}"},
    "a plugin": CASE | {"plugin": NUMBER},
    "a programme": CASE | {"programme": NUMBER},
    "a field of the form": CASE | {"form": PETITION | {NUMBER: 1}},
    "a field beside the form": CASE | {NUMBER: 1},
    "a field of a party": CASE | {"parties": [PARTY | {NUMBER: 1}]},
    "a role": CASE | {"parties": [PARTY | {"role": NUMBER}]},
    "a person": CASE | {"parties": [PARTY | {"person_id": NUMBER}]},
    "a choice": CASE | {"form": PETITION | {"kind": NUMBER}},
    "a choice in parts": CASE | {"form": PETITION | {"kind": SPACED}},
    "a whole number": CASE | {"form": PETITION | {"people": NUMBER}},
    "a handler": CASE | {"form": PETITION | {"kind": "accusation"}, "handlers": [NUMBER]},
    "an amount": CASE | {"requested_fen": NUMBER},
}
ADDRESSES = (
    f"/nowhere/{NUMBER}",
    f"/{NUMBER}/",
    f"/{COUNTY}/{NUMBER}",
    f"/{COUNTY}/cases/{NUMBER}",
    f"/{COUNTY}/households/{NUMBER}",
    f"/{COUNTY}/cases/new?workflow={NUMBER}",
    f"/{COUNTY}/cases/new?workflow=petition&household={NUMBER}",
    f"/{COUNTY}/deadlines?after={NUMBER}",
    f"/{COUNTY}/cases?after={NUMBER}",
    f"{API}/{NUMBER}",
    f"{API}/cases/{NUMBER}",
    f"{API}/cases?after={NUMBER}",
    f"{API}/cases?limit={NUMBER}",
    f"{API}/cases/handlers?workflow={NUMBER}",
)


@pytest.fixture
def clerk(person: Desk, db: Database, acting: Acting) -> Person:
    install(db)
    switch_lines(db, COUNTY)
    with_key(acting)
    return person("clerk")


def _silent(text: str) -> bool:
    return NUMBER not in text and SPACED not in text


@pytest.mark.parametrize("what", BODIES)
def test_a_refused_resource_says_no_number_again(clerk: Person, what: str) -> None:
    answer = clerk.client.post(f"{API}/cases", json=BODIES[what], headers={"X-CSRF-Token": clerk.csrf})
    assert answer.status_code in {404, 422}
    assert _silent(answer.text), answer.text


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_refused_address_says_no_number_again(clerk: Person, address: str) -> None:
    answer = clerk.client.get(address)
    assert answer.status_code in {404, 422}, answer.text
    assert _silent(answer.text), answer.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("steps/accept", {"version": NUMBER}),
        (f"steps/{NUMBER}", {"version": "1"}),
        ("documents", {"kind": NUMBER}),
        (f"documents/{NUMBER}/withdraw", {}),
        (f"documents/{uuid.UUID(int=7)}/withdraw", {"reason": NUMBER}),
    ],
)
def test_a_refused_form_says_no_number_in_what_is_wrong(clerk: Person, path: str, fields: dict[str, str]) -> None:
    opened = clerk.client.post(f"{API}/cases", json=CASE, headers={"X-CSRF-Token": clerk.csrf}).json()["id"]
    files = {"paper": ("a.pdf", b"%PDF-1.7\n", "application/pdf")}
    answer = clerk.client.post(f"/{COUNTY}/cases/{opened}/{path}", data={"csrf_token": clerk.csrf, **fields}, files=files)
    assert answer.status_code in {404, 412, 422}
    assert _silent(answer.text)


def test_a_workflow_that_there_is_not_names_those_that_there_are(clerk: Person) -> None:
    told = clerk.client.post(f"{API}/cases", json=BODIES["a workflow"], headers={"X-CSRF-Token": clerk.csrf}).json()
    assert (told["where"], told["status"]) == ("workflow", 404)
    assert "petition" in told["mend"]
    told = clerk.client.post(f"{API}/cases", json=BODIES["a field of the form"], headers={"X-CSRF-Token": clerk.csrf}).json()
    assert (told["where"], "subject" in told["mend_en"]) == ("form", True)
    told = clerk.client.post(f"{API}/cases", json=BODIES["a field of a party"], headers={"X-CSRF-Token": clerk.csrf}).json()
    assert told["errors"] == [{"where": "body.parties.0", "kind": "extra_forbidden", "zh": "不接受该字段"}]


def test_a_number_that_is_looked_for_stands_in_no_address_and_no_answer(clerk: Person) -> None:
    url = f"/{COUNTY}/find"
    page = clerk.client.get(f"{url}?q={NUMBER}")
    assert page.status_code == 200
    assert _silent(page.text)
    assert f'action="{url}" method="post"' in page.text
    assert f'hx-post="{url}"' in page.text
    assert "hx-get" not in page.text
    assert clerk.client.post(url, data={"q": NUMBER}).status_code == 403
    for headers in ({}, {"HX-Request": "true"}):
        found = clerk.client.post(url, data={"q": NUMBER, "csrf_token": clerk.csrf}, headers=headers)
        assert found.status_code == 200
        assert "没有找到" in found.text
        assert _silent(found.text)


def test_who_signs_in_again_is_led_back_without_what_was_typed(app: object, clerk: Person) -> None:
    stranger = TestClient(clerk.client.app, follow_redirects=False)
    for asked, kept in (
        (f"/{COUNTY}/find?q={NUMBER}", f"/{COUNTY}/find"),
        (f"/{COUNTY}/find?q=%E5%91%A8&line=petitions", f"/{COUNTY}/find%3Fline%3Dpetitions"),
        (f"/{COUNTY}/cases/new?workflow=petition", f"/{COUNTY}/cases/new%3Fworkflow%3Dpetition"),
        (f"/{COUNTY}/cases/{NUMBER}", f"/{COUNTY}/"),
    ):
        assert stranger.get(asked).headers["location"] == f"/sign-in?next={kept}"
        part = stranger.get(f"/{COUNTY}/", headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{asked}"})
        assert part.headers["hx-redirect"] == f"/sign-in?next={kept}"
    broken = stranger.get(f"/{COUNTY}/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (broken.status_code, broken.headers["hx-redirect"]) == (401, f"/sign-in?next=/{COUNTY}/")


def test_a_body_that_is_no_json_is_read_only_from_who_may_enter(clerk: Person) -> None:
    stranger = TestClient(clerk.client.app, follow_redirects=False)
    sent: dict[str, Any] = {"content": b"{", "headers": {"content-type": "application/json", "X-CSRF-Token": clerk.csrf}}
    assert stranger.post(f"{API}/cases", **sent).status_code == 401
    assert clerk.client.post(f"/api/v1/{OTHER_COUNTY}/cases", **sent).status_code == 404
    assert clerk.client.post("/api/v1/999999/cases", **sent).status_code == 404
    assert clerk.client.post(f"{API}/cases", **sent).status_code == 422


def test_a_slash_too_many_or_too_few_leads_to_no_other_host(clerk: Person) -> None:
    elsewhere = {"Host": "evil.example"}
    for path in (f"/{COUNTY}/cases/", "/sign-in/", f"{API}/cases/"):
        answer = clerk.client.get(path, headers=elsewhere)
        assert (answer.status_code, answer.headers.get("location")) == (404, None)
    assert clerk.client.get(f"/{COUNTY}", headers=elsewhere).headers["location"] == f"/{COUNTY}/"


@pytest.mark.parametrize("row", [str(uuid.UUID(int=10**37)), "12345678-1234-1234-1234-123456789012"])
def test_ids_amounts_and_numbers_of_cases_are_said(row: str) -> None:
    text = f"{row}：XF-2025-0001 于 2025-09-01 申请 1,234,567,890.00 元，不超过 10485760"
    assert without_numbers(text) == text


def test_numbers_of_files_are_said_and_no_others_beside_them() -> None:
    files = ["510104202300003", "DA2025000012"]
    told = masked(Conflict(f"{files[0]}、{files[1]} 号档案，{NUMBER}", files[1], where=files[0], files=files))
    assert (told.zh, told.en, told.where) == (f"{files[0]}、{files[1]} 号档案，****", files[1], files[0])
    assert masked(Conflict(f"{files[0]} 号档案", "")).zh == "**** 号档案"


def test_a_form_and_a_job_say_no_number_of_the_place_again() -> None:
    refused = Conflict("与登记不符", "it differs", where=f"{NUMBER}，{SPACED}", mend_zh=f"核对 {NUMBER}")
    shown = entry_forms.told(refused, ["name"])
    assert (shown.general, shown.status) == ("与登记不符（****，****）。核对 ****", 409)
    assert failures.told(refused) == "****，****: 与登记不符。核对 **** / it differs"
    kept = Conflict("档案已注销", "closed", where="510104202300003", files=["510104202300003"])
    assert entry_forms.told(kept, []).general == "档案已注销（510104202300003）"
    several = Refused([Fault("members.0.name", "姓名", kept), Fault("members.1.name", "姓名", refused)])
    assert (several.files, "510104202300003" in failures.told(several)) == (("510104202300003",), False)
    at_fields = entry_forms.told(several, ["members.0.name"])
    assert (at_fields.at("members.0.name"), at_fields.general) == ("档案已注销", "姓名：与登记不符")


@given(st.from_regex(r"[0-9０-９]([ 　]?[0-9０-９]){8,20}", fullmatch=True), st.text(max_size=10))
def test_a_long_number_is_hidden_however_it_is_written(number: str, around: str) -> None:
    assert number not in without_numbers(f"{around}“{number}”{around}")
    told = masked(InvalidInput(number, number, where=number, mend_zh=number))
    assert {told.zh, told.en, told.where, told.mend_zh} == {"****"}
    assert told.status == 422


@given(st.text(max_size=40))
def test_any_address_is_kept_or_not_without_a_fault(url: str) -> None:
    kept_address(url)
