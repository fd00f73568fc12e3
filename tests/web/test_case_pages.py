"""Opening cases on the page and as a resource: nothing typed is lost, confidential cases get their handlers."""

from __future__ import annotations

import pytest

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
