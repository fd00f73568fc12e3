"""Opening cases on the page and as a resource: nothing typed is lost, confidential cases get their handlers."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from tests.conftest import COUNTY, Database
from tests.core.lines import PETITION, Acting, install, with_key
from tests.web.conftest import Desk, Person
from tests.web.county import switch_lines


@pytest.fixture
def clerk(person: Desk, db: Database, acting: Acting) -> Person:
    install(db)
    switch_lines(db, COUNTY)
    with_key(acting)
    return person("clerk")


def _filled(clerk: Person, **more: str) -> dict[str, str]:
    fields = {f"field.{name}": value for name, value in (PETITION | more).items()}
    return {"csrf_token": clerk.csrf, "workflow": "petition", "opening_key": "k", "applicant": "吴敏", **fields}


def test_an_accusation_is_registered_for_the_handler_chosen(clerk: Person, person: Desk) -> None:
    handler = person("handler", role="petition_handler")
    box = f"handler.{handler.account_id}"
    assert box in clerk.client.get(f"/{COUNTY}/cases/new?workflow=petition").text
    assert "handler." not in clerk.client.get(f"/{COUNTY}/cases/new?workflow=job_seeking").text
    filled = _filled(clerk, kind="accusation")
    refused = clerk.client.post(f"/{COUNTY}/cases/new", data=filled)
    assert refused.status_code == 422
    assert "信访承办人" in refused.text
    assert 'href="#f-handlers"' in refused.text
    done = clerk.client.post(f"/{COUNTY}/cases/new", data=filled | {box: "yes"})
    assert done.status_code == 303
    page = handler.client.get(done.headers["location"])
    assert "steps/accept" in page.text
    assert "hand-over" not in clerk.client.get(done.headers["location"]).text
    assert person("third").client.get(done.headers["location"]).status_code == 404


def test_a_resource_names_the_handlers_and_takes_them(clerk: Person, person: Desk) -> None:
    handler = person("handler", role="petition_handler")
    url, token = f"/api/v1/{COUNTY}/cases", {"X-CSRF-Token": clerk.csrf}
    offered = clerk.client.get(f"{url}/handlers?workflow=petition")
    assert offered.json() == [
        {"actor": str(handler.account_id), "name": "员工handler", "titles": ["信访承办人"], "may_begin": True}
    ]
    body = {
        "plugin": "petitions",
        "workflow": "petition",
        "parties": [{"role": "applicant", "label": "吴敏"}],
        "form": PETITION | {"kind": "accusation"},
    }
    refused = clerk.client.post(url, json=body, headers=token)
    assert (refused.status_code, refused.json()["where"]) == (422, "handlers")
    opened = clerk.client.post(url, json=body | {"handlers": [str(handler.account_id)]}, headers=token)
    assert opened.status_code == 201
    assert handler.client.get(f"{url}/{opened.json()['id']}").status_code == 200
    assert person("payer", role="payer").client.get(f"{url}/handlers?workflow=petition").status_code == 403


def test_a_line_that_is_off_has_no_forms_and_takes_no_case(clerk: Person, db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update tenant_plugin set enabled = false where plugin = 'petitions'"))
    body = {
        "plugin": "petitions",
        "workflow": "petition",
        "parties": [{"role": "applicant", "label": "吴敏"}],
        "form": PETITION,
    }
    token = {"X-CSRF-Token": clerk.csrf}
    client, page, resource = clerk.client, f"/{COUNTY}/cases/new", f"/api/v1/{COUNTY}/cases"
    assert client.get(f"{page}?workflow=petition").status_code == 404
    assert client.post(page, data=_filled(clerk)).status_code == 404
    assert client.get(f"{resource}/handlers?workflow=petition").status_code == 404
    assert client.post(resource, json=body, headers=token).status_code == 404


def test_a_party_of_another_county_or_of_none_is_not_there(clerk: Person) -> None:
    body = {"plugin": "petitions", "workflow": "petition", "form": PETITION}
    for party in ("person_id", "household_id"):
        parties = [{"role": "applicant", party: str(uuid.uuid4())}]
        answer = clerk.client.post(
            f"/api/v1/{COUNTY}/cases", json=body | {"parties": parties}, headers={"X-CSRF-Token": clerk.csrf}
        )
        assert (answer.status_code, answer.json()["where"]) == (404, "parties")


def test_a_key_of_a_case_that_is_secret_is_refused_without_a_word_of_it(clerk: Person, person: Desk) -> None:
    handler, other = person("handler", role="petition_handler"), person("other")
    secret = _filled(clerk, kind="accusation") | {f"handler.{handler.account_id}": "on", "opening_key": "secret"}
    number = clerk.client.post(f"/{COUNTY}/cases/new", data=secret).headers["location"].split("/")[-1]
    refused = other.client.post(f"/{COUNTY}/cases/new", data=_filled(other) | {"opening_key": "secret"})
    assert refused.status_code == 409
    assert number not in refused.text


def test_a_key_that_comes_again_with_other_content_is_refused_with_what_was_typed(clerk: Person) -> None:
    url = f"/{COUNTY}/cases/new"
    first = clerk.client.post(url, data=_filled(clerk))
    assert clerk.client.post(url, data=_filled(clerk)).headers["location"] == first.headers["location"]
    refused = clerk.client.post(url, data=_filled(clerk) | {"applicant": "吴敏之"})
    assert refused.status_code == 409
    assert "内容不同" in refused.text
    assert "吴敏之" in refused.text


def test_a_text_that_is_too_long_comes_back_whole(clerk: Person) -> None:
    long = "长" * 20_001
    refused = clerk.client.post(f"/{COUNTY}/cases/new", data=_filled(clerk, content=long))
    assert refused.status_code == 422
    assert "现有 20001 字" in refused.text
    assert long in refused.text
    named = clerk.client.post(f"/{COUNTY}/cases/new", data=_filled(clerk) | {"applicant": "名" * 101})
    assert named.status_code == 422
    assert "名" * 101 in named.text


def test_a_full_box_of_short_lines_is_taken(clerk: Person) -> None:
    filled = _filled(clerk, content="\r\n".join(["字"] * 10_000))
    assert clerk.client.post(f"/{COUNTY}/cases/new", data=filled).status_code == 303


def test_a_choice_that_is_none_is_told_at_its_field(clerk: Person) -> None:
    refused = clerk.client.post(f"/{COUNTY}/cases/new", data=_filled(clerk, channel="pigeon"))
    assert 'href="#f-field.channel"' in refused.text
    assert 'id="f-field.channel-e"' in refused.text
