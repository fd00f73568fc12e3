"""The JSON interface: households by key, cases with versions, the fund's books, jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from core.db.session import unit_of_work
from core.jobs.service import start_job
from core.people.models import Household, Membership, PersonFact, WorkerFile
from core.people.models import Person as PersonRow
from core.people.service import correct_income
from core.scope import Scope
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.web.conftest import Desk, Person

Acting = Callable[..., AbstractContextManager[Scope]]
CASE = {"plugin": "trial", "workflow": "trial", "parties": [{"role": "applicant", "label": "张三"}], "form": {"matter": "咨询"}}


def api(path: str, tenant: str = COUNTY) -> str:
    return f"/api/v1/{tenant}/{path}"


def plant_households(count: int, day: date = date(2025, 1, 2)) -> list[uuid.UUID]:
    """Households of one person each, in the tenant in scope."""
    made = []
    with unit_of_work() as session:
        for number in range(count):
            home = Household(address="示例社区")
            head = PersonRow(name=f"张{number}", pinyin="zhang", gender="1", identity_masked="5101****1234")
            session.add_all([home, head])
            session.flush()
            session.add(Membership(household_id=home.id, person_id=head.id, relation="head", valid_from=day))
            session.add(
                WorkerFile(
                    household_id=home.id,
                    worker_id=head.id,
                    file_number=f"D-{number:04d}",
                    status="on_file",
                    opened_on=day,
                    updated_on=day,
                )
            )
            made.append(home.id)
    return made


def test_households_are_walked_by_key(person: Desk, acting: Acting) -> None:
    with acting(COUNTY):
        planted = plant_households(5)
    li = person("li")
    seen, url = [], api("households?limit=2&status=on_file")
    while url:
        answer = li.client.get(url)
        assert answer.status_code == 200
        seen += [item["household_id"] for item in answer.json()["items"]]
        link = answer.headers.get("link")
        url = link.split(">")[0].removeprefix("<") if link else ""
        assert (answer.json()["after"] is None) == (link is None)
    assert seen == [str(home) for home in planted]
    one = li.client.get(api(f"households/{planted[0]}"))
    assert one.headers["etag"] == '"1"'
    assert [member["name"] for member in one.json()["members"]] == ["张0"]
    head = uuid.UUID(one.json()["members"][0]["person_id"])
    with acting(COUNTY, permissions=frozenset({"people.write"})), unit_of_work() as session:
        session.add(
            PersonFact(
                person_id=head, valid_from=date(2025, 1, 2), income_unsorted_fen=0, identity_status="other", source="test"
            )
        )
        session.flush()
        correct_income(session, head, lines={"income_wage_fen": 100_000}, valid_from=date(2025, 8, 1))
    changed = li.client.get(api(f"households/{planted[0]}"))
    assert (changed.headers["etag"], changed.json()["version"]) == ('"2"', 2)


def test_another_county_s_household_is_not_found(person: Desk, acting: Acting) -> None:
    with acting(OTHER_COUNTY):
        (foreign,) = plant_households(1)
    li = person("li")
    assert li.client.get(api(f"households/{foreign}")).status_code == 404
    assert li.client.get(api("households")).json() == {"items": [], "after": None}
    assert li.client.get(api("households?limit=0")).status_code == 422


def opened(li: Person, **more: Any) -> Any:
    answer = li.client.post(api("cases"), json={**CASE, **more}, headers={"X-CSRF-Token": li.csrf})
    assert answer.status_code == 201, answer.text
    return answer


def test_a_case_is_opened_read_and_moved_along(person: Desk) -> None:
    li = person("li")
    answer = opened(li, opening_key="k1")
    case = answer.json()
    assert answer.headers["location"] == api(f"cases/{case['id']}")
    assert opened(li, opening_key="k1").json()["id"] == case["id"]
    read = li.client.get(answer.headers["location"])
    assert read.json()["state"] == "opened"
    assert [offer["transition"] for offer in read.json()["offers"] if offer["allowed"]] == ["close"]
    assert [line["number"] for line in li.client.get(api("cases?limit=1")).json()["items"]] == [case["number"]]
    url, token = api(f"cases/{case['id']}/transitions/close"), {"X-CSRF-Token": li.csrf}
    assert li.client.post(url, headers=token).status_code == 428
    stale = li.client.post(url, headers=token | {"If-Match": '"7"'})
    assert stale.status_code == 412
    assert stale.headers["content-type"] == "application/problem+json"
    assert li.client.post(url, headers=token | {"If-Match": "*"}).status_code == 412
    assert li.client.post(url, headers={"If-Match": read.headers["etag"]}).status_code == 403
    done = li.client.post(url, headers=token | {"If-Match": read.headers["etag"]}, json={"note": "已答复"})
    assert done.status_code == 200
    assert done.json()["state_zh"] == "已办结"
    assert done.headers["etag"] == f'"{case["version"] + 1}"'
    again = li.client.post(url, headers=token | {"If-Match": done.headers["etag"]})
    assert again.status_code == 409
    assert again.json()["type"] == "urn:bangfu:error:conflict"


def test_a_form_that_does_not_fit_is_a_problem_with_its_place(person: Desk) -> None:
    li = person("li")
    answer = li.client.post(api("cases"), json={**CASE, "form": {}}, headers={"X-CSRF-Token": li.csrf})
    assert answer.status_code == 422
    problem = answer.json()
    assert {"type", "title", "status", "detail", "detail_en", "where", "mend", "number"} <= problem.keys()
    assert "matter" in problem["where"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"form": {"matter": "\x00"}}, 422),
        ({"parties": [{"role": "applicant", "label": "\x00"}]}, 422),
        ({"requested_fen": 2**40 + 0.5}, 422),
    ],
)
def test_what_the_database_refuses_is_told_without_its_words(person: Desk, more: dict[str, Any], status: int) -> None:
    li = person("li")
    answer = li.client.post(api("cases"), json={**CASE, **more}, headers={"X-CSRF-Token": li.csrf})
    assert answer.status_code == status
    assert "psycopg" not in answer.text


@pytest.mark.parametrize("amount", [True, False, 1000.0, "5", 10**12 + 1, -1])
def test_an_amount_is_a_whole_number_of_fen(person: Desk, amount: object) -> None:
    li = person("li")
    answer = li.client.post(api("cases"), json={**CASE, "requested_fen": amount}, headers={"X-CSRF-Token": li.csrf})
    assert answer.status_code == 422
    assert "requested_fen" in answer.text


def test_half_a_character_is_refused(person: Desk) -> None:
    li = person("li")
    body = '{"plugin":"trial","workflow":"trial","parties":[{"role":"applicant","label":"\\ud800"}],"form":{"matter":"a"}}'
    answer = li.client.post(api("cases"), content=body, headers={"X-CSRF-Token": li.csrf, "Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_case_of_another_county_is_not_found(person: Desk) -> None:
    li, wang = person("li"), person("wang", tenant=OTHER_COUNTY)
    case = opened(li).json()
    assert wang.client.get(api(f"cases/{case['id']}", OTHER_COUNTY)).status_code == 404
    url = api(f"cases/{case['id']}/transitions/close", OTHER_COUNTY)
    assert wang.client.post(url, headers={"X-CSRF-Token": wang.csrf, "If-Match": '"1"'}).status_code == 404


def test_jobs_are_shown_ended_and_taken_up_again(person: Desk, acting: Acting) -> None:
    admin = person("admin", role="tenant_admin")
    may = {"permissions": frozenset({"job.start"}), "plugins": frozenset({"trial"})}
    with acting(COUNTY, actor=str(admin.account_id), **may), unit_of_work() as session:
        job = start_job(session, "trial", "2025", {})
    assert [line["id"] for line in admin.client.get(api("jobs")).json()] == [str(job.id)]
    token = {"X-CSRF-Token": admin.csrf}
    assert admin.client.get(api(f"jobs/{job.id}")).json()["state"] == "queued"
    assert admin.client.post(api(f"jobs/{job.id}/resume"), headers=token).status_code == 409
    assert admin.client.post(api(f"jobs/{job.id}/cancel"), headers=token).json()["state"] == "cancelled"
    assert admin.client.post(api(f"jobs/{job.id}/resume"), headers=token).json()["state"] == "queued"
    assert person("li").client.post(api(f"jobs/{job.id}/cancel")).status_code == 403


def test_the_books_of_a_year(person: Desk, db: Database) -> None:
    manager = person("manager", role="fund_manager")
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into fund_account (tenant, id, year, source, purpose, state, balance_fen)"
                " values (:tenant, gen_random_uuid(), 2025, 'union', 'living', 'available', 500)"
            ),
            {"tenant": COUNTY},
        )
    told = manager.client.get(api("funds/2025")).json()
    assert told["balances"] == [{"source": "union", "purpose": "living", "state": "available", "fen": 500}]
    assert manager.client.get(api("funds/1066")).status_code == 422
    assert person("li").client.get(api("funds/2025")).status_code == 403


def test_the_session_tells_its_token_and_desks(person: Desk) -> None:
    li = person("li")
    told = li.client.get("/api/v1/session").json()
    assert told["csrf_token"] == li.csrf
    assert [desk["tenant"] for desk in told["desks"]] == [COUNTY]


@pytest.mark.parametrize("part", ["paths", "components"])
def test_the_description_names_the_resources_and_no_pages(person: Desk, part: str) -> None:
    document = person("li").client.get("/api/v1/openapi.json").json()
    assert document[part]
    assert all(path.startswith("/api/v1/") or path == "/healthz" for path in document["paths"])
